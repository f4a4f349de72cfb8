#!/bin/sh
# SPDX-License-Identifier: MIT
# The engine alone, under the harness, on the firmware that comes with QEMU.
# usage: ring2.sh RESULTS BUILD; QEMU names another emulator.
set -u
export LC_ALL=C
ring=ring2-hs results=$1 build=$2
. tests/lib.sh
attempts=2

out=$results/engine-hs.out
cpu=rv64,h=true
library=

# board STATUS GUEST OPTIONS: true if the board ends with that status; its console is in $out.
board() {
    timeout 60 "$emulator" ${library:+-L "$library"} -M virt -cpu "$cpu" -m 256 -nographic \
        -kernel "$build/metal/test-engine-hs.elf" -initrd "$build/guests/$2.elf" -append "$3" \
        >"$out" 2>&1 </dev/null
    got=$?
    [ "$got" -eq "$1" ] && return
    echo "status $got, expected $1; the end of its output:"
    tail -n 5 "$out"
    return 1
}

says() {
    grep -q "$1" "$out" && return
    echo "no line with '$1' in:"
    tail -n 5 "$out"
    return 1
}

guest() {
    board 0 "$1" "$2" && says "^$1: all is well"
}

# What a guest can handle itself goes to it, instruction page faults (bit 12) included.
delegation() {
    board 0 hello none && says 'hedeleg b1ff hideleg 444'
}

# hello needs 64 MiB: 32 leaves of 2 MiB below one table, and not a fault.
no_faults() {
    board 0 hello stats && says '^hs.gstage_leaves_2m 32' && says '^hs.gstage_leaves_4k 0' &&
        says '^hs.guest_page_faults 0'
}

nowhere() {
    board 4 case-nowhere none && says 'parked: .* addr 4000000000, pc 4000000000'
}

without_h() {
    cpu=rv64,h=false
    board 1 hello none && says 'no H extension'
}

# The harness on one emulator.
checks() {
    emulator=$1
    with=$("$emulator" --version | sed -n "s/^QEMU emulator version \\([0-9]*\\).*/QEMU \\1/p")
    for sstc in true false; do
        cpu=rv64,h=true,sstc=$sstc
        for options in none nosstc evict nosstc,evict; do
            check "$with, hs, sstc=$sstc, $options: a guest turns Sv39 on" guest hello "$options"
            check "$with, hs, sstc=$sstc, $options: a guest finds no trace of it" guest hs "$options"
        done
    done
    for options in none evict; do
        cpu=rv64,h=true,v=true,vlen=256,vext_spec=v1.0
        check "$with, hs, V, $options: a guest finds no trace of it" guest hs "$options"
    done
    cpu=rv64,h=true
    check "$with, hs: all delegation that a guest can use reads back" delegation
    check "$with, hs: RAM is mapped by the largest leaves and never faults" no_faults
    check "$with, hs: an access outside RAM and devices parks the guest with its address" nowhere
    check "$with, hs: a hart without H is refused by name" without_h
}

checks "${QEMU:-qemu-system-riscv64}"
newer=$build/qemu10/root/usr
if [ -z "${QEMU:-}" ] && [ -x "$newer/bin/qemu-system-riscv64" ] &&
    [ ! -L "$newer/bin/qemu-system-riscv64" ]; then # a link: it was the one
    library=$newer/share/qemu
    checks "$newer/bin/qemu-system-riscv64"
fi
finish
