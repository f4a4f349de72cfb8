#!/bin/sh
# SPDX-License-Identifier: MIT
# Real guests, unmodified: Debian's kernel with 1 and 4 vCPUs, its disk, its shell; U-Boot.
# usage: ring3.sh RESULTS BUILD PROGRAM...
set -u
ring=ring3 results=$1 build=$2
shift 2
. tests/lib.sh

out=$results/ring3.out
disk=$results/ring3.img
engine=interp

trapeze() {
    timeout 200 "$build/trapeze" run --engine "$engine" --timeout 180 "$@" >"$out" 2>"$out.err"
}

# A kernel that panics resets the machine rather than wait for the timeout.
linux() {
    append="panic=-1 $1"
    shift
    trapeze --kernel "$build/guests/linux/Image" --initrd "$build/guests/linux/initrd.cpio.gz" \
        --append "console=ttyS0 quiet $append" "$@"
}

# Prints what a failed guest said. Its status is that of a failure.
explain() {
    echo "$1; the end of its output:"
    tail -n 20 "$out"
    cat "$out.err"
    return 1
}

says() {
    tr -d '\r' <"$out" | grep -qE "$1" || explain "no line '$1'"
}

linux_runs() {
    linux 'run="uname -m; nproc"' --vcpus "$1" </dev/null || { explain "status $?"; return; }
    says '^guest up: [0-9.]+$' && says '^riscv64$' && says "^$1\$"
}

make_disk() {
    rm -f "$disk"
    truncate -s 32M "$disk"
    /sbin/mke2fs -q -t ext4 "$disk"
}

# What the guest wrote is in the image, and the file system is sound.
disk_keeps() {
    make_disk
    linux 'run="mount /dev/vda /mnt; seq 100000 >/mnt/numbers; sync; umount /mnt"' \
        --vcpus 2 --disk "$disk" </dev/null || { explain "status $?"; return; }
    /sbin/debugfs -R 'cat numbers' "$disk" 2>/dev/null >"$out.file"
    seq 100000 | cmp - "$out.file" && /sbin/e2fsck -fn "$disk" >/dev/null 2>&1 ||
        explain "the disk does not hold what was written"
}

disk_refuses_writes() {
    make_disk
    before=$(cksum <"$disk")
    linux 'run="cat /sys/block/vda/ro; echo x >/dev/vda || echo refused"' --disk "$disk,ro" \
        </dev/null || { explain "status $?"; return; }
    says '^1$' && says '^refused$' && [ "$before" = "$(cksum <"$disk")" ]
}

disk_legacy() {
    make_disk
    linux 'run="mount /dev/vda /mnt; echo legacy >/mnt/word; umount /mnt"' \
        --disk "$disk,legacy" </dev/null || { explain "status $?"; return; }
    [ "$(/sbin/debugfs -R 'cat word' "$disk" 2>/dev/null)" = legacy ] ||
        explain "the disk does not hold what was written"
}

entropy() {
    linux 'run="head -c 16 /dev/hwrng | wc -c"' </dev/null || { explain "status $?"; return; }
    says '^16$'
}

# wait_for PATTERN: until the guest's console shows it or the guest is gone.
wait_for() {
    while kill -0 "$guest" 2>/dev/null; do
        grep -qE "$1" "$out" && return
        sleep 0.2
    done
    return 1
}

# converse COMMAND...: starts the guest in the background with a pipe as its console input (fd 3).
converse() {
    rm -f "$out.pipe"
    mkfifo "$out.pipe"
    : >"$out"
    "$@" <"$out.pipe" &
    guest=$!
    exec 3>"$out.pipe"
}

ended() {
    exec 3>&-
    wait "$guest" || explain "status $?"
}

shell() {
    converse linux ''
    wait_for '~ # ' && echo 'echo $((6 * 7)); exit' >&3
    ended && says '^42$'
}

u_boot() {
    converse trapeze --kernel "$build/guests/u-boot-smode.bin"
    wait_for 'Hit any key' && echo >&3
    wait_for '=> ' && echo 'echo prompt reached; poweroff' >&3
    ended && says '^prompt reached$'
}

# prompt COMMAND: types it when U-Boot has shown its prompt once more than before.
prompt() {
    prompts=$((prompts + 1))
    while kill -0 "$guest" 2>/dev/null && [ "$(grep -ac '=> ' "$out")" -lt "$prompts" ]; do
        sleep 0.2
    done
    echo "$1" >&3
}

# Kernel and initrd come from a file system on the disk; U-Boot edits its own tree for them.
u_boot_linux() {
    rm -f "$disk"
    truncate -s 64M "$disk"
    /sbin/mke2fs -q -t ext4 -d "$build/guests/linux" "$disk"
    converse trapeze --kernel "$build/guests/u-boot-smode.bin" --disk "$disk" --vcpus 2
    prompts=0
    wait_for 'Hit any key' && echo >&3
    prompt 'virtio scan'
    prompt 'load virtio 0:0 ${kernel_addr_r} Image'
    prompt 'load virtio 0:0 ${ramdisk_addr_r} initrd.cpio.gz'
    prompt 'setenv bootargs console=ttyS0 quiet panic=-1 run=nproc'
    prompt 'booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}'
    ended && says '^guest up: [0-9.]+$' && says '^2$'
}

# A run with this seed; what it printed, counted and wrote goes to $disk.NUMBER.
deterministic_run() {
    cp "$disk" "$disk.image"
    linux 'run="mount /dev/vda /mnt; echo x >/mnt/a; umount /mnt; cat /proc/interrupts"' \
        --deterministic="$1" --vcpus 4 --disk "$disk.image" --stats </dev/null ||
        explain "status $?" || return
    { grep -v '^time_ns ' "$out.err" && cat "$out" && cksum <"$disk.image"; } >"$disk.$2"
}

trace_hash() {
    sed -n 's/^deterministic.trace_hash //p' "$disk.$1"
}

deterministic() {
    make_disk
    deterministic_run 7 1 && deterministic_run 7 2 && deterministic_run 8 3 || return
    cmp "$disk.1" "$disk.2" && [ -n "$(trace_hash 1)" ] && [ "$(trace_hash 1)" != "$(trace_hash 3)" ] ||
        explain "hashes $(trace_hash 1) $(trace_hash 2), and $(trace_hash 3) of another seed"
}

check "Debian's kernel boots to init and powers off, 1 vCPU" linux_runs 1
check "Debian's kernel boots to init and powers off, 4 vCPUs" linux_runs 4
check "the shell answers at the console and its end powers off" shell
check "a file written by the guest is in the image afterwards" disk_keeps
check "a read-only disk refuses writes and stays as it was" disk_refuses_writes
check "a legacy disk (virtio version 1) takes writes too" disk_legacy
check "the entropy device gives bytes" entropy
check "deterministic runs do, print and write the same, with another seed something else" deterministic
check "U-Boot reaches its prompt and poweroff ends it" u_boot
check "U-Boot loads Linux from a disk and starts it" u_boot_linux
rm -f "$out" "$out".* "$disk" "$disk".*
export GUESTS="$build/guests"
for test_program in "$@"; do
    run_cmocka "$test_program"
done
finish
