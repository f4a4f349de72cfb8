#!/bin/sh
# SPDX-License-Identifier: MIT
# What a guest pays under the engine `bt` on a board with Linux, in instructions that the board
# retires (`-icount shift=0,sleep=off`, 100 a tick of the guest's clock): the benchmark guests, and
# Linux with Debian's programs on a disk. Beside it the bare board on OpenSBI, and QEMU's TCG as a
# program of the same board. Also to BUILD/tables/bt.tsv. Fails when something costs more than
# bench/bt.tsv allows, or programs print something else than on the bare board. usage: bt.sh BUILD
set -eu
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
. bench/qemu10.sh
icount="-icount shift=0,sleep=off"
image=$build/guests/linux/Image
initrd=$build/guests/linux/initrd-ticks.cpio.gz
disk=$build/userland/disk.img
append="console=ttyS0 earlycon=sbi loglevel=7 cryptomgr.notests panic=-1 ticks=1"
programs="run=\"mount -r -t ext4 /dev/vda /mnt && sh /mnt/test/enter bench\""
echo "bt: $(qemu-system-riscv64 --version 2>/dev/null | head -n 1)"

# usage: here MEMORY OPTIONS...
here() {
    memory=$1
    shift
    # shellcheck disable=SC2046 # words
    timeout -k 5 570 "$build/trapeze" run --engine bt --memory "$memory" \
        $(printf -- '--board-arg %s ' $icount) "$@" </dev/null 2>"$work/err"
}

# usage: bare SECONDS MEMORY OPTIONS...
bare() {
    seconds=$1 memory=$2
    shift 2
    # shellcheck disable=SC2086
    timeout -k 5 "$seconds" qemu-system-riscv64 -M virt -cpu rv64 -m "$memory" -display none -monitor none \
        -serial stdio $icount -no-reboot "$@" </dev/null 2>"$work/err"
}

# QEMU as a program of the board, with files for it in $work/nested. usage: nested OPTIONS...
nested() {
    {
        cat "$build/guests/linux/initrd.cpio.gz" "$build/qemu-riscv64/qemu.cpio.gz"
        (cd "$work/nested" && find . -mindepth 1 | cpio --quiet -o -H newc | gzip -1n)
    } >"$work/initrd"
    printf 'sleep 3\nexport LD_LIBRARY_PATH=/lib\nexec /lib/ld-linux-riscv64-lp64d.so.1 /bin/qemu %s\n' \
        "-M virt -display none -monitor none -serial stdio -L /share -no-reboot $*" >"$work/run"
    (cd "$work" && echo run | cpio --quiet -o -H newc | gzip -1n) >>"$work/initrd"
    bare 1500 2G -kernel "$image" -initrd "$work/initrd" -drive "file=$disk,format=raw,if=none,id=disk,readonly=on" \
        -device virtio-blk-device,drive=disk \
        -append 'console=ttyS0 quiet loglevel=0 cryptomgr.notests panic=-1 run="sh /run"'
}

# Lines `BENCH name count ticks` and the first `ticks n` of standard input as results of the column,
# `SUM` lines into a file of their own. usage: take COLUMN
take() {
    tr -d '\r' | awk -v column="$1" -v sums="$work/sums-$1" '
        /^BENCH / && NF == 4 { printf "%s\t%s\t%.1f\n", $2, column, $4 * 100 / $3 }
        /^SUM / { print >sums }
        $1 == "ticks" && !up++ { printf "up\t%s\t%.0f\n", column, $2 * 100 }' >>"$work/results"
}

drive="-device virtio-blk-device,drive=disk -drive format=raw,if=none,id=disk,readonly=on"
for guest in bench bench2; do
    here 128M --kernel "$build/guests/$guest.elf" | take $guest
done
here 512M --kernel "$image" --initrd "$initrd" --disk "$disk,ro" --append "$append $programs" | take bench
bare 60 128M -kernel "$build/guests/bench.elf" | take bare
# shellcheck disable=SC2086
bare 120 512M -kernel "$image" -initrd "$initrd" $drive,file="$disk" -append "$append $programs" | take bare
mkdir "$work/nested"
cp "$build/guests/bench.elf" "$work/nested/kernel.elf"
nested -m 128M -kernel /kernel.elf | take qemu
rm "$work/nested/kernel.elf"
cp "$image" "$work/nested/Image" && cp "$initrd" "$work/nested/initrd"
nested "-m 512M -kernel /Image -initrd /initrd $drive,file=/dev/vda -append '$append $programs'" | take qemu

mkdir -p "$build/tables"
awk -v table="$build/tables/bt.tsv" -f bench/bt.awk "$work/results" bench/bt.tsv || bad=1
cmp "$work/sums-bare" "$work/sums-bench" || bad=1
awk -v title="Instructions an operation: trapeze (bt) and QEMU's TCG on the same board" \
    -v unit=instructions -f bench/svg.awk "$build/tables/bt.tsv" >"$build/tables/bt.svg"
printf '\npicture: %s\n' "$build/tables/bt.svg"
[ -z "${bad-}" ] || { cat "$work/err"; exit 1; }
