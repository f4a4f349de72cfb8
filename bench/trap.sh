#!/bin/sh
# SPDX-License-Identifier: MIT
# What a guest pays under the engine `trap`, in instructions that the board retires (`-icount
# shift=0,sleep=off`, 100 a tick of its clock), and under QEMU's TCG as a program of the same board:
# Debian's Linux with qemu-system-riscv64 for riscv64. Also to BUILD/tables/trap.tsv. Fails when an
# operation costs more than bench/trap.tsv allows. usage: trap.sh BUILD
set -eu
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$build/tables"

here() {
    timeout -k 5 300 "$build/trapeze" run --engine trap --memory 128M --board-arg -icount \
        --board-arg shift=0,sleep=off "$@" </dev/null 2>"$work/err"
}

# The guest's initrd for its shell, then QEMU, then the kernel to run. usage: nested KERNEL [ARGUMENTS]
nested() {
    mkdir -p "$work/kernel" && cp "$1" "$work/kernel/kernel.elf"
    {
        cat "$build/guests/linux/initrd.cpio.gz" "$build/qemu-riscv64/qemu.cpio.gz"
        (cd "$work/kernel" && echo kernel.elf | cpio --quiet -o -H newc | gzip -1n)
    } >"$work/initrd"
    timeout -k 5 570 qemu-system-riscv64 -M virt -m 1G -display none -monitor none -serial stdio \
        -icount shift=0,sleep=off -kernel "$build/guests/linux/Image" -initrd "$work/initrd" \
        -append "console=ttyS0 quiet loglevel=0 cryptomgr.notests panic=-1 run=\"sleep 3; \
LD_LIBRARY_PATH=/lib /lib/ld-linux-riscv64-lp64d.so.1 /bin/qemu -M virt -m 128M -display none \
-monitor none -serial stdio -L /share -kernel /kernel.elf -append '${2-}'\"" -no-reboot </dev/null 2>"$work/err"
}

# Lines `BENCH name count ticks` as `name column instructions-an-operation`.
take() {
    tr -d '\r' | awk -v column="$1" '/^BENCH / && $2 != "start" { printf "%s\t%s\t%.1f\n", $2, column, $4 * 100 / $3 }'
}

for guest in bench bench2; do
    here --kernel "$build/guests/$guest.elf" | take "$guest" >>"$work/results"
done
here --kernel "$build/guests/ulix.elf" --append bench | take bench >>"$work/results"
if [ -r "$build/qemu-riscv64/qemu.cpio.gz" ]; then
    nested "$build/guests/bench.elf" | take qemu >>"$work/results"
    nested "$build/guests/ulix.elf" bench | take qemu >>"$work/results"
else
    echo "trap: no QEMU for the board: make qemu-riscv64"
fi
awk -F '\t' -v table="$build/tables/trap.tsv" '
    FILENAME ~ /trap.tsv$/ { if ($0 !~ /^#/) most[$1] = $2; next }
    $2 == "bench" { order[++n] = $1 }
    { cost[$1, $2] = $3 }
    function show(name, column) { return (name, column) in cost ? cost[name, column] : "-" }
    END {
        printf "%-20s %12s %12s %12s %12s   instructions an operation\n", "", "trap", "bench2.elf", "QEMU TCG", "at most"
        for (i = 1; i <= n; i++) {
            name = order[i]
            printf "%-20s %12s %12s %12s %12s\n", name, show(name, "bench"), show(name, "bench2"),
                show(name, "qemu"), name in most ? most[name] : ""
            printf "%s\t%s\t%s\t%s\n", name, show(name, "bench"), show(name, "bench2"), show(name, "qemu") >table
        }
        for (name in most) {
            limit = most[name] != "qemu" ? most[name] + 0 : (name, "qemu") in cost ? cost[name, "qemu"] : 1e99
            if (!((name, "bench") in cost) || cost[name, "bench"] > limit ||
                (name !~ /^ulix/ && (!((name, "bench2") in cost) || cost[name, "bench2"] > 1.1 * limit))) {
                printf "trap: %s costs more than %s\n", name, most[name]
                bad = 1
            }
        }
        exit bad
    }' bench/trap.tsv "$work/results" || { cat "$work/err"; exit 1; }
