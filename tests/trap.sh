#!/bin/sh
# SPDX-License-Identifier: MIT
# The engine `trap` with our own guests: on a RISC-V machine in place, elsewhere on a board with
# Linux in QEMU. usage: trap.sh RESULTS BUILD
set -u
ring=trap results=$1 build=$2
. tests/lib.sh
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
    [ "$(grep -c '^FAIL' "$out")" -eq 1 ] && says '^FAIL fp: with sstatus.FS Off' &&
        [ "$(grep -c '^ok' "$out")" -ge 75 ]
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
        --board-arg nproc=5 && grep -q 'raise ulimit' "$out.err" && return
    cat "$out.err"
    return 1
}

# Its kernel lies in the upper half and is interpreted, its programs are not.
linux() {
    timeout 600 "$command" run --engine trap --memory 256M --kernel "$build/guests/linux/Image" \
        --initrd "$build/guests/linux/initrd.cpio.gz" --timeout 580 --stats \
        --append 'console=ttyS0 quiet panic=-1 run=id' >"$out" 2>"$out.err" </dev/null &&
        says '^guest up' && says '^uid=0' && stat_is trap.user_ecalls -ge 500 &&
        stat_is trap.spaces_dropped -eq 0 && return
    tail -n 20 "$out" "$out.err"
    return 1
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
check "bench.elf measures everything and ends well" bench bench
check "bench.elf: user code runs on the hart, and no mapping is lost" user_code_runs_natively
check "bench2.elf, kernel in the upper half, measures everything and ends well" bench bench2
check "a shutdown with a failure reason is exit status 3" case_guest reset-failure 3 20
check "the power device's fail code is exit status 3" case_guest power-fail 3 20
check "the power device's off code is exit status 0" case_guest power-off 0 20
check "a guest that never ends is exit status 5 at its timeout" case_guest spin 5 5
check "a wfi that nothing will end is exit status 5 at its timeout" case_guest sleep 5 5
check "a jump to nowhere parks the guest" parked_guest nowhere
check "an illegal instruction without a handler parks the guest" parked_guest illegal
check "Debian's Linux boots, runs a program and powers off" linux
rm -f "$out" "$out".*
finish
