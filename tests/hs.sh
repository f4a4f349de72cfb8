#!/bin/sh
# SPDX-License-Identifier: MIT
# The hypervisor on a board in QEMU, without the command: bundles made by hand, on OpenSBI and on our
# firmware. usage: hs.sh RESULTS BUILD
set -u
ring=hs results=$1 build=$2
. tests/lib.sh
attempts=2

qemu=${QEMU:-qemu-system-riscv64}
image=$build/metal/trapeze-hs.bin
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM
out=$tmp/out bundle=$tmp/bundle
disk='disk@0 { compatible = "trapeze,disk"; reg = <0>; trapeze,board-disk = <0>; };'

make_bundle() {
    kernel=$1
    shift
    tests/mkbundle.sh "$bundle" "$build/guests/$kernel" "$@"
}

# board STATUS HARTS OPTIONS...: the board of QEMU with the image; true if it ends with that status.
# Its console is in $out.
board() {
    want=$1 harts=$2
    shift 2
    timeout 150 "$qemu" -M virt -smp "$harts" -m 768M -display none -monitor none \
        -serial stdio -bios "$bios" -kernel "$image" "$@" >"$out" </dev/null 2>&1
    got=$?
    [ "$got" -eq "$want" ] && return
    echo "status $got, expected $want; the end of its output:"
    tail -n 20 "$out"
    return 1
}

# run STATUS HARTS OPTIONS...: the same with the bundle as initrd.
run() {
    run_status=$1 run_harts=$2
    shift 2
    board "$run_status" "$run_harts" -initrd "$bundle" "$@"
}

says() {
    grep -aq "$1" "$out" && return
    echo "no line with '$1' in:"
    tail -n 20 "$out"
    return 1
}

# A line of the hypervisor's own: behind a record separator.
tells() {
    says "$(printf '\036')trapeze: $1"
}

hello() {
    make_bundle hello.elf 1 128 && run 0 1 "$@" && [ "$(grep -ac '^hello: tick' "$out")" -eq 5 ] &&
        says '^hello: all is well'
}

# The guest has no Sstc, though the hart has it: its timer must not be found pending for ever.
withheld_sstc() {
    make_bundle hello.elf 1 128 -v 'trapeze,sstc = <0>; trapeze,stats;' && run 0 1 &&
        says '^hello: all is well' && says "$(printf '\036')hs.host_interrupts [1-9]"
}

smp() {
    make_bundle smp.elf "$1" 128 && run 0 "$2" && says "^smp: $1 harts, all is well"
}

# Its files are on the disk, one of which it writes.
ulix() {
    cp "$build/guests/ulix.cpio" "$tmp/disk" && truncate -s 512K "$tmp/disk" &&
        make_bundle ulix.elf "$1" 128 -v "$disk" && run 0 4 \
        -drive "file=$tmp/disk,format=raw,if=none,id=d" -device virtio-blk-device,drive=d &&
        says '^ulix: [0-9]* checks, all is well' && says 'files on the disk'
}

bench() {
    make_bundle "$1.elf" 1 128 && run 0 1 && says '^bench: done' &&
        [ "$(grep -ac '^good.sys' "$out")" -eq 1000 ]
}

linux() {
    make_bundle linux/Image "$1" 512 -i "$build/guests/linux/initrd.cpio.gz" \
        -a "console=ttyS0 quiet run=nproc" && run 0 "$1" && says '^guest up' &&
        grep -aq "^$1.\{0,1\}\$" "$out"
}

# The guest sees the disk's bytes, and what it writes lands in the file.
linux_disk() {
    dd if=/dev/urandom of="$tmp/disk" bs=1M count=8 2>/dev/null
    sum=$(md5sum <"$tmp/disk" | cut -c1-32)
    make_bundle linux/Image 2 512 -i "$build/guests/linux/initrd.cpio.gz" -v "$disk" \
        -a "console=ttyS0 quiet run=md5sum\${IFS}/dev/vda;echo\${IFS}landed>/dev/vda" &&
        run 0 2 -drive "file=$tmp/disk,format=raw,if=none,id=d" \
            -device virtio-blk-device,drive=d "$@" &&
        says "^$sum" && [ "$(head -c 6 "$tmp/disk")" = landed ]
}

read_only_disk() {
    dd if=/dev/zero of="$tmp/disk" bs=1M count=8 2>/dev/null
    make_bundle linux/Image 1 512 -i "$build/guests/linux/initrd.cpio.gz" \
        -v "$(echo "$disk" | sed 's/};$/read-only; };/')" \
        -a "console=ttyS0 quiet run=echo\${IFS}landed>/dev/vda" &&
        run 0 1 -drive "file=$tmp/disk,format=raw,if=none,id=d" -device virtio-blk-device,drive=d &&
        says 'command failed' && [ "$(tr -d '\0' <"$tmp/disk" | wc -c)" -eq 0 ]
}

bundle_on_disk() {
    make_bundle hello.elf 1 128 && truncate -s 4M "$bundle" &&
        board 0 1 -drive "file=$bundle,format=raw,if=none,id=d" -device virtio-blk-device,drive=d &&
        says '^hello: all is well'
}

no_bundle() {
    board 1 1 && tells 'there is no boot bundle: '
}

broken_bundle() {
    make_bundle hello.elf 1 128 && truncate -s 40000 "$bundle" && run 1 1 &&
        tells 'the boot bundle is not a whole newc archive'
}

no_h() {
    make_bundle hello.elf 1 128 && run 1 1 -cpu rv64,h=false &&
        tells 'hart 0 has no H extension (no `h` in its riscv,isa.*--engine interp'
}

too_many_vcpus() {
    make_bundle smp.elf 3 128 && run 1 2 && tells '3 vCPUs on a board of 2 harts'
}

too_much_memory() {
    make_bundle hello.elf 1 1024 && run 1 1 && tells 'no 1024 MiB in a row for the guest'
}

unknown_member() {
    make_bundle hello.elf 1 128 -v 'trapeze,dtb = "tree";' && run 1 1 &&
        tells "the boot bundle has no member 'tree'"
}

bad_machine() {
    make_bundle hello.elf 65 128 && run 1 1 && tells 'machine.dtb: trapeze,vcpus must be'
}

case_guest() {
    make_bundle "case-$1.elf" 1 64 && run "$2" 1
}

# The hypervisor ends the board, not the other way round, and says where the guest was.
nowhere() {
    case_guest nowhere 4 && tells 'vcpu 0 parked at pc 0x4000000000: .* at 0x4000000000' &&
        tells '  sstatus' && tells 'guest hart 0 in VS-mode'
}

self_test() {
    make_bundle hello.elf 1 128 -r 'trapeze,selftest;' && run 0 1 &&
        tells 'self test: 0 of [1-9][0-9]* checks failed, in [0-9]\{1,5\} us' && says '^hello: all is well'
}

# The board's UART is the guest's; what the hypervisor has to say goes through the firmware.
port='passthrough@10000000 { compatible = "trapeze,passthrough"; reg = <0 0x10000000 0 0x1000>;
    interrupts = <10>; trapeze,guest-base = /bits/ 64 <0x20000000>; trapeze,guest-interrupt = <20>;
    trapeze,no-dma; };'

# typed_later LINE TEXT: types TEXT once the console shows LINE.
typed_later() {
    tries=0
    until grep -aq "$1" "$out" || [ $tries -eq 300 ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
    echo "$2"
}

# with_port STATUS HARTS LINE TEXT: the bundle on a board whose console is typed at.
with_port() {
    : >"$out"
    typed_later "$3" "$4" | timeout 100 "$qemu" -M virt -smp "$2" -m 768M -display none \
        -monitor none -serial stdio -bios "$bios" -kernel "$image" -initrd "$bundle" >"$out" 2>&1
    got=$?
    [ "$got" -eq "$1" ] && return
    echo "status $got, expected $1"
    tail -n 20 "$out"
    return 1
}

passthrough() {
    make_bundle passthrough.elf 1 64 -v "trapeze,stats; $port" &&
        with_port 0 1 '^passthrough: first boot' 'typed outside' &&
        tells "passthrough: the guest has the board's serial at 0x10000000; .* trusted" &&
        says '^passthrough: straight to the port' && says '^passthrough: read typed outside' &&
        says 'mmio.passthrough@20000000 0' && says 'mmio.uart16550@10000000 0'
}

linux_passthrough() {
    make_bundle linux/Image 2 512 -i "$build/guests/linux/initrd.cpio.gz" -v "$port" -a "console=ttyS1 \
quiet run=echo\${IFS}ready;read\${IFS}x;echo\${IFS}got\${IFS}\$x;cat\${IFS}/proc/interrupts" &&
        with_port 0 2 '^ready' 'typed outside' && says '^got typed outside' &&
        says 'SiFive PLIC  20 .* ttyS1'
}

# not_granted PROPERTIES MESSAGE OPTIONS...: a passthrough node with these is refused with that line.
not_granted() {
    node="passthrough@0 { compatible = \"trapeze,passthrough\"; $1 };" message=$2
    shift 2
    make_bundle hello.elf 1 64 -v "$disk $node" && dd if=/dev/zero of="$tmp/disk" bs=1M count=1 \
        2>/dev/null && run 1 1 -drive "file=$tmp/disk,format=raw,if=none,id=d" \
        -device virtio-blk-device,drive=d,bus=virtio-mmio-bus.0 && tells "passthrough of .*$message"
}

refusals() {
    page() { echo "reg = <0 $1 0 0x1000>; trapeze,guest-base = /bits/ 64 <0x20000000>;"; }
    not_granted "$(page 0x80400000) trapeze,no-dma;" 'there is memory' &&
        not_granted "$(page 0x02004000) trapeze,no-dma;" "it is the firmware's" &&
        not_granted "$(page 0x0c200000) trapeze,no-dma;" 'drives the PLIC' &&
        not_granted "$(page 0x00100000) trapeze,no-dma;" "power is the hypervisor's" &&
        not_granted "$(page 0x00101000) trapeze,no-dma;" 'reads its clock' &&
        not_granted "$(page 0x10001000) trapeze,no-dma;" "a disk of the VM's is there" &&
        not_granted "$(page 0x10002000) trapeze,no-dma; interrupts = <1>; \
trapeze,guest-interrupt = <20>;" 'its interrupt is that of another device in use' &&
        not_granted "$(page 0x10002000)" "its DMA would reach the board's addresses" &&
        not_granted "$(page 0x10002000) trapeze,no-dma; interrupts = <2>;" "the VM's line" &&
        not_granted "reg = <0 0x10002000 0 0x1000>; trapeze,no-dma;" 'at that address' &&
        not_granted "reg = <0 0x10002000 0 0x1000>; trapeze,no-dma; \
trapeze,guest-base = /bits/ 64 <0x80000000>;" 'at that address'
}

# resumed KERNEL INITRD|- VCPUS MIB APPEND TEXT: the guest under interp until it says TEXT, from there
# on here. What it says goes on where it stopped: $out ends with the rest, $tmp/before has the start.
common='trapeze,isa = "rv64imafdc_zicntr_zicsr_zifencei_sstc"; trapeze,mmu-type = "riscv,sv39";'
resumed() {
    snapshot=$build/host/tests/snapshot/snapshot
    GUESTS=$build/guests timeout 100 "$snapshot" "$1" "$2" "$4" "$3" "$5" "$6" "$tmp/snapshot" \
        >"$tmp/before" || return
    make_bundle "$1" "$3" "$4" -s "$tmp/snapshot" -v "$common"
}

hello_resumes() {
    resumed hello.elf - 1 64 '' 'tick 2' && run 0 1 "$@" && says '^hello: all is well' &&
        [ "$(cat "$tmp/before" "$out" | grep -ac '^hello: tick')" -eq 5 ] &&
        ! grep -aq '^hello: tick [12]' "$out" && ! grep -q 'tick 4' "$tmp/before"
}

# Two harts in the middle of what they do together, FP registers and all.
linux_resumes() {
    resumed linux/Image linux/initrd.cpio.gz 2 256 'console=ttyS0 quiet run="i=0; while [ $i -lt 6 ]; do echo step $((i+=1)); sleep 0.3; done; nproc"' \
        'step 2' && run 0 2 && says '^step 6' && says '^2.\{0,1\}$' &&
        ! grep -aq '^step [12]' "$out" && says 'Power down'
}

other_shapes() {
    resumed hello.elf - 1 64 '' 'tick 2' || return
    cp "$tmp/snapshot" "$tmp/good"
    refused="trapeze: snapshot 'snapshot': "
    make_bundle hello.elf 1 128 -s "$tmp/good" -v "$common" && run 1 1 && says "$refused.*it wants" &&
        make_bundle hello.elf 2 64 -s "$tmp/good" -v "$common" && run 1 2 && says "$refused.*it wants" &&
        make_bundle hello.elf 1 64 -s "$tmp/good" && run 1 1 && says "$refused" || return
    head -c 5000 "$tmp/good" >"$tmp/cut"
    make_bundle hello.elf 1 64 -s "$tmp/cut" -v "$common" && run 1 1 && says "$refused" &&
        make_bundle hello.elf 1 64 -s "$build/guests/hello.elf" -v "$common" && run 1 1 &&
        says "$refused"
}

misplaced() {
    riscv64-unknown-elf-objcopy --change-addresses=0x200000 "$build/metal/trapeze-hs.elf" \
        "$tmp/moved.elf" && image=$tmp/moved.elf &&
        board 0 1 && tells 'the hypervisor was not loaded at 0x80200000'
    status=$?
    image=$build/metal/trapeze-hs.bin
    return $status
}

# Typed lines reach the guest's shell, a reset boots it anew, and it ends itself the second time.
typed_and_reset() {
    make_bundle linux/Image 2 512 -i "$build/guests/linux/initrd.cpio.gz" -a "console=ttyS0 quiet" ||
        return
    : >"$out"
    (
        await 1 && echo 'echo typed $((40 + 2))' && sleep 2 && echo 'reboot -f' && await 2 &&
            echo 'poweroff -f'
        sleep 5
    ) | timeout 150 "$qemu" -M virt -smp 2 -m 768M -display none -monitor none \
        -serial stdio -bios "$bios" -kernel "$image" -initrd "$bundle" >"$out" 2>&1
    got=$?
    [ "$got" -eq 0 ] && says '^typed 42' && [ "$(grep -ac '^guest up' "$out")" -eq 2 ] && return
    echo "status $got"
    tail -n 20 "$out"
    return 1
}

# await N: until the guest's shell has come up for the N-th time.
await() {
    tries=0
    until [ "$(grep -ac 'built-in shell' "$out")" -ge "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || return 1
        sleep 0.5
    done
    sleep 1
}

# Its prompt is waited for twice, so that what is typed is not dropped.
u_boot() {
    make_bundle u-boot-smode.bin 1 256 || return
    : >"$out"
    { typed_later 'Hit any key' '' && typed_later '^=> ' 'echo prompt reached; poweroff' && sleep 5; } |
        timeout 100 "$qemu" -M virt -m 768M -display none -monitor none -serial stdio \
            -bios "$bios" -kernel "$image" -initrd "$bundle" >"$out" 2>&1 && says '^prompt reached'
}

# The hypervisor as a boot loader starts it: U-Boot takes it and the bundle from a file system.
booti() {
    load='load virtio 0:0'
    make_bundle hello.elf 1 128 && mkdir -p "$tmp/boot" && cp "$image" "$tmp/boot/hs" &&
        cp "$bundle" "$tmp/boot/bundle" && rm -f "$tmp/disk" && truncate -s 16M "$tmp/disk" &&
        /sbin/mke2fs -q -t ext4 -d "$tmp/boot" "$tmp/disk" && : >"$out" || return
    {
        typed_later 'Hit any key' '' && typed_later '^=> ' "virtio scan; $load \${kernel_addr_r} hs; \
$load \${ramdisk_addr_r} bundle; booti \${kernel_addr_r} \${ramdisk_addr_r}:\${filesize} \
\${fdtcontroladdr}" &&
            typed_later 'hello: all is well' ''
    } | timeout 150 "$qemu" -M virt -m 768M -display none -monitor none -serial stdio -bios "$bios" \
        -kernel "$build/guests/u-boot-smode.bin" -drive "file=$tmp/disk,format=raw,if=none,id=d" \
        -device virtio-blk-device,drive=d >"$out" 2>&1
    got=$?
    [ "$got" -eq 0 ] && says '^hello: all is well' && return
    echo "status $got"
    tail -n 20 "$out"
    return 1
}

# What a guest that looks for a hypervisor under it finds: nothing, in every mode of paging, with U on
# a page of its kernel, by FP and V with FS and VS toggled, at devices.
probing() {
    make_bundle hs.elf 1 128 && run 0 1 "$@" && says '^hs: Sv39 is on' && says '^hs: all is well'
}

# The I/O hart is the one with the lowest id; firmware may have booted another.
typed_on_4_harts() {
    make_bundle remote.elf 4 64 && : >"$out" && for i in 1 2 3; do
        { typed_later 'ready' 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.' && sleep 3; } | timeout 60 "$qemu" -M virt \
            -smp 4 -m 768M -display none -monitor none -serial stdio -bios "$bios" \
            -kernel "$image" -initrd "$bundle" >"$out" 2>&1 || return
    done
}

# suite FIRMWARE: what has to hold on any firmware.
suite() {
    check "$1: paging, page faults and timer ticks are as hello.elf expects" hello
    check "$1: the same on a hart without Sstc" hello -cpu rv64,sstc=false
    check "$1: the same when machine.dtb withholds Sstc" withheld_sstc
    check "$1: a guest finds no trace of what runs it" probing
    for harts in 1 2 3 4; do
        check "$1: $harts vCPUs on 4 harts start, share memory, interrupt and fence each other" \
            smp "$harts" 4
    done
    check "$1: processes at 0 fork, page and share on 4 harts (ulix)" ulix 4
    check "$1: U-Boot starts the hypervisor with booti" booti
    check "$1: bench.elf measures everything and ends well" bench bench
    check "$1: bench2.elf, drawn from a seed, ends well" bench bench2
    check "$1: Linux boots with 1 vCPU" linux 1
    check "$1: Linux boots with 4 vCPUs, all online" linux 4
    check "$1: U-Boot reaches its prompt and powers off" u_boot
    check "$1: a device that is passed through: no access leaves the guest, its interrupts arrive" \
        passthrough
}

# What the firmware makes no difference for.
once() {
    check "a disk's bytes reach the guest, and what it writes the file (legacy board)" linux_disk
    check "the same on a board of virtio 1" linux_disk -global virtio-mmio.force-legacy=false
    check "a read-only disk is not written" read_only_disk
    check "the bundle may lie raw on the first disk" bundle_on_disk
    check "what is typed reaches the guest; a reset boots it again" typed_and_reset
    check "what is typed reaches the guest whichever hart booted" typed_on_4_harts
    check "a guest that powers off ends the board with status 0" case_guest power-off 0
    check "the power device's fail code ends the board with status 3" case_guest power-fail 3
    check "a shutdown with a failure reason ends the board with status 3" case_guest reset-failure 3
    check "an access outside RAM and devices parks the guest with its address and registers" nowhere
    check "without H the message names the letter and an engine that works" no_h
    check "without a bundle the message says where one may lie" no_bundle
    check "a bundle cut short is refused" broken_bundle
    check "a machine.dtb that breaks its rules is refused with the rule" bad_machine
    check "a file that is not in the bundle is named" unknown_member
    check "more vCPUs than harts are refused" too_many_vcpus
    check "more memory than the board has in a row is refused" too_much_memory
    check "Debian's driver runs the board's own UART" linux_passthrough
    check "what is the hypervisor's, or not the VM's, is not passed through" refusals
    check "a guest saved under interp goes on here" hello_resumes
    check "Linux with 2 vCPUs saved under interp goes on here" linux_resumes
    check "a snapshot of a VM of another shape, cut or of something else is refused" other_shapes
    check "the self test passes at boot" self_test
    check "an image at another address says so" misplaced
}

on_opensbi() {
    bios=default
    suite opensbi
}

on_trapeze() {
    bios=$build/metal/trapeze-firmware.bin
    suite trapeze
}

on_either() {
    bios=default
    once
}

# The QEMU that Debian 13 has: harts with more extensions (Zicboz, Smstateen, Sv57), another htinst.
on_qemu_10() {
    root=$build/qemu10/root/usr
    qemu=$tmp/qemu
    printf '#!/bin/sh\nexec "%s" -L "%s" "$@"\n' "$PWD/$root/bin/qemu-system-riscv64" \
        "$PWD/$root/share/qemu" >"$qemu"
    chmod +x "$qemu"
    bios=$build/metal/trapeze-firmware.bin
    check "QEMU 10: paging, page faults and timer ticks are as hello.elf expects" hello
    check "QEMU 10: the same when machine.dtb withholds Sstc" withheld_sstc
    check "QEMU 10: a guest finds no trace of what runs it" probing
    check "QEMU 10: the same with V" probing -cpu rv64,v=true
    check "QEMU 10: 4 vCPUs on 4 harts" smp 4 4
    check "QEMU 10: bench2.elf ends well" bench bench2
    check "QEMU 10: Linux boots with 4 vCPUs, all online" linux 4
    check "QEMU 10: Debian's driver runs the board's own UART" linux_passthrough
    check "QEMU 10: a guest saved under interp goes on here" hello_resumes
    bios=default
    check "QEMU 10, opensbi: a guest finds no trace of what runs it" probing
    check "QEMU 10, opensbi: the same on a hart without Sstc" probing -cpu rv64,sstc=false
    check "QEMU 10, opensbi: Linux boots with 1 vCPU" linux 1
    check "QEMU 10, opensbi: U-Boot reaches its prompt and powers off" u_boot
}

# part NAME: a folder of its own, so that two can run at a time.
part() (
    tmp=$tmp/$1
    out=$tmp/out bundle=$tmp/bundle
    mkdir "$tmp" && "$1"
)

part on_opensbi &
part on_trapeze &
wait
part on_either &
if [ -x "$build/qemu10/root/usr/bin/qemu-system-riscv64" ]; then
    part on_qemu_10
else
    skip "on QEMU 10" "it is not there: make qemu10"
fi
wait
finish
