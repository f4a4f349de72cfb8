#!/bin/sh
# SPDX-License-Identifier: MIT
# Wall time of booting the same files to `guest up` under trapeze and under qemu-system-riscv64's
# TCG, alternately, best of three; then the benchmark guests under both, in nanoseconds an
# operation. The tables also go to BUILD/tables/*.tsv, and as a picture to BUILD/tables/bench.svg.
# usage: run.sh BUILD
set -eu
build=$1
engine=${ENGINE:-interp}
work=$(mktemp -d)
tables=$build/tables
trap 'rm -rf "$work"' EXIT INT TERM
rm -rf "$tables"
mkdir -p "$tables"

under_trapeze() {
    timeout 300 "$build/trapeze" run --engine "$engine" --memory 512M --timeout 120 "$@" \
        2>"$work/err" </dev/null
}

under_qemu() {
    timeout 300 qemu-system-riscv64 -M virt -m 512 -nographic -no-reboot "$@" </dev/null
}

# trapeze's options are QEMU's with one more dash.
boot_with() {
    "under_$1" "$2kernel" "$build/guests/linux/Image" \
        "$2initrd" "$build/guests/linux/initrd.cpio.gz" \
        "$2append" "console=ttyS0 quiet panic=-1 run=true"
}

# Seconds from the start of the command to the line of init.
boot_seconds() {
    begin=$(date +%s%N)
    boot_with "$@" | while IFS= read -r line; do
        case $line in *'guest up'*) echo $((($(date +%s%N) - begin) / 1000000)) ;; esac
    done | awk '{ printf "%.2f\n", $1 / 1000 }'
}

: >"$work/boots"
for round in 1 2 3; do
    echo "qemu $(boot_seconds qemu -)" >>"$work/boots"
    echo "trapeze $(boot_seconds trapeze --)" >>"$work/boots"
done
awk -v engine="$engine" -v table="$tables/boot.tsv" '
    NF == 2 && (!($1 in best) || $2 < best[$1]) { best[$1] = $2 }
    END {
        if (!("qemu" in best) || !("trapeze" in best)) {
            print "bench: a boot did not come to `guest up`"
            exit 1
        }
        printf "boot to guest up: trapeze (%s) %.2f s, qemu TCG %.2f s, ratio %.2f\n",
            engine, best["trapeze"], best["qemu"], best["trapeze"] / best["qemu"]
        printf "boot to guest up\t%.0f\t%.0f\n", best["trapeze"] * 1e9, best["qemu"] * 1e9 >table
    }' "$work/boots" || { cat "$work/err"; exit 1; }

for guest in bench bench2; do
    under_trapeze --kernel "$build/guests/$guest.elf" | tr -d '\r' >"$work/trapeze" ||
        { cat "$work/err"; exit 1; }
    under_qemu -kernel "$build/guests/$guest.elf" | tr -d '\r' >"$work/qemu"
    printf '\n%-20s %14s %14s   ns an operation (10 MHz ticks)\n' "$guest.elf" trapeze qemu
    awk -v table="$tables/$guest.tsv" '/^BENCH / {
            ns = $4 * 100 / $3
            if (FILENAME ~ /qemu$/) qemu[$2] = ns
            else { trapeze[$2] = ns; order[++n] = $2 }
        }
        END {
            for (i = 1; i <= n; i++) {
                name = order[i]
                other = name in qemu ? sprintf("%.1f", qemu[name]) : "-"
                printf "%-20s %14.1f %14s\n", name, trapeze[name], other
                printf "%s\t%.1f\t%s\n", name, trapeze[name], other >table
            }
        }' "$work/trapeze" "$work/qemu"
done

awk -v title="Nanoseconds an operation, trapeze ($engine) and qemu-system-riscv64 TCG" \
    -f bench/svg.awk "$tables"/*.tsv >"$tables/bench.svg"
printf '\npicture: %s\n' "$tables/bench.svg"
