#!/bin/sh
# SPDX-License-Identifier: MIT
# The firmware under QEMU: its own handlers with made-up traps, a payload that tries it, our guests,
# Linux and U-Boot in S-mode right above it. usage: metal.sh RESULTS BUILD
set -u
ring=metal results=$1 build=$2
. tests/lib.sh
attempts=2

out=$results/metal.out
firmware=$build/metal/trapeze-firmware.bin

# board SECONDS OPTIONS...: QEMU's status; the console is in $out.
board() {
    limit=$1
    shift
    timeout "$limit" qemu-system-riscv64 -m 512 -nographic "$@" >"$out.raw" 2>"$out.err" </dev/null
    status=$?
    tr -d '\r\036' <"$out.raw" >"$out"
    return $status
}

explain() {
    echo "$1; the end of its output:"
    tail -n 20 "$out"
    cat "$out.err"
    return 1
}

says() {
    grep -qE "$1" "$out" || explain "no line '$1'"
}

# guest KERNEL LINE OPTIONS...: the guest says the line and powers the board off.
guest() {
    kernel=$build/guests/$1.elf line=$2
    shift 2
    board 120 -bios "$firmware" -kernel "$kernel" "$@" || { explain "status $?"; return; }
    says "$line"
}

# On a board without a power device the firmware halts: it is ended from here once it says so.
# unpowered KERNEL LINE OPTIONS...
unpowered() {
    kernel=$1 line=$2
    shift 2
    : >"$out.raw"
    timeout 120 qemu-system-riscv64 -M sifive_u -m 512 -nographic -bios "$firmware" \
        -kernel "$build/guests/$kernel" "$@" >"$out.raw" 2>"$out.err" </dev/null &
    board_pid=$!
    while kill -0 "$board_pid" 2>/dev/null && ! grep -q 'no power device' "$out.raw"; do
        sleep 0.2
    done
    kill "$board_pid" 2>/dev/null
    wait "$board_pid"
    tr -d '\r\036' <"$out.raw" >"$out"
    says "$line" && says 'no power device'
}

linux() {
    harts=$1
    shift
    board 180 -M virt -smp "$harts" -bios "$firmware" -kernel "$build/guests/linux/Image" \
        -initrd "$build/guests/linux/initrd.cpio.gz" \
        -append 'console=ttyS0 panic=-1 run=nproc' "$@" || { explain "status $?"; return; }
    says '^guest up' && says "^$harts\$" && says 'nomap .*mmode_resv'
}

linux_sifive() {
    unpowered linux/Image '^guest up' -smp 5 -initrd "$build/guests/linux/initrd.cpio.gz" \
        -append 'console=ttySIF0 panic=-1 run=nproc' && says '^4$'
}

# Its prompt is waited for, so the console is a pipe.
u_boot() {
    rm -f "$out.pipe"
    mkfifo "$out.pipe"
    : >"$out"
    timeout 100 qemu-system-riscv64 -M virt -m 512 -nographic -bios "$firmware" \
        -kernel "$build/guests/u-boot-smode.bin" <"$out.pipe" >"$out" 2>"$out.err" &
    board_pid=$!
    exec 3>"$out.pipe"
    for step in 'Hit any key|' '=> |echo prompt reached; poweroff'; do
        while kill -0 "$board_pid" 2>/dev/null && ! grep -q "${step%%|*}" "$out"; do
            sleep 0.2
        done
        echo "${step#*|}" >&3
    done
    exec 3>&-
    wait "$board_pid" || { explain "status $?"; return; }
    says '^prompt reached'
}

fails_with_1() {
    board 20 -M virt -bios "$firmware" -kernel "$build/guests/case-reset-failure.elf"
    [ $? -eq 1 ] || explain "status $status, expected 1"
}

# Each result of the image is one of ours.
made_up_traps() {
    board 30 -M virt -bios "$build/metal/test-machine.bin" "$@"
    name=$(echo "$*" | tr -d ' ')
    sed -n "s/^trapeze: firmware: pass \(.*\)/pass metal \1 ${name:+($name)}/p
        s/^trapeze: firmware: fail \(.*\)/fail metal \1 ${name:+($name)}/p
        s/^trapeze: firmware: skip \(.*\)/skip metal \1/p" "$out" | sed 's/ *$//' |
        tee -a "$results_file"
    says '^trapeze: firmware: done' && says 'mcause +[0-9a-f]{16}  mtval' && says '  stvec  '
}

check "the handlers come through all made-up traps, and dump one" made_up_traps
check "the handlers come through them on a hart without H" made_up_traps -cpu rv64,h=false
for board in "-M virt" "-M virt,aclint=on" "-M virt -cpu rv64,sstc=false" \
    "-M virt -cpu rv64,h=false,sstc=false"; do
    check "what must be closed is, what must work does ($board)" \
        guest payload '^payload: all is well' $board
done
check "a hart without the time CSR reads time, and hart 0 without S-mode is none (sifive_u)" \
    unpowered payload.elf '^payload: hart 0 status -3' -smp 2
check "hello.elf ticks without the time CSR, on 5 harts (sifive_u)" \
    unpowered hello.elf '^hello: all is well' -smp 5
check "Debian's kernel boots without the time CSR, on harts 1 to 4 (sifive_u)" linux_sifive
check "hello.elf runs" guest hello '^hello: all is well' -M virt
for harts in 2 4 16; do
    check "$harts harts start, share memory, interrupt and fence each other, stop" \
        guest smp "^smp: $harts harts, all is well" -M virt -smp "$harts"
done
for harts in 1 4; do
    check "the SBI is as its specification says, $harts harts" \
        guest sbi-check '^sbi-check: .* all is well' -M virt -smp "$harts"
done
check "the SBI is as its specification says, timer without Sstc" \
    guest sbi-check '^sbi-check: .* all is well' -M virt -cpu rv64,sstc=false,h=false -smp 2
check "a kernel that knows virt by heart runs" guest habits '^habits: all is well' -M virt
check "harts interrupt each other through an ACLINT, timer without Sstc" \
    guest smp '^smp: 4 harts, all is well' -M virt,aclint=on -cpu rv64,sstc=false -smp 4
check "bench.elf measures everything and ends well" guest bench '^bench: done' -M virt
check "processes at 0 fork, page and share on 4 harts (ulix)" \
    guest ulix '^ulix: [0-9]* checks, all is well' -M virt -smp 4
check "bench2.elf measures everything and ends well" guest bench2 '^bench: done' -M virt -smp 3
check "a shutdown with a failure reason is the board's failure" fails_with_1
check "Debian's kernel boots and powers off, 1 hart" linux 1
check "Debian's kernel boots and powers off, 4 harts" linux 4
check "Debian's kernel boots without Sstc and H, 2 harts" linux 2 -cpu rv64,sstc=false,h=false
check "U-Boot reaches its prompt and powers off" u_boot
rm -f "$out" "$out".*
finish
