#!/bin/sh
# SPDX-License-Identifier: MIT
# Self-checking guests under the engines of this build: each reports through its console and the
# exit status of the command. usage: ring2.sh RESULTS BUILD PROGRAM...
set -u
ring=ring2 results=$1 build=$2
shift 2
. tests/lib.sh

. tests/guests.sh

out=$results/ring2.out
command=$build/trapeze

for engine in interp; do
    check "$engine: paging, page faults and timer ticks are as hello.elf expects" hello 1
    check "$engine: hello.elf is not disturbed by three more harts that stay stopped" hello 4
    for harts in 2 4; do
        check "$engine: $harts harts start, share memory, interrupt and fence each other, stop" \
            smp "$harts"
    done
    for harts in 1 4; do
        check "$engine: the SBI is as its specification says, $harts harts" \
            checks sbi-check --vcpus "$harts"
    done
    check "$engine: S-mode and U-mode are as the privileged specification says" checks rules
    check "$engine: so they are for a kernel in the upper half, in global pages" checks rules-upper
    check "$engine: a kernel that knows virt by heart runs without a disk" habits
    check "$engine: ... and with one" habits_on_disk '' 'version 2'
    check "$engine: ... and with a legacy one" habits_on_disk ',legacy' legacy
    for harts in 1 4; do
        check "$engine: processes at 0 fork, page and share on $harts harts (ulix)" ulix "$harts"
    done
    check "$engine: ... with their files on a disk" ulix_on_disk 4
    check "$engine: ... and notice when remote fences are left out" ulix_without_fences
    check "$engine: bench.elf measures everything and ends well" bench bench
    check "$engine: bench2.elf, drawn from a seed, measures everything and ends well" bench bench2
    check "$engine: a shutdown with a failure reason is exit status 3" case_guest reset-failure 3 20
    check "$engine: the power device's fail code is exit status 3" case_guest power-fail 3 20
    check "$engine: the power device's off code is exit status 0" case_guest power-off 0 20
    check "$engine: a guest that never ends is exit status 5 at its timeout" case_guest spin 5 2
    check "$engine: a wfi that nothing will end is exit status 5 at its timeout" case_guest sleep 5 2
    check "$engine: a jump to nowhere parks the guest" parked_guest nowhere
    check "$engine: an illegal instruction without a handler parks the guest" parked_guest illegal
done

# The command as it is on a RISC-V machine: its atomics, its floating point, its memory order are
# others. Emulated, unless it is this machine that has them.
riscv64() {
    engine=interp
    check "riscv64: paging, page faults and timer ticks are as hello.elf expects" hello 1
    check "riscv64: 4 harts start, share memory, interrupt and fence each other, stop" smp 4
    check "riscv64: the SBI is as its specification says" checks sbi-check --vcpus 2
    check "riscv64: S-mode and U-mode are as the privileged specification says" checks rules
    check "riscv64: a kernel that knows virt by heart runs with a disk" \
        habits_on_disk '' 'version 2'
    check "riscv64: bench.elf measures everything and ends well" bench bench
}

emulator=$(command -v qemu-riscv64 || command -v qemu-riscv64-static)
if [ "$(uname -m)" = riscv64 ]; then
    skip "riscv64: the command on RISC-V" "this is a RISC-V machine, all of the above was"
elif [ ! -x "$build/riscv64/trapeze" ]; then
    skip "riscv64: the command on RISC-V" "not built: make guests riscv64"
elif [ -z "$emulator" ]; then
    skip "riscv64: the command on RISC-V" "no qemu-riscv64: apt-get install qemu-user"
else
    command="$emulator $build/riscv64/trapeze"
    riscv64
fi
rm -f "$out" "$out".*
export GUESTS="$build/guests"
for test_program in "$@"; do
    run_cmocka "$test_program"
done
finish
