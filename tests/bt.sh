#!/bin/sh
# SPDX-License-Identifier: MIT
# The translator: our own guests and Debian's under --engine bt, which on a machine that is no RISC-V
# runs on a board with Linux; and lockstep with exec_step. With `long` only what takes minutes.
# usage: bt.sh RESULTS BUILD [long]
set -u
ring=bt results=$1 build=$2
. tests/lib.sh
attempts=2
. tests/bt/board.sh

out=$results/bt.out

# run_guest STATUS OPTIONS...: true if the guest ends with that status; its console is in $out.
run_guest() {
    want=$1
    shift
    timeout -s KILL 400 "$build/trapeze" run --engine bt --timeout 300 "$@" >"$out" 2>"$out.err" \
        </dev/null
    got=$?
    [ "$got" -eq "$want" ] && return
    echo "status $got, expected $want; the end of its output:"
    tail -n 20 "$out"
    cat "$out.err"
    return 1
}

says() {
    grep -aq "$1" "$out" && return
    echo "no line with '$1' in:"
    tail -n 20 "$out"
    return 1
}

own() {
    name=$1 line=$2
    shift 2
    run_guest 0 --kernel "$build/guests/$name.elf" --memory 128M "$@" && says "$line"
}

# Mirrors need a host with more than Sv39, which boards have.
upper_rules() {
    own rules-upper '^rules-upper: [0-9]* checks, all is well' --stats \
        --board-arg -icount --board-arg shift=0,sleep=off || return
    [ "$(uname -m)" = riscv64 ] && grep -q 'mmu.*sv39$' /proc/cpuinfo && return
    awk '$1 == "bt.mirror_pages" { pages = $2 } END { exit !(pages > 0) }' "$out.err" && return
    grep mirror "$out.err"
    return 1
}

case_guest() {
    run_guest "$2" --kernel "$build/guests/case-$1.elf" --memory 64M
}

resets() {
    truncate -s 0 "$out.disk" && truncate -s 1M "$out.disk" &&
        gzip -c "$build/guests/remote.elf" >"$out.gz"
    printf wWrCrWr. | timeout -s KILL 200 "$build/trapeze" run --engine bt --kernel "$out.gz" \
        --memory 64M --timeout 100 --disk "$out.disk" >"$out" 2>"$out.err" &&
        [ "$(grep -c ready "$out")" -eq 4 ] &&
        [ "$(grep -c 'read 16 done, 0 failed, 0 wrong' "$out")" -eq 3 ] && return
    tail -n 20 "$out" "$out.err"
    return 1
}

# The wall clock of an emulated board is slow: the guest counts its harts, and powers off.
linux() {
    run_guest 0 --kernel "$build/guests/linux/Image" --initrd "$build/guests/linux/initrd.cpio.gz" \
        --append 'console=ttyS0 quiet panic=-1 run="echo harts: $(nproc)"' --memory 256M \
        --vcpus "$1" && says '^guest up' && says "^harts: $1"
}

# agrees MILLIONS FILE...: translated code and exec_step, block by block.
agrees() {
    timeout -s KILL 600 $emulator "$build/riscv64/lockstep" "$@" >"$out" 2>&1 &&
        says '^lockstep: .* agree'
}

# A guest that has got into the process makes system calls: killed for each, but for two that do no
# harm; without filters it does what it likes.
contained() {
    board 400 512M contained "$build/riscv64/trapeze-hole" "$build/riscv64/trapeze-open" \
        "$build/guests/hole.elf" >"$out"
    awk '
        $1 == "begin" { files = $5 }
        $1 == "trapeze-hole" {
            n++
            if ($4 != "safe" || $5 != files || $3 != ($2 ~ /[ey]/ ? 40 : 159)) wrong = 1
        }
        $1 == "trapeze-open" && $3 == 40 { open += $4 == "safe" ? 1 : 2 }
        END { exit wrong || n != 18 || open != 4 }' "$out" && return
    cat "$out"
    return 1
}

# Random sequences: the same number is the same sequence everywhere, as far as the harts are alike.
# usage: sequences_agree FIRST COUNT [lacking]
sequences_agree() {
    timeout -s KILL 200 $emulator "$build/riscv64/sequences" "$@" >"$out" 2>&1 &&
        says "^sequences: [0-9]* agree" && return
    cat "$out"
    return 1
}

sequences_agree_on_board() {
    board 300 512M sequences "$build/riscv64/sequences" "$build/riscv64/debug" >"$out"
    says "^sequences: [0-9]* agree" && return
    cat "$out"
    return 1
}

# Proportional set size, sampled once a second.
little_memory() {
    board 400 1G memory "$build/riscv64/trapeze" "$build/guests/linux/Image" \
        "$build/guests/linux/initrd.cpio.gz" >"$out"
    says '^harts: 4' && says '^status 0' &&
        awk '$1 == "monitor" { exit !($2 > 0 && $2 <= 96 * 1024) }' "$out" && return
    grep -a '^monitor' "$out"
    return 1
}

# results_of COMMAND...: what guests/userland/check prints under it.
results_of() {
    "$@" </dev/null 2>"$out.err" | tr -d '\r' | grep -a '^RESULT\|^FAILED'
}

# Debian's programs from a disk, here and on the bare board. usage: same_results [long]
same_results() {
    append="console=ttyS0 quiet cryptomgr.notests panic=-1 \
run=\"mount -r -t ext4 /dev/vda /mnt && sh /mnt/test/enter check $1\""
    image=$build/guests/linux/Image initrd=$build/guests/linux/initrd.cpio.gz disk=$build/userland/disk.img
    results_of timeout -s KILL 100 qemu-system-riscv64 -M virt -m 512M -display none -monitor none \
        -serial stdio -no-reboot -kernel "$image" -initrd "$initrd" -append "$append" \
        -drive "file=$disk,format=raw,if=none,id=disk,readonly=on" \
        -device virtio-blk-device,drive=disk >"$out.bare"
    results_of timeout -s KILL 1200 "$build/trapeze" run --engine bt --memory 512M --kernel "$image" \
        --initrd "$initrd" --append "$append" --disk "$disk,ro" >"$out"
    says '^RESULT done' && ! grep -q '^FAILED' "$out" && cmp "$out" "$out.bare" && return
    cat "$out" "$out.bare" "$out.err"
    return 1
}

if [ "${3-}" = long ]; then
    check "Debian's python3 computes, and gcc compiles, what they do on bare metal" same_results long
    rm -f "$out" "$out".*
    finish
fi
check "paging, page faults and timer ticks are as hello.elf expects" own hello '^hello: all is well'
# By instructions, not by the clock: whether an interrupt comes before or behind a wfi is timing.
check "S-mode and U-mode are as the privileged specification says" own rules \
    "^rules: [0-9]* checks, all is well" --board-arg -icount --board-arg shift=0,sleep=off
check "so they are for a kernel in the upper half, whose pages are mirrored" upper_rules
check "the SBI is as its specification says" own sbi-check \
    '^sbi-check: [0-9]* checks, all is well' --vcpus 4
check "4 harts start, share memory, interrupt and fence each other, stop" own smp \
    '^smp: 4 harts, all is well' --vcpus 4
check "a kernel that knows virt by heart runs" own habits '^habits: all is well'
for harts in 1 4; do
    check "processes at 0 fork, page and share on $harts harts (ulix)" own ulix \
        '^ulix: [0-9]* checks, all is well' --vcpus "$harts"
done
check "bench.elf measures everything and ends well" own bench '^bench: done'
check "bench2.elf, drawn from a seed, measures everything and ends well" own bench2 '^bench: done'
check "the power device's fail code is exit status 3" case_guest power-fail 3
check "a jump to nowhere parks the guest" case_guest nowhere 4
check "an illegal instruction without a handler parks the guest" case_guest illegal 4

check "cold and warm resets boot again, where no file can be opened any more" resets
emulator=$(tests/bt/emulator.sh "$build/riscv64/sequences" 0 1)
if [ -z "$emulator" ]; then
    skip "lockstep with exec_step, sequences" "no qemu-riscv64: apt-get install qemu-user-static"
else
    check "all of hello.elf is the same by exec_step" agrees 1000 "$build/guests/hello.elf"
    check "the first 50 million instructions of Debian's kernel are the same by exec_step" \
        agrees 50 "$build/guests/linux/Image" "$build/guests/linux/initrd.cpio.gz" \
        "console=ttyS0 quiet"
    check "30 thousand generated sequences end as by exec_step, computations as on the bare hart" \
        sequences_agree 0 30000
    check "so do 5 thousand where the guest's harts have extensions that the host's are said to lack" \
        sequences_agree 0 5000 lacking
fi
check "so do sequences that write code that they execute, on a board" sequences_agree_on_board
check "single step and breakpoints stop where they should, there" says '^debug: [0-9]* tests pass'
check "Debian boots, with 1 vCPU" linux 1
check "Debian boots, with 4 vCPUs" linux 4
check "beside guest RAM it takes at most 96 MiB, with 4 vCPUs" little_memory
check "a guest that has taken the process over opens, starts and changes nothing" contained
check "Debian's gzip, coreutils, dash, openssl and python3 print what they print on bare metal" \
    same_results ''
rm -f "$out" "$out".*
finish
