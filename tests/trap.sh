#!/bin/sh
# SPDX-License-Identifier: MIT
# The engine `trap` with our own guests: on a RISC-V machine in place, elsewhere on a board with
# Linux in QEMU. usage: trap.sh RESULTS BUILD
set -u
ring=trap results=$1 build=$2
. tests/lib.sh
attempts=2
. tests/guests.sh

out=$results/trap.out
command=$build/trapeze
engine=trap

# stat NAME CONDITION: a line of --stats in the last run's messages, tested by [.
stat_is() {
    value=$(sed -n "s/^$1 //p" "$out.err")
    [ -n "$value" ] && [ "$value" "$2" "$3" ] && return
    echo "$1 is '$value', not $2 $3"
    return 1
}

# What the host executes itself cannot be made to trap: sstatus.FS.
rules() {
    run_guest 3 --kernel "$build/guests/rules.elf" --memory 128M --timeout 100 || return
    [ "$(grep -c '^FAIL' "$out")" -eq 2 ] && says '^FAIL fp: with sstatus.FS Off' &&
        says '^FAIL fp: what FS says now counts' && [ "$(grep -c '^ok' "$out")" -ge 75 ]
}

# same_as_interp GUEST MIB SED-EXPRESSION: the guest's text is what interp prints, but for the numbers
# that the expression takes out.
same_as_interp() {
    run_guest 0 --kernel "$build/guests/$1.elf" --memory "$2M" --timeout 110 || return
    sed "$3" "$out" >"$out.trap"
    engine=interp
    run_guest 0 --kernel "$build/guests/$1.elf" --memory "$2M" --timeout 110
    status=$?
    engine=trap
    [ $status -eq 0 ] && sed "$3" "$out" | diff "$out.trap" -
}

# await PATTERN: until the guest's console shows it, or the guest is gone.
await() {
    while kill -0 "$guest" 2>/dev/null; do
        grep -aq "$1" "$out" && return
        sleep 0.2
    done
    return 1
}

# Debian's U-Boot up to its prompt, some commands, and off. Its text goes to $1, but for times and for
# what moves with the length of the device tree, which names the engine's extensions.
u_boot() {
    rm -f "$out.pipe" && mkfifo "$out.pipe" && : >"$out"
    timeout 150 "$command" run --engine "$engine" --kernel "$build/guests/u-boot-smode.bin" \
        --memory 128M --timeout 140 <"$out.pipe" >"$out" 2>"$out.err" &
    guest=$!
    exec 3>"$out.pipe"
    await 'Hit any key' && echo >&3
    await '=> ' && echo 'printenv arch board cpu; bdinfo; md.q 80200000 8; crc32 80200000 8000' >&3
    await 'crc32 for' && echo 'sbi; dm tree; echo prompt reached; poweroff' >&3
    exec 3>&-
    wait "$guest" || { tail -n 20 "$out" "$out.err"; return 1; }
    tr -d '\r' <"$out" |
        sed '/^Working FDT/d; /^fdt_blob/d; /^ reserved/d; s/autoboot:.*/autoboot/' >"$1"
}

u_boot_as_interp() {
    u_boot "$out.trap" || return
    engine=interp
    u_boot "$out.interp"
    status=$?
    engine=trap
    [ $status -eq 0 ] && diff "$out.trap" "$out.interp" && grep -q '^crc32 for' "$out.trap" &&
        grep -q '^prompt reached' "$out.trap"
}

user_code_runs_natively() {
    run_guest 0 --kernel "$build/guests/bench.elf" --memory 128M --timeout 110 --stats &&
        stat_is trap.interpreted_instructions -lt 5000000 &&
        stat_is trap.user_ecalls -ge 2000 && stat_is trap.spaces_dropped -eq 0 &&
        memory_in_large_pages
}

# The 16 MiB that the guest touches page after page, and not those where it touches one in 16.
memory_in_large_pages() {
    stat_is trap.pages_reserved -ge 3072 && stat_is trap.pages_reserved -le 4608
}

# Spaces end with the boot that they were made in; a request on its way does not reach the next kernel.
resets() {
    truncate -s 0 "$out.disk" && truncate -s 1M "$out.disk"
    printf wWrCrWr. | timeout 120 "$command" run --engine trap --kernel "$build/guests/remote.elf" \
        --memory 64M --timeout 100 --disk "$out.disk" >"$out" 2>"$out.err" &&
        [ "$(grep -c ready "$out")" -eq 4 ] &&
        [ "$(grep -c 'read 16 done, 0 failed, 0 wrong' "$out")" -eq 3 ] && return
    tail -n 20 "$out" "$out.err"
    return 1
}

few_spaces() {
    run_guest 0 --kernel "$build/guests/habits.elf" --memory 128M --timeout 60 --spaces "$1" \
        --stats && says '^habits: all is well'
}

# With a limit of the board's kernel on what the command's user may have, spaces come and go.
limited() {
    run_guest 0 --kernel "$build/guests/habits.elf" --memory 128M --timeout 60 --stats \
        --board-arg -append --board-arg "$1" && says '^habits: all is well' &&
        stat_is trap.spaces_created -ge "$2"
}

no_room_at_all() {
    run_guest 4 --kernel "$build/guests/hello.elf" --memory 64M --timeout 60 --board-arg -append \
        --board-arg nproc=5 && names 'raise ulimit'
}

# names TEXT: one line of the messages does.
names() {
    [ "$(grep -c "$1" "$out.err")" -eq 1 ] && return
    echo "not one line with '$1' in:"
    cat "$out.err"
    return 1
}

# breakout LETTER STATUS TIMEOUT: a kernel against the space that it runs in, and the monitor.
breakout() {
    printf %s "$1" | timeout -s KILL 100 "$command" run --engine trap --vcpus 2 \
        --kernel "$build/guests/breakout.elf" --memory 64M --timeout "$3" >"$out" 2>"$out.err"
    got=$?
    [ "$got" -eq "$2" ] && says "^breakout: $1" && ! grep -q 'still here' "$out" &&
        [ "$(grep -c 'parked at pc' "$out.err")" -eq $(($2 == 4)) ] && return
    echo "status $got, expected $2"
    tail -n 20 "$out" "$out.err"
    return 1
}

# built_in NAME STATUS OPTIONS...: a test that is part of the command of tests/trap.
tests=$build/trap-test/trapeze
[ "$(uname -m)" = riscv64 ] && tests=$build/trap-test/riscv64/trapeze
built_in() {
    name=$1 want=$2
    shift 2
    timeout 200 "$tests" run --engine trap --name "$name" --memory 64M --timeout 190 "$@" \
        >"$out" 2>"$out.err" </dev/null
    got=$?
    [ "$got" -eq "$want" ] && return
    echo "status $got, expected $want"
    tail -n 20 "$out" "$out.err"
    return 1
}

lockstep() {
    built_in lockstep 0 --kernel "$build/guests/$1.elf" && says "^lockstep: $2 traps agree"
}

# resumes FROM TO: saved between two of five ticks, each of which comes once.
resumes() {
    built_in resume 0 --kernel "$build/guests/hello.elf" --append "$1 $2 hello: tick 2" &&
        [ "$(grep -c '^hello: tick' "$out")" -eq 5 ] && says '^---' && says '^hello: all is well'
}

# In one line, and no earlier than there is one.
not_backwards() {
    built_in resume 1 --kernel "$build/guests/hello.elf" --append ahead && says '^---' &&
        [ "$(grep -c "the guest's clock is [0-9]* s ahead of this machine's" "$out.err")" -eq 1 ] &&
        [ "$(wc -l <"$out.err")" -eq 1 ]
}

# on_board NAME COMMAND...: a check that needs a board of its own.
on_board() {
    if [ "$(uname -m)" = riscv64 ]; then
        skip "$1" "only on a board that QEMU emulates"
    else
        check "$@"
    fi
}

# watched BOOT-ARGUMENT STATUS OPTIONS...: a guest on a board whose process 1 is asked for something
# (tests/trap/watch.c), or whose kernel is.
watched() {
    argument=$1 want=$2
    shift 2
    timeout 120 "$tests" run --engine trap --memory 128M --timeout 110 --stats --board-arg -append \
        --board-arg "$argument" "$@" >"$out" 2>"$out.err" </dev/null
    got=$?
    [ "$got" -eq "$want" ] && return
    echo "status $got, expected $want"
    tail -n 20 "$out" "$out.err"
    return 1
}

# held_at_most: by the lines of the last run, once its spaces were there.
held_at_most() {
    held=$(sed -n 's/^pss \([0-9]*\) KiB in \([0-9]*\) .*/\2 \1/p' "$out.err" | grep -v '^[01] ' |
        cut -d ' ' -f 2 | sort -n | tail -n 1)
    [ "${held:-99999}" -le 4096 ] && return
    echo "the processes hold ${held:-an unknown number of} KiB"
    return 1
}

# The most that all processes held of their own, in proportion to who shares it: 4 MiB will do.
memory() {
    guest=$1
    shift
    watched pss=1 0 --kernel "$build/guests/$guest.elf" "$@" || return
    held_at_most
}

goes_on() {
    watched "$1" 0 --kernel "$build/guests/$2.elf" && says "^$2: .*all is well" &&
        stat_is "$3" -ge "$4"
}

parked_naming() {
    watched "$1" 4 --kernel "$build/guests/$2.elf" && names "$3"
}

# The guest takes four places of the stub on a host with no more addresses than it has itself: the
# space moves to the next, and only the last round is interpreted.
places() {
    watched "$1" 0 --kernel "$build/guests/places.elf" && says '^places: all is well' &&
        stat_is trap.spaces_created -ge "$2" && stat_is trap.interpreted_instructions -lt "$3"
}

# Its kernel lies in the upper half and is interpreted, its programs are not.
linux() {
    timeout 600 "$tests" run --engine trap --memory 256M --kernel "$build/guests/linux/Image" \
        --initrd "$build/guests/linux/initrd.cpio.gz" --timeout 580 --stats \
        --board-arg -append --board-arg pss=1 \
        --append 'console=ttyS0 quiet panic=-1 run=id' >"$out" 2>"$out.err" </dev/null &&
        says '^guest up' && says '^uid=0' && stat_is trap.user_ecalls -ge 500 &&
        stat_is trap.spaces_dropped -eq 0 && stat_is trap.interpreted_percent -gt 50 &&
        names 'trap: .*--engine bt may suit' && { [ "$(uname -m)" = riscv64 ] || held_at_most; } && return
    tail -n 20 "$out" "$out.err"
    return 1
}

# The tree names the engine's extensions; the guest has not run.
dump_dtb() {
    run_guest 0 --kernel "$build/guests/hello.elf" --memory 64M --vcpus 3 --append 'one two' \
        --dump-dtb "$out.dtb" && [ ! -s "$out" ] && [ ! -s "$out.err" ] || return
    command -v dtc >/dev/null || return 0
    dtc -q -I dtb -O dts "$out.dtb" >"$out.dts" &&
        [ "$(grep -c 'device_type = "cpu"' "$out.dts")" -eq 3 ] &&
        grep -q 'bootargs = "one two"' "$out.dts" && grep -q 'riscv,isa = "rv64ima.*sstc' "$out.dts"
}

check "paging, page faults and timer ticks are as hello.elf expects" hello 1
check "hello.elf prints what it prints under interp" same_as_interp hello 64 's/[0-9]* after/N after/'
for guest in bench bench2; do
    check "$guest.elf prints what it prints under interp, but for its figures" \
        same_as_interp $guest 128 '/^BENCH/s/ [0-9][0-9. ]*$//'
done
check "Debian's U-Boot prints what it prints under interp" u_boot_as_interp
check "hello.elf is not disturbed by three more harts that stay stopped" hello 4
for harts in 2 4; do
    check "$harts harts start, share memory, interrupt and fence each other, stop" smp "$harts"
done
check "the SBI is as its specification says, 4 harts" checks sbi-check --vcpus 4
check "S-mode and U-mode are as the privileged specification says, but for FS Off" rules
check "a kernel that knows virt by heart runs without a disk" habits
check "... and with one" habits_on_disk '' 'version 2'
check "... with 2 spaces at most" few_spaces 2
on_board "... with room for two processes more (RLIMIT_NPROC)" limited nproc=7 6
on_board "... with few descriptors (RLIMIT_NOFILE)" limited nofile=14 1
on_board "without room for one the message says what to raise" no_room_at_all
on_board "... in a cgroup with room for few tasks (pids.max)" goes_on pids=8 habits trap.spaces_created 7
on_board "... and without, the message says what to raise" parked_naming pids=6 habits 'pids.max'
on_board "with few mappings a process (vm.max_map_count) they come and go" \
    goes_on sysctl=vm/max_map_count=100 scatter trap.spaces_dropped 10
on_board "with fewer than a space needs the message says what to raise" \
    parked_naming sysctl=vm/max_map_count=20 scatter 'raise vm.max_map_count'
on_board "without a queue for signals (RLIMIT_SIGPENDING) it goes on" \
    goes_on sigpending=0 habits trap.spaces_created 2
for noexec in 1 2; do
    on_board "memory files that may not be programs (vm.memfd_noexec=$noexec) do" \
        goes_on sysctl=vm/memfd_noexec=$noexec habits trap.spaces_created 2
done
check "... with room for two processes more (RLIMIT_NPROC)" limited nproc=7 6
check "... with few descriptors (RLIMIT_NOFILE)" limited nofile=14 1
check "without room for one the message says what to raise" no_room_at_all
for harts in 1 2; do
    check "processes at 0 fork, page and share on $harts harts (ulix)" ulix "$harts" \
        --append rounds=1
done
check "... with their files on a disk, and 8 spaces" ulix_on_disk 1 --append rounds=1 --spaces 8
check "cold and warm resets boot again, with a disk that keeps what it got" resets
check "user code that knows the engine does not get out" checks escape
check "a kernel that opens a file of the host's through its stub is parked" breakout o 4 60
check "... one that ends its space" breakout x 4 60
check "... one that writes all over what it shares with the monitor" breakout s 4 60
check "... and over the notes of its mappings" breakout S 4 60
check "... one that says all the time that it is the monitor's turn" breakout h 4 60
check "a kernel that masks signals and takes requests off the list ends at the timeout" breakout c 5 25
check "a hart that masks signals and spins does not keep the other from its work" breakout 2 0 60
check "... but the VM is parked when the other needs it" breakout f 4 60
check "bench.elf measures everything and ends well" bench bench
check "bench.elf: user code runs on the hart, and no mapping is lost" user_code_runs_natively
check "bench2.elf, kernel in the upper half, measures everything and ends well" bench bench2
check "--dump-dtb writes the tree that a guest here gets" dump_dtb
check "a shutdown with a failure reason is exit status 3" case_guest reset-failure 3 20
check "the power device's fail code is exit status 3" case_guest power-fail 3 20
check "the power device's off code is exit status 0" case_guest power-off 0 20
check "a guest that never ends is exit status 5 at its timeout" case_guest spin 5 5
check "a wfi that nothing will end is exit status 5 at its timeout" case_guest sleep 5 5
check "a jump to nowhere parks the guest" parked_guest nowhere
check "an illegal instruction without a handler parks the guest" parked_guest illegal
check "2000 traps of random code in U-mode and S-mode are as by exec_step" lockstep streams 2000
check "a VM saved under interp goes on under trap" resumes interp trap
check "... and the other way round" resumes trap interp
check "... but not where guest time would run backwards" not_backwards
on_board "monitor and spaces hold at most 4 MiB beside guest RAM: 4 vCPUs" memory smp --vcpus 4
on_board "... and with programs that come and go" memory habits
on_board "... and with bench2.elf" memory bench2
on_board "a host with Sv57 has room for the stub above the guest's addresses" places x=1 2 100000
on_board "... and one with Sv48" places no5lvl 2 100000
on_board "on one with Sv39 a guest that wants the stub's place gets a new space" places no4lvl 5 1000000
for board in no5lvl no4lvl; do
    on_board "a board's kernel with $board: a kernel that knows virt by heart runs" \
        goes_on $board habits trap.spaces_created 2
    on_board "... and thousands of scattered pages" goes_on $board scatter trap.pages_filled 2000
done
check "Debian's Linux boots, runs a program and powers off" linux
rm -f "$out" "$out".*
finish
