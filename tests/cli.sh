#!/bin/sh
# SPDX-License-Identifier: MIT
# The command against its contract: options, exit statuses, what it says about bad input, disks that
# misbehave, the console on every kind of file, signals and the terminal.
# usage: cli.sh RESULTS BUILD [ENGINE]; hs: what has to hold on a board in QEMU as well.
set -u
engine=${3:-interp} results=$1 build=$(cd "$2" && pwd)
ring=cli
[ "$engine" = interp ] || ring=cli-$engine
. tests/lib.sh

# All files of the tests, readable by the user that the tests of permissions become.
dir=$(mktemp -d) && chmod 755 "$dir" || exit 1
trap 'rm -rf "$dir"' EXIT INT TERM
out=$dir/out err=$dir/err
trapeze=$dir/trapeze
cp "$build/trapeze" "$trapeze"
mkdir "$dir/metal" && cp "$build"/metal/*.bin "$dir/metal" 2>/dev/null
for guest in hello remote case-power-off case-spin case-nowhere smp; do
    cp "$build/guests/$guest.elf" "$dir"
done
hello=$dir/hello.elf remote=$dir/remote.elf off=$dir/case-power-off.elf
names=$(cd tests && pwd)/stats-names.txt
terminal=$build/tools/terminal
much_text=150000

explain() {
    echo "$1"
    tail -c 1000 "$out"
    tail -n 20 "$err"
    return 1
}

# status STATUS COMMAND...: the command ends with it, and in time. Console in $out, messages in $err.
status() {
    want=$1
    shift
    timeout 30 "$@" >"$out" 2>"$err"
    got=$?
    [ $got -eq "$want" ] || explain "status $got, expected $want"
}

run() {
    want=$1
    shift
    status "$want" "$trapeze" run --engine "$engine" "$@"
}

says() {
    grep -qE -- "$1" "$err" || explain "no message '$1'"
}

prints() {
    tr -d '\r' <"$out" | grep -qE -- "$1" || explain "no line '$1' on the console"
}

one_line() {
    [ "$(wc -l <"$err")" -eq 1 ] || explain "not one line"
}

# refused STATUS PATTERN ARGUMENTS...: one line that matches, nothing on the console.
refused() {
    want=$1 pattern=$2
    shift 2
    status "$want" "$trapeze" "$@" </dev/null && says "$pattern" && one_line && [ ! -s "$out" ]
}

# bad_usage PATTERN ARGUMENTS OF run...
bad_usage() {
    pattern=$1
    shift
    refused 2 "$pattern" run "$@"
}

# bad_input PATTERN OPTIONS...
bad_input() {
    pattern=$1
    shift
    refused 1 "$pattern" run --engine "$engine" "$@"
}

# --- usage

subcommands() {
    refused 2 'name a command' && refused 2 "no command 'walk'" walk &&
        refused 2 "no help on 'x'" help x && status 0 "$trapeze" version && prints '^trapeze [0-9]' &&
        status 0 "$trapeze" --version && status 0 "$trapeze" help && status 0 "$trapeze" run --help
}

# Every option has a line in the help, every exit status too.
help_is_complete() {
    status 0 "$trapeze" help run || return
    for option in engine kernel initrd append dtb memory vcpus disk name stats deterministic spaces \
        timeout log dump-dtb firmware board-cpu board-memory board-smp board-arg; do
        prints "--$option" || return
    done
    status 0 "$trapeze" help status || return
    for code in 0 1 2 3 4 5 130; do
        prints "^ *$code " || return
    done
    status 0 "$trapeze" help keys && prints 'Ctrl-A x' && prints 'Ctrl-A h' && prints 'Ctrl-A Ctrl-A'
}

options_refused() {
    bad_usage 'no kernel: give --kernel' && bad_usage '--bogus: no such option' --bogus &&
        bad_usage '--kern: no such option' --kern "$off" &&
        bad_usage '--stats=1: no such option' --stats=1 &&
        bad_usage '-k: no such option' -k "$off" &&
        bad_usage '--kernel: its value is missing' --kernel &&
        bad_usage "'Image' is not an option" Image --kernel "$off" &&
        bad_usage "'Image' is not an option" --kernel "$off" Image &&
        bad_usage "no engine 'warp'" --engine warp --kernel "$off"
}

reserved_options() {
    for option in net gdb snapshot share; do
        bad_usage "--$option is reserved" --kernel "$off" --$option || return
    done
}

# values OPTION VALUE...: none of them will do, and the message names the option.
values_refused() {
    option=$1
    shift
    for value in "$@"; do
        bad_usage "^trapeze: --$option.$value" --kernel "$off" "--$option=$value" || return
    done
}

memory_refused() {
    values_refused memory '' 0 0M 1 64 512 1023K 2T 1025G -1M 12Q 1.5G M 64MB 1025K \
        99999999999999999999G 17592186044416M
}

disks_refused() {
    bad_usage "'rw' is neither" --kernel "$off" --disk "$dir/d,rw" &&
        bad_usage "'' is neither" --kernel "$off" --disk "$dir/d,ro," &&
        bad_usage 'takes 7 disks' --kernel "$off" --disk a --disk a --disk a --disk a --disk a \
            --disk a --disk a --disk a
}

last_one_holds() {
    run 0 --kernel "$dir/none" --kernel "$off" --memory 1M --memory 64M --name first --name second \
        --log trace --log error --stats && says '^name second$'
}

# Numbers are decimal, a leading zero or not, or hexadecimal.
numbers() {
    run 0 --kernel "$off" --vcpus 010 --stats && says '^vcpus 10$' &&
        run 0 --kernel "$off" --vcpus 0x10 --memory 0x40M --stats && says '^vcpus 16$' &&
        run 0 --kernel "$off" --memory 64m --vcpus 64 --stats && says '^vcpus 64$'
}

auto_says_which() {
    status 0 "$trapeze" run --kernel "$off" </dev/null && says '^trapeze: engine [a-z]*$' && one_line
}

# --- kernels

# patch FILE OFFSET BYTE...: bytes in octal.
patch() {
    patched=$1 at=$2
    shift 2
    for byte in "$@"; do printf "\\$byte"; done |
        dd of="$patched" bs=1 seek="$at" conv=notrunc 2>/dev/null
}

# bad_elf PATTERN OFFSET BYTE...: hello.elf with these bytes is refused.
bad_elf() {
    pattern=$1
    shift
    cp "$hello" "$dir/bad.elf"
    patch "$dir/bad.elf" "$@"
    bad_input "bad.elf: .*$pattern" --kernel "$dir/bad.elf"
}

no_kernel_file() {
    : >"$dir/empty"
    mkfifo "$dir/fifo" 2>/dev/null
    bad_input 'cannot open kernel .*none: No such file.*: check' --kernel "$dir/none" &&
        bad_input 'cannot open kernel : No such file' --kernel '' &&
        bad_input 'empty is empty: name' --kernel "$dir/empty" &&
        bad_input 'is a directory: name a file' --kernel "$dir" &&
        bad_input 'larger than 64 MiB: raise --memory' --kernel /dev/zero --memory 64M
}

unreadable_files() {
    set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$trapeze" run --engine "$engine"
    cp "$off" "$dir/secret"
    truncate -s 1M "$dir/disk-secret" "$dir/disk-fixed"
    chmod 0 "$dir/secret" "$dir/disk-secret"
    chmod 444 "$dir/disk-fixed"
    status 1 "$@" --kernel "$dir/secret" && one_line &&
        says 'cannot open kernel .*secret: Permission denied: check' &&
        status 1 "$@" --kernel "$off" --disk "$dir/disk-secret" &&
        one_line && says 'cannot open disk .*: Permission denied: check' &&
        status 1 "$@" --kernel "$off" --disk "$dir/disk-fixed" &&
        one_line && says 'cannot open disk .*: Permission denied: add ,ro' &&
        status 0 "$@" --kernel "$off" --disk "$dir/disk-fixed,ro"
}

# Wherever the file is cut, it is refused; below the magic number it is a flat image.
truncated_elf() {
    size=$(stat -c %s "$hello")
    for cut in 4 5 16 63 64 100 200 4096 8000; do
        [ "$cut" -lt "$size" ] || continue
        head -c "$cut" "$hello" >"$dir/cut.elf"
        bad_input 'cut.elf: .*(file ends.*|outside the file): copy' --kernel "$dir/cut.elf" || return
    done
}

wrong_elf() {
    bad_elf '32-bit ELF: build' 4 001 && bad_elf 'big-endian ELF: build' 5 002 &&
        bad_elf 'another machine: build' 18 076 000 && bad_elf 'not an executable ELF' 16 001 &&
        bad_elf 'wrong size: link' 54 040 && bad_elf 'nothing to load' 56 000 000 &&
        bad_elf 'more than 128 program headers' 56 377 377 &&
        bad_elf 'headers lie outside the file' 32 377 377 377 377 377 377 377 377 &&
        bad_elf "entry lies in none" 24 000 000 000 100 && bad_elf 'entry is odd' 24 001
}

# The program headers begin at 64, 56 bytes each: offset 8, vaddr 16, paddr 24, filesz 32, memsz 40.
# The first may be the attributes', so all three of the segments are tried.
elf_segments() {
    first=$(readelf -lW "$hello" | awk '/^  [A-Z]/ && $1 != "Type" { n++ } $1 == "LOAD" { print 64 + 56 * (n - 1); exit }')
    bad_elf "physical address lies outside" $((first + 24)) 000 000 000 000 000 000 000 000 &&
        bad_elf "physical address lies outside" $((first + 24)) 000 000 000 377 377 377 377 377 &&
        bad_elf "physical address lies outside" $((first + 40)) 377 377 377 377 377 377 377 377 &&
        bad_elf 'larger in the file' $((first + 40)) 001 000 000 000 000 000 000 000 &&
        bad_elf 'outside the file' $((first + 8)) 377 377 377 377 377 377 377 377 &&
        bad_elf 'outside the file' $((first + 8)) 000 000 000 000 000 000 000 100 &&
        bad_elf 'segments overlap' $((first + 56 + 24)) 000 000 040 200
}

foreign_elf() {
    case $(uname -m) in
    riscv64) bad_input 'not an executable|outside' --kernel "$trapeze" ;;
    *) bad_input 'another machine: build it for RISC-V' --kernel "$trapeze" ;;
    esac
}

flat_image() {
    riscv64-linux-gnu-objcopy -O binary "$off" "$dir/flat" && run 0 --kernel "$dir/flat"
}

# Zeroes are illegal instructions.
senseless_image() {
    head -c 100000 /dev/zero >"$dir/zeroes"
    run 4 --kernel "$dir/zeroes" && says 'vcpu 0 parked at pc 0x.*: .*: ' && one_line &&
        head -c 3 "$hello" >"$dir/three" && run 4 --kernel "$dir/three" && one_line
}

# linux_image FILE TEXT_OFFSET SIZE: 8 bytes each, a header in front of flat code.
linux_image() {
    {
        printf '\157\000\000\004\000\000\000\000' # j 64
        printf '%b' "$2" "$3"
        printf '\000\000\000\000\000\000\000\000\002\000\000\000\000\000\000\000'
        printf '\000\000\000\000\000\000\000\000RISCV\000\000\000RSC\005\000\000\000\000'
        cat "$dir/flat"
    } >"$1"
}

image_headers() {
    two_mib='\000\000\040\000\000\000\000\000'
    page='\000\020\000\000\000\000\000\000'
    wraps='\000\360\377\377\377\377\377\377'
    linux_image "$dir/Image" "$two_mib" "$page" && run 0 --kernel "$dir/Image" &&
        linux_image "$dir/wide" "$two_mib" "$wraps" && bad_input 'does not fit' --kernel "$dir/wide" &&
        linux_image "$dir/far" "$wraps" "$page" && bad_input 'does not fit' --kernel "$dir/far" &&
        linux_image "$dir/odd" '\001\000\040\000\000\000\000\000' "$page" &&
        bad_input 'text offset is odd' --kernel "$dir/odd" &&
        head -c 64 "$dir/Image" >"$dir/cut" && run 4 --kernel "$dir/cut"
}

gzip_kernels() {
    gzip -nc "$off" >"$dir/off.gz"
    size=$(stat -c %s "$dir/off.gz")
    run 0 --kernel "$dir/off.gz" || return
    for cut in 2 10 11 100 $((size - 9)) $((size - 8)) $((size - 1)); do
        head -c "$cut" "$dir/off.gz" >"$dir/cut.gz"
        bad_input 'cut.gz is gzip, but truncated: fetch' --kernel "$dir/cut.gz" || return
    done
    cp "$dir/off.gz" "$dir/bad.gz"
    patch "$dir/bad.gz" $((size - 8)) 000 000 000 000
    bad_input 'bad.gz is gzip, but damaged: fetch' --kernel "$dir/bad.gz" || return
    cp "$dir/off.gz" "$dir/bad.gz"
    patch "$dir/bad.gz" 10 377 377
    bad_input 'bad.gz is gzip, but damaged: fetch' --kernel "$dir/bad.gz" || return
    gzip -nc "$dir/off.gz" >"$dir/twice"
    bad_input 'compressed with gzip: decompress' --kernel "$dir/twice" &&
        gzip -nc "$dir/empty" >"$dir/empty.gz" && bad_input 'is empty' --kernel "$dir/empty.gz"
}

gzip_bomb() {
    head -c 70M /dev/zero | gzip -1 >"$dir/bomb"
    bad_input 'larger than 64 MiB when unpacked: raise --memory' --kernel "$dir/bomb" --memory 64M
}

# --- what goes with the kernel

little_memory() {
    bad_input 'outside the guest.s memory: .*give the guest more' --kernel "$hello" --memory 1M &&
        truncate -s 63M "$dir/initrd" &&
        bad_input 'together do not fit the guest.s memory: give it more' --kernel "$hello" \
            --initrd "$dir/initrd" --memory 64M &&
        bad_input 'initrd .* larger than 32 MiB: raise --memory' --kernel "$hello" \
            --initrd "$dir/initrd" --memory 32M &&
        run 0 --kernel "$hello" --initrd "$dir/initrd" --memory 128M
}

# Neither threads nor descriptors.
host_limits() {
    status 1 sh -c 'ulimit -n 5; exec "$@"' sh "$trapeze" run --engine "$engine" --kernel "$off" \
        --disk "$dir/disk-fixed,ro" && one_line && says 'eventfd: Too many open files: raise ulimit -n' &&
        status 1 setpriv --reuid 65534 --regid 65534 --clear-groups prlimit --nproc=1 "$trapeze" run \
            --engine "$engine" --kernel "$off" && one_line && says 'cannot start a thread .*raise ulimit -u'
}

host_memory() (
    ulimit -v 4000000
    bad_input 'cannot reserve .*lower --memory' --kernel "$hello" --memory 1T
)

bad_initrd() {
    bad_input 'cannot open initrd .*none: No such file.*: check' --kernel "$off" --initrd "$dir/none" &&
        bad_input 'initrd .*is a directory' --kernel "$off" --initrd "$dir" &&
        bad_input 'initrd .*empty: name' --kernel "$off" --initrd "$dir/empty"
}

bad_dtb() {
    run 0 --kernel "$hello" --dump-dtb "$dir/good.dtb" || return
    head -c 100 "$dir/good.dtb" >"$dir/cut.dtb"
    truncate -s 2M "$dir/large.dtb"
    for file in "$hello" "$dir/cut.dtb"; do
        bad_input 'not a flattened device tree: compile it with dtc' --kernel "$hello" \
            --dtb "$file" || return
    done
    bad_input 'cannot open device tree .*none' --kernel "$hello" --dtb "$dir/none" &&
        bad_input 'device tree .*empty' --kernel "$hello" --dtb "$dir/empty" &&
        bad_input 'larger than 1 MiB: leave' --kernel "$hello" --dtb "$dir/large.dtb" &&
        run 0 --kernel "$hello" --dtb "$dir/good.dtb"
}

long_append() {
    long=$(head -c 100000 /dev/zero | tr '\0' x)
    bad_input 'boot arguments are too long: shorten' --kernel "$hello" --append "$long"
}

# The tree is a good one, and the guest has not run.
dump_dtb() {
    truncate -s 1M "$dir/disk"
    run 0 --kernel "$hello" --vcpus 3 --append 'one "two"' --disk "$dir/disk" \
        --dump-dtb "$dir/dumped.dtb" && [ ! -s "$out" ] && [ ! -s "$err" ] || return
    command -v dtc >/dev/null || return 0
    dtc -q -I dtb -O dts "$dir/dumped.dtb" >"$dir/dumped.dts" || explain 'dtc does not take it'
    [ "$(grep -c 'device_type = "cpu"' "$dir/dumped.dts")" -eq 3 ] &&
        grep -qF 'bootargs = "one \"two\""' "$dir/dumped.dts"
}

dump_dtb_fails() {
    bad_input 'cannot write .*: No such file' --kernel "$hello" --dump-dtb "$dir/none/x" &&
        bad_input 'cannot write .*: Is a directory' --kernel "$hello" --dump-dtb "$dir" &&
        bad_input 'cannot write /dev/full: No space' --kernel "$hello" --dump-dtb /dev/full
}

# --- disks

no_disk() {
    truncate -s 1000 "$dir/odd-disk"
    : >"$dir/empty-disk"
    bad_input 'cannot open disk .*none: No such file.*: check' --kernel "$off" --disk "$dir/none" &&
        bad_input 'cannot open disk : No such file' --kernel "$off" --disk ',ro' &&
        bad_input 'odd-disk has 1000 bytes.*truncate -s 1024 ' --kernel "$off" --disk "$dir/odd-disk" &&
        bad_input 'empty-disk has 0 bytes.*truncate' --kernel "$off" --disk "$dir/empty-disk" || return
    for file in "$dir" "$dir/fifo" /dev/null; do
        bad_input 'neither a file nor a block device: name' --kernel "$off" --disk "$file" &&
            bad_input 'neither a file nor a block device: name' --kernel "$off" --disk "$file,ro" ||
            return
    done
    [ "$(stat -c %s "$dir/odd-disk" "$dir/empty-disk" | tr '\n' ' ')" = '1000 0 ' ]
}

in_use() {
    bad_input 'is in use, by another process or twice in this one: end' --kernel "$off" --disk "$1"
}

locked_disk() {
    flock -s "$dir/disk" true || return
    exec 9<"$dir/disk"
    flock -x 9
    in_use "$dir/disk" && in_use "$dir/disk,ro" || return
    flock -u 9 && flock -s 9
    in_use "$dir/disk" && run 0 --kernel "$off" --disk "$dir/disk,ro" || return
    exec 9<&-
    run 0 --kernel "$off" --disk "$dir/disk"
}

# start COMMANDS OPTIONS...: the remote guest in the background; wait_for shows how far it is.
start() {
    printf '%s' "$1" >"$dir/commands"
    shift
    : >"$out"
    "$trapeze" run --engine "$engine" --kernel "$remote" "$@" <"$dir/commands" >"$out" 2>"$err" &
    guest=$!
}

wait_for() {
    for _ in $(seq 200); do
        grep -q "$1" "$out" && return
        alive || break
        sleep 0.05
    done
    explain "the console does not say '$1'"
}

# A zombie is not: `start` left it to `ends` to wait for it.
alive() {
    grep -q '^State:.[^ZX]' "/proc/$guest/status" 2>/dev/null
}

# ends STATUS [SIGNAL]: the guest of `start`, after that signal if there is one.
ends() {
    [ $# -lt 2 ] || kill -s "$2" "$guest"
    for _ in $(seq 200); do
        alive || break
        sleep 0.05
    done
    kill -KILL "$guest" 2>/dev/null
    wait "$guest"
    got=$?
    [ $got -eq "$1" ] || explain "status $got, expected $1"
}

two_commands() {
    start s --disk "$dir/disk"
    wait_for ready || return
    cp "$out" "$dir/out.first"
    timeout 10 "$trapeze" run --engine "$engine" --kernel "$off" --disk "$dir/disk" 2>"$dir/err.second"
    second=$?
    ends 130 TERM && [ $second -eq 1 ] && grep -q 'is in use' "$dir/err.second"
}

same_disk_twice() {
    bad_input 'twice in this one' --kernel "$off" --disk "$dir/disk" --disk "$dir/disk" &&
        bad_input 'twice in this one' --kernel "$off" --disk "$dir/disk" --disk "$dir/disk,ro" &&
        run 0 --kernel "$off" --disk "$dir/disk,ro" --disk "$dir/disk,ro"
}

# remote STATUS COMMANDS OPTIONS...
remote() {
    want=$1
    printf '%s' "$2" >"$dir/commands"
    shift 2
    run "$want" --kernel "$remote" "$@" <"$dir/commands"
}

disk_holds() {
    truncate -s 0 "$dir/disk" && truncate -s 1M "$dir/disk"
    remote 0 'wfr.' --disk "$dir/disk" && prints 'write 16 done, 0 failed' &&
        prints 'flush done' && prints 'read 16 done, 0 failed, 0 wrong' &&
        remote 0 'r.' --disk "$dir/disk,ro" && prints 'read 16 done, 0 failed, 0 wrong' &&
        remote 0 'wr.' --disk "$dir/disk,ro" && prints 'write 0 done, 16 failed' &&
        prints 'read 16 done, 0 failed, 0 wrong'
}

# A limit on the size of files refuses writes, and must not kill.
file_limit() {
    truncate -s 0 "$dir/limited" && truncate -s 1M "$dir/limited"
    printf 'wfr.' >"$dir/commands"
    (
        ulimit -f 1024 # half a MiB
        run 0 --kernel "$remote" --disk "$dir/limited" <"$dir/commands"
    ) && prints 'write 8 done, 8 failed' && prints 'read 16 done' && prints 'flush done' &&
        says 'limited: cannot write: File too large: the guest sees an I/O error'
}

full_file_system() {
    truncate -s 2M "$dir/full/disk"
    remote 0 'wr.' --disk "$dir/full/disk" && prints 'write 1[0-9] done, [0-9]* failed' &&
        prints 'read 32 done' && says 'cannot write: No space left on device: the guest sees'
}

# The host's file is cut while the guest runs, before it gets its next command.
shrinking_disk() {
    truncate -s 1M "$dir/shrinking"
    mkfifo "$dir/commands.pipe"
    : >"$out"
    "$trapeze" run --engine "$engine" --kernel "$remote" --disk "$dir/shrinking" \
        <"$dir/commands.pipe" >"$out" 2>"$err" &
    guest=$!
    exec 8>"$dir/commands.pipe"
    printf 'w' >&8
    wait_for 'write 16 done' && truncate -s 512K "$dir/shrinking" && printf 'rwr.' >&8
    exec 8>&-
    ends 0 && prints 'read 8 done, 8 failed, 0 wrong' && prints 'read 16 done, 0 failed, 0 wrong' &&
        says 'shrinking: cannot read: the file has become shorter: the guest sees an I/O error'
}

# --- guests that misbehave

garbage_in_queue() {
    remote 0 'g.' && [ "$(grep -c ': needs reset' "$out")" -eq 8 ] && ! grep -q taken "$out" &&
        prints 'entropy flows' && says 'the device stops until the guest resets it'
}

# One that keeps complaining does not fill the log.
bounded_log() {
    remote 0 'gggggggggggg.' && says 'further ones are dropped' && [ "$(wc -l <"$err")" -eq 65 ]
}

parked() {
    remote 4 u && says 'remote.elf|vcpu 0 parked at pc 0x[0-9a-f]*: .*illegal instruction' && one_line
}

failed() {
    remote 3 '!' && says 'the guest reported failure' && one_line
}

# Resets leave disk and console as they are; a request on its way does not reach the next kernel.
resets() {
    remote 0 'wWrCrWr.' --disk "$dir/disk" "$@" && [ "$(grep -c ready "$out")" -eq 4 ] &&
        [ "$(grep -c 'read 16 done, 0 failed, 0 wrong' "$out")" -eq 3 ] &&
        remote 0 'aCaWaCaWaCaWaCaWr.' --disk "$dir/disk" "$@" && [ "$(grep -c ready "$out")" -eq 9 ] &&
        prints 'read 16 done, 0 failed, 0 wrong'
}

# --- statistics

# Names with the numbers of vCPUs and addresses taken out; values that are numbers or a word.
stats() {
    grep -vE '^[a-z0-9_.@-]+ [0-9]+$|^(name|engine) [^ ]+$' "$err" && return 1
    sed -E 's/ .*//; s/^vcpu\.[0-9]+/vcpu.N/; s/@[0-9a-f]+$/@ADDRESS/' "$err" | sort -u >"$dir/names"
    grep -vE '^#|^$' "$names" | grep -v "$1" | sort | diff - "$dir/names"
}

stats_names() {
    run 0 --kernel "$hello" --vcpus 2 --stats && stats '^deterministic\.' &&
        run 0 --kernel "$hello" --vcpus 2 --stats --deterministic && stats '^none$' &&
        [ "$(grep -c '^vcpu\.1\.' "$err")" -gt 3 ] && says '^vcpu.0.instret [1-9]'
}

# They come on every way out.
stats_always() {
    run 5 --kernel "$dir/case-spin.elf" --timeout 0.3 --stats && says '^time_ns [1-9]' &&
        remote 4 u --stats && says '^vcpu.0.exits.error 1$' && remote 3 '!' --stats && says '^vcpus 1$'
}

# repeats GUEST VCPUS: two runs count the same, the hash of what happened included.
repeats() {
    for i in 1 2; do
        run 0 --kernel "$dir/$1.elf" --vcpus "$2" --deterministic=3 --stats </dev/null || return
        grep -v '^time_ns' "$err" | cat "$out" - >"$dir/run.$i"
    done
    cmp "$dir/run.1" "$dir/run.2" && says '^deterministic.trace_hash [1-9]' &&
        says '^deterministic.trace_events [1-9]'
}

deterministic_guests() {
    repeats hello 1 && repeats smp 4 && repeats smp 7
}

# --- ways to end

# ended SIGNAL COMMANDS OPTIONS...: status 130, and the disk holds what was flushed.
ended() {
    signal=$1 commands=$2
    shift 2
    truncate -s 0 "$dir/disk" && truncate -s 1M "$dir/disk"
    start "wf$commands" --disk "$dir/disk" --stats "$@"
    wait_for 'flush done' || return
    sleep 0.1
    ends 130 "$signal" && says '^vcpus' || return
    remote 0 'r.' --disk "$dir/disk" && prints 'read 16 done, 0 failed, 0 wrong'
}

signals() {
    for signal in INT TERM HUP; do
        ended $signal s && ended $signal i || return
    done
}

# Spinning, sleeping, in a loop of traps, printing.
signal_in_every_state() {
    for state in s i t l; do
        ended TERM $state "$@" || return
    done
}

timeout_in_every_state() {
    for state in s i t l; do
        remote 5 $state --timeout 0.3 "$@" || return
    done
}

hangup_ignored() {
    trap '' HUP
    start s
    trap - HUP
    wait_for ready && kill -HUP "$guest" && sleep 0.2 && ends 130 TERM
}

# --- the console on all kinds of files

# A pipe that nobody reads: the guest waits, and the end is still possible.
stuck() {
    how=$1
    shift
    mkfifo "$dir/stuck" 2>/dev/null
    sleep 20 <"$dir/stuck" &
    reader=$!
    printf 'l' >"$dir/commands"
    "$trapeze" run --engine "$engine" --kernel "$remote" "$@" <"$dir/commands" >"$dir/stuck" 2>"$err" &
    guest=$!
    sleep 0.5
    # shellcheck disable=SC2086 # status and signal
    ends $how
    result=$?
    kill "$reader" 2>/dev/null
    wait "$reader" 2>/dev/null
    return $result
}

stuck_reader() {
    stuck '130 TERM' "$@" && stuck '130 INT' --vcpus 4 "$@" && stuck 5 --timeout 0.7 "$@"
}

# `seq` of the guest: nothing is lost on a reader who takes his time.
slow_reader() {
    head -c "$much_text" /dev/urandom | base64 >"$dir/text"
    { printf 'e' && cat "$dir/text" && printf '\004.'; } >"$dir/commands"
    { timeout 30 "$trapeze" run --engine "$engine" --kernel "$remote" <"$dir/commands" 2>"$err" &&
        echo done >"$dir/fine"; } | (sleep 1.5 && cat) | tail -n +2 >"$out"
    [ -e "$dir/fine" ] && cmp "$dir/text" "$out"
}

reader_gone() {
    printf 'wrwr.' >"$dir/commands"
    { "$trapeze" run --engine "$engine" --kernel "$remote" --disk "$dir/disk" <"$dir/commands" 2>"$err"
        echo "status $?" >"$dir/fine"; } | head -n 1 >"$out"
    grep -q 'status 0' "$dir/fine" && prints ready
}

full_output() {
    printf 'wr.' >"$dir/commands"
    timeout 20 "$trapeze" run --engine "$engine" --kernel "$remote" --disk "$dir/disk" \
        <"$dir/commands" >/dev/full 2>"$err" || return
    : >"$out"
    says 'standard output: No space left on device: what the guest prints from here on is lost' &&
        one_line
}

# The disk must not become standard output, or the console would be written into it.
closed_files() {
    truncate -s 0 "$dir/disk" && truncate -s 1M "$dir/disk"
    printf 'w.' >"$dir/commands"
    timeout 20 "$trapeze" run --engine "$engine" --kernel "$remote" --disk "$dir/disk" \
        <"$dir/commands" >&- 2>&- || return
    remote 0 'r.' --disk "$dir/disk" && prints 'read 16 done, 0 failed, 0 wrong' || return
    timeout 20 "$trapeze" run --engine "$engine" --kernel "$hello" --disk "$dir/disk" <&- >"$out" 2>&- &&
        prints 'all is well'
}

# End of file is no error and stops nobody.
no_input() {
    run 0 --kernel "$hello" </dev/null && prints 'all is well' && run 0 --kernel "$hello" <"$dir" &&
        prints 'all is well' && run 5 --kernel "$dir/case-spin.elf" --timeout 0.3 </dev/null
}

all_input_arrives() {
    { printf 'e' && cat "$dir/text" && printf '\004.'; } >"$dir/commands"
    run 0 --kernel "$remote" "$@" <"$dir/commands" && tail -n +2 "$out" | cmp "$dir/text" - || return
    cat "$dir/commands" | "$trapeze" run --engine "$engine" --kernel "$remote" "$@" >"$out" 2>"$err" &&
        tail -n +2 "$out" | cmp "$dir/text" -
}

# --- the terminal

on_terminal() {
    "$terminal" "$@" -- "$trapeze" run --engine "$engine" --kernel "$remote"
}

keys_go_to_guest() {
    on_terminal expect=ready raw send='k\003' 'expect=key 3' send='\032' 'expect=key 1a' \
        send='\015' 'expect=key d' send='\177' 'expect=key 7f' send='\034' 'expect=key 1c' \
        send='\021' 'expect=key 11' send='\004' send=. status=0 cooked
}

ctrl_a() {
    on_terminal expect=ready send='k\001\001' 'expect=key 1' send='\001h' 'expect=Ctrl-A x ends' \
        send='\001q' send='y' 'expect=key 79' send='\001x' status=130 cooked
}

ctrl_a_in_every_state() {
    for state in s i t l; do
        on_terminal expect=ready raw send=$state send='\001x' status=130 cooked || return
        "$terminal" expect=ready raw send=$state send='\001x' status=130 cooked -- "$trapeze" run \
            --engine "$engine" --kernel "$remote" --deterministic || return
    done
}

# More than all buffers between here and there hold, for a guest that takes nothing.
ctrl_a_behind_much() {
    much=$(head -c 100000 /dev/zero | tr '\0' y)
    on_terminal expect=ready raw send=s "send=$much" send='\001x' status=130 cooked
}

# What is pasted arrives whole, though the guest is slower than the paste.
paste() {
    much=$(seq 3000)
    on_terminal expect=ready raw send=e "send=$much" send='END\004.' "expect=$much" expect=END \
        status=0 cooked
}

message_on_raw_terminal() {
    on_terminal expect=ready send=g "expect=resets it$(printf '\r')" expect=flows send=. status=0 cooked
}

restored_after_signal() {
    for signal in 1 2 15; do
        on_terminal expect=ready raw signal=$signal status=130 cooked || return
    done
}

# SEGV, ABRT, BUS, FPE, ILL, QUIT, USR1, XCPU
restored_after_crash() {
    for signal in 11 6 7 8 4 3 10 24; do
        on_terminal expect=ready raw signal=$signal status=$((128 + signal)) cooked || return
    done
}

# TSTP 20, STOP 19, CONT 18
stopped_and_continued() {
    on_terminal expect=ready raw signal=20 stopped cooked signal=18 raw send=k send=a \
        'expect=key 61' send='\001x' status=130 cooked &&
        on_terminal expect=ready raw signal=19 stopped reset signal=18 raw send='\001x' status=130 cooked
}

# --- hs: the command on a board in QEMU

deterministic_refused() {
    refused 2 '--deterministic needs --engine interp' run --engine hs --kernel "$off" --deterministic
}

firmwares() {
    run 0 --kernel "$hello" --firmware opensbi && prints 'hello: all is well' &&
        run 0 --kernel "$hello" --firmware "$dir/metal/trapeze-firmware.bin" &&
        prints 'hello: all is well' && [ ! -s "$err" ] &&
        bad_input 'cannot read firmware .*none: No such file' --kernel "$off" --firmware "$dir/none"
}

board_options() {
    run 0 --kernel "$dir/smp.elf" --vcpus 2 --board-smp 4 --board-memory 1G &&
        prints 'smp: 2 harts, all is well' &&
        bad_input '4 vCPUs on a board of 2 harts.*raise --board-smp' --kernel "$hello" --vcpus 4 \
            --board-smp 2 &&
        bad_input 'no 512 MiB in a row.*raise --board-memory' --kernel "$hello" --board-memory 256M &&
        bad_input "unable to find CPU model 'none'" --kernel "$hello" --board-cpu none &&
        bad_input "'-none'|-none: invalid option" --kernel "$hello" --board-arg -none &&
        run 0 --kernel "$hello" --board-cpu rv64,h=true,sstc=false --board-arg -name \
            --board-arg board && prints 'hello: all is well'
}

without_h() {
    bad_input 'hart 0 has no H extension \(no `h` in its riscv,isa[a-z-]*\): run with --engine interp' \
        --kernel "$hello" --board-cpu rv64,h=false
}

# Which hart of the board the firmware chose is for those who ask.
log_levels() {
    run 0 --kernel "$off" && [ ! -s "$err" ] && run 0 --kernel "$off" --log info &&
        says 'firmware: 1 harts'
}

parked_with_registers() {
    run 4 --kernel "$dir/case-nowhere.elf" &&
        says '^trapeze: vcpu 0 parked at pc 0x4000000000: .* at 0x4000000000 ' && says 'guest hart 0 in VS-mode' && says '  sstatus ' && says ' stvec ' &&
        says '  hstatus ' && says ' hedeleg    000000000000b1(ff|bb)' && remote 4 t &&
        says 'parked at pc 0x3000000000' && says 'guest hart 0 in VU-mode' &&
        says '  ra         [a-z_]+ \+ 0x'
}

stats_on_a_board() {
    run 0 --kernel "$hello" --vcpus 2 --name 'a guest' --stats && says '^name a guest$' &&
        says '^engine hs$' && says '^vcpus 2$' && says '^time_ns [1-9]' && says '^exits.sbi [1-9]' &&
        says '^vcpu.1.exits.host ' && says '^mmio.plic@c000000 ' &&
        says '^hs.gstage_leaves_2m 256$' && remote 3 '!' --stats && says '^vcpus 1$'
}

no_hypervisor() {
    mkdir "$dir/alone" && cp "$build/trapeze" "$dir/alone"
    status 1 "$dir/alone/trapeze" run --engine hs --kernel "$off" && one_line &&
        says 'trapeze-hs.bin is not beside this program: make metal'
}

board_ended() {
    for signal in INT TERM HUP; do
        truncate -s 0 "$dir/disk" && truncate -s 1M "$dir/disk"
        start wfs --disk "$dir/disk"
        wait_for 'flush done' && ends 130 $signal && [ ! -s "$err" ] &&
            remote 0 'r.' --disk "$dir/disk" && prints 'read 16 done, 0 failed, 0 wrong' || return
    done
    for state in i l; do
        start $state && wait_for ready && sleep 0.2 && ends 130 TERM || return
    done
}

board_times_out() {
    for state in s l; do
        remote 5 $state --timeout 3 && [ ! -s "$err" ] && prints ready || return
    done
}


if [ "$engine" = hs ]; then
    much_text=15000
    check "--deterministic is interp's alone" deterministic_refused
    check "without the hypervisor's image the message says how to make it" no_hypervisor
    check "a kernel that is missing, empty, a directory or too large is refused" no_kernel_file
    check "too little memory for kernel or initrd is an error" little_memory
    check "an initrd that is missing, empty or a directory is refused" bad_initrd
    check "a device tree that is none is refused, a dumped one taken" bad_dtb
    check "boot arguments that are too long are refused" long_append
    check "--dump-dtb writes a tree that dtc takes, and leaves" dump_dtb
    check "--dump-dtb to where nothing can be written is an error" dump_dtb_fails
    check "a disk that is missing, empty, odd-sized or no file is refused and left alone" no_disk
    check "a disk that another trapeze writes is refused" two_commands
    check "a disk is not written twice by one guest, but read" same_disk_twice
    check "a disk holds what was written, and ro refuses writes" disk_holds
    check "garbage in a queue stops the device until its reset, and nothing else" garbage_in_queue
    check "--firmware takes trapeze, opensbi and a file" firmwares
    check "--board-* say what board QEMU emulates" board_options
    check "without H the one line says which letter is missing and what works" without_h
    check "--log info shows what the firmware found" log_levels
    check "an access to nowhere parks the guest with its registers" parked_with_registers
    check "a guest that reports failure is exit status 3 with one line" failed
    check "cold and warm resets boot again, also with a disk at work" resets
    check "--stats prints the names of its contract" stats_on_a_board
    check "INT, TERM and HUP are exit status 130, disks flushed" board_ended
    check "--timeout is exit status 5" board_times_out
    check "HUP stays ignored under nohup" hangup_ignored
    check "signals and --timeout end a guest whose output nobody reads" stuck_reader
    check "a slow reader gets everything" slow_reader
    check "the guest goes on when its reader is gone" reader_gone
    check "the guest goes on when standard output is full, and one line says so" full_output
    check "files closed at the start are replaced, and no disk takes their place" closed_files
    check "end of input stops nobody" no_input
    check "all input arrives in order, from a file and from a pipe" all_input_arrives
    if [ -x "$terminal" ]; then
        check "every key goes to the guest of a terminal" keys_go_to_guest
        check "Ctrl-A x ends, Ctrl-A h helps, Ctrl-A Ctrl-A sends one" ctrl_a
        check "Ctrl-A x ends a guest that takes no input, however much was typed" ctrl_a_behind_much
        check "what is pasted arrives whole" paste
        check "messages begin in the first column of a raw terminal" message_on_raw_terminal
        check "the terminal is restored after INT, TERM and HUP" restored_after_signal
    fi
    finish
fi

check "a subcommand is needed, and help and version work" subcommands
check "the help names every option, exit status and key" help_is_complete
check "unknown, shortened and valueless options are exit status 2 with one line" options_refused
check "reserved options say so" reserved_options
check "--memory takes sizes from 1M to 1T in steps of 4K" memory_refused
check "--vcpus takes 1 to 64" values_refused vcpus '' 0 65 abc -1 1x 1.5 99999999999999999999
check "--timeout takes seconds, more than 0" values_refused timeout '' 0 -1 abc nan inf 1s 1e300
check "--log takes its five levels" values_refused log '' loud WARN 3
check "--deterministic takes a number" values_refused deterministic x 1x -1 99999999999999999999
check "--spaces takes a number from 1" values_refused spaces '' 0 x
check "--disk takes ro and legacy, and 7 disks" disks_refused
check "of options given twice the last one holds" last_one_holds
check "numbers are decimal or hexadecimal" numbers
check "--engine auto says which engine it takes" auto_says_which

check "a kernel that is missing, empty, a directory or too large is refused" no_kernel_file
if [ "$(id -u)" -ne 0 ]; then
    skip "files that may not be read or written are refused" "becoming somebody else needs root"
    skip "too few threads or descriptors are an error" "becoming somebody else needs root"
else
    check "files that may not be read or written are refused" unreadable_files
    check "too few threads or descriptors are an error" host_limits
fi
check "an ELF that is cut is refused wherever it is cut" truncated_elf
check "an ELF of another kind is refused" wrong_elf
check "an ELF whose segments overlap, wrap or lie outside RAM or file is refused" elf_segments
check "an ELF for another machine is refused" foreign_elf
check "a file that is nothing else is a flat image" flat_image
check "a flat image without sense is parked" senseless_image
check "an Image is loaded where its header says, or refused" image_headers
check "a kernel in gzip is unpacked, or refused when truncated or damaged" gzip_kernels
check "a gzip file that unpacks to more than the guest's memory is refused" gzip_bomb
check "too little memory for kernel or initrd is an error" little_memory
check "more memory than the host can reserve is an error" host_memory
check "an initrd that is missing, empty or a directory is refused" bad_initrd
check "a device tree that is none is refused, a dumped one taken" bad_dtb
check "boot arguments that are too long are refused" long_append
check "--dump-dtb writes a tree that dtc takes, and leaves" dump_dtb
check "--dump-dtb to where nothing can be written is an error" dump_dtb_fails

check "a disk that is missing, empty, odd-sized or no file is refused and left alone" no_disk
check "a locked disk is refused, a shared lock allows ro" locked_disk
check "a disk that another trapeze writes is refused" two_commands
check "a disk is not written twice by one guest, but read" same_disk_twice
check "a disk holds what was written, and ro refuses writes" disk_holds
check "a write behind the limit on file sizes is an I/O error for the guest alone" file_limit
mkdir "$dir/full"
if mount -t tmpfs -o size=1m none "$dir/full" 2>/dev/null; then
    check "a write to a full file system is an I/O error for the guest alone" full_file_system
    umount "$dir/full"
else
    skip "a write to a full file system is an I/O error for the guest alone" "no right to mount"
fi
check "a disk that shrinks is an I/O error for the guest alone" shrinking_disk

check "garbage in a queue stops the device until its reset, and nothing else" garbage_in_queue
check "messages that a guest can cause are bounded" bounded_log
check "a guest in a loop of traps is parked with one line" parked
check "a guest that reports failure is exit status 3 with one line" failed
check "cold and warm resets boot again, also with a disk at work" resets
check "resets boot again with --deterministic too" resets --deterministic
check "--stats prints the names of its contract" stats_names
check "--stats prints on every way out" stats_always

check "two runs with --deterministic are the same" deterministic_guests
check "INT, TERM and HUP are exit status 130, disks flushed" signals
check "TERM ends a guest in every state" signal_in_every_state
check "TERM ends a guest in every state with --deterministic" signal_in_every_state --deterministic
check "--timeout ends a guest in every state" timeout_in_every_state
check "--timeout ends a guest in every state with --deterministic" timeout_in_every_state \
    --deterministic
check "HUP stays ignored under nohup" hangup_ignored
check "signals and --timeout end a guest whose output nobody reads" stuck_reader
check "signals and --timeout end such a guest with --deterministic too" stuck_reader --deterministic
check "a slow reader gets everything" slow_reader
check "the guest goes on when its reader is gone" reader_gone
check "the guest goes on when standard output is full, and one line says so" full_output
check "files closed at the start are replaced, and no disk takes their place" closed_files
check "end of input stops nobody" no_input
check "all input arrives in order, from a file and from a pipe" all_input_arrives
check "all input arrives in order with --deterministic too" all_input_arrives --deterministic

check "every key goes to the guest of a terminal" keys_go_to_guest
check "Ctrl-A x ends, Ctrl-A h helps, Ctrl-A Ctrl-A sends one" ctrl_a
check "Ctrl-A x ends a guest in every state" ctrl_a_in_every_state
check "Ctrl-A x ends a guest that takes no input, however much was typed" ctrl_a_behind_much
check "what is pasted arrives whole" paste
check "messages begin in the first column of a raw terminal" message_on_raw_terminal
check "the terminal is restored after INT, TERM and HUP" restored_after_signal
check "the terminal is restored after a crash" restored_after_crash
check "the terminal is the shell's while the command is stopped, and raw again after" \
    stopped_and_continued
finish
