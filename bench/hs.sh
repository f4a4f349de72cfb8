#!/bin/sh
# SPDX-License-Identifier: MIT
# What the hypervisor costs, in instructions that the board retires (`-icount shift=0,sleep=off`,
# 100 a tick of its clock): the benchmark guests and Linux as `trapeze run --engine hs` runs them,
# beside the same on the bare board, on our firmware and on OpenSBI. Linux has one device tree, one
# rng-seed and one date everywhere, or boots differ by more than what is measured. Also to
# BUILD/tables/hs.tsv. Fails when something costs more than bench/hs.tsv allows. usage: hs.sh BUILD
set -eu
build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
firmware=$build/metal/trapeze-firmware.bin
board="-icount shift=0,sleep=off -rtc base=2026-01-01T00:00:00,clock=vm"
board_args=$(for word in $board; do printf -- '--board-arg %s ' "$word"; done)
: >"$work/results"

. bench/qemu10.sh
echo "hs: $(qemu-system-riscv64 --version 2>/dev/null | head -n 1)"

cpu_of() { [ "$1" = on ] && echo rv64,h=true || echo rv64,h=true,sstc=false; }

# The board under the guest itself. usage: bare FIRMWARE SSTC HARTS MEMORY OPTIONS...
bare() {
    bios=$1 cpu=$(cpu_of "$2") harts=$3 memory=$4
    shift 4
    # shellcheck disable=SC2086 # words of $board
    timeout -k 5 120 qemu-system-riscv64 -M virt -cpu "$cpu" -smp "$harts" -m "$memory" -display none \
        -monitor none -serial stdio -bios "$bios" $board "$@" 2>/dev/null </dev/null
}

# The hypervisor between them. usage: here SSTC HARTS MEMORY OPTIONS...
here() {
    cpu=$(cpu_of "$1") harts=$2 memory=$3
    shift 3
    # shellcheck disable=SC2086
    timeout -k 5 120 "$build/trapeze" run --engine hs --stats --board-cpu "$cpu" --vcpus "$harts" \
        --memory "${memory}M" $board_args "$@" 2>&1 </dev/null
}

result() { printf '%s\t%s\t%s\n' "$@" >>"$work/results"; }

# Lines `BENCH name count ticks` of standard input as results of the column. usage: take COLUMN SUFFIX
take() {
    tr -d '\r' | awk -v column="$1" -v suffix="$2" \
        '/^BENCH / { printf "%s%s\t%s\t%.1f\n", $2, suffix, column, $4 * 100 / $3 }' >>"$work/results"
}

# The last value of a line `NAME VALUE`. usage: value NAME FILE
value() { tr -d '\r' <"$2" | awk -v name="$1" '$1 == name { last = $2 } END { print last + 0 }'; }

benches() {
    for sstc in on off; do
        suffix=; [ $sstc = on ] || suffix=.off
        here $sstc 1 128 --kernel "$build/guests/bench.elf" | take here "$suffix"
        here $sstc 1 128 --kernel "$build/guests/bench2.elf" | take here2 "$suffix"
        bare "$firmware" $sstc 1 192 -kernel "$build/guests/bench.elf" | take bare "$suffix"
        bare default $sstc 1 192 -kernel "$build/guests/bench.elf" | take opensbi "$suffix"
    done
    two='^BENCH [a-z_]*_other '
    here on 2 128 --kernel "$build/guests/bench.elf" | grep -a "$two" | take here ""
    here on 2 128 --kernel "$build/guests/bench2.elf" | grep -a "$two" | take here2 ""
    bare "$firmware" on 2 192 -kernel "$build/guests/bench.elf" | grep -a "$two" | take bare ""
    bare default on 2 192 -kernel "$build/guests/bench.elf" | grep -a "$two" | take opensbi ""
}

# The board's tree without what the guest's board lacks, with a seed that stays: $work/SSTC.dtb, and
# without what only firmware sees: $work/SSTC-guest.dtb.
make_tree() {
    tree=$work/$1.dtb
    qemu-system-riscv64 -M virt,dumpdtb="$tree" -cpu "$(cpu_of "$1")" -m 512 -display none >"$work/dump" 2>&1
    for node in $(fdtget -l "$tree" / | grep -E '^(pmu|fw-cfg|flash|platform-bus)'); do
        fdtput -r "$tree" "/$node"
    done
    fdtput -r "$tree" "/soc/$(fdtget -l "$tree" /soc | grep '^pci')"
    fdtput -t x "$tree" /chosen rng-seed 1 2 3 4 5 6 7 8
    list="i m a f d c zicbom zicboz zicntr zicsr zifencei zihintpause zba zbb zbc zbs svadu"
    [ "$1" = off ] || list="$list sstc"
    # shellcheck disable=SC2086 # a list of strings
    fdtput -t s "$tree" /cpus/cpu@0 riscv,isa-extensions $list
    fdtput -t s "$tree" /cpus/cpu@0 riscv,isa "rv64imafdc_$(echo "$list" | cut -d' ' -f7- | tr ' ' _)"
    cp "$tree" "$work/$1-guest.dtb"
    fdtput -r "$work/$1-guest.dtb" "/soc/$(fdtget -l "$tree" /soc | grep '^clint')"
}

# Ticks from the kernel's first instruction to `guest up`, and those of 200 lines: the second of two
# stretches without and with them. usage: boot_result KEY COLUMN START
boot_result() {
    tr -d '\r' <"$work/out" | awk -v key="$1" -v column="$2" -v start="$3" '
        $1 == "ticks" { ticks[++n] = $2 }
        END {
            if (n == 0) exit
            printf "%s\t%s\t%.0f\n", key, column, (ticks[1] - start) * 100
            if (n == 4) printf "lines\t%s\t%.0f\n", column, (ticks[4] - 2 * ticks[3] + ticks[2]) * 100
        }' >>"$work/results"
}

# usage: boots KEY SSTC APPEND
boots() {
    key=$1 sstc=$2 append="console=ttyS0 cryptomgr.notests panic=-1 ticks=1 $3"
    image=$build/guests/linux/Image initrd=$build/guests/linux/initrd-ticks.cpio.gz
    here "$sstc" 1 512 --dtb "$work/$sstc-guest.dtb" --kernel "$image" --initrd "$initrd" \
        --append "$append" >"$work/out" || true
    boot_result "$key" here "$(value host.guest_start_ticks "$work/out")"
    for column in bare opensbi; do
        bios=$firmware; [ $column = bare ] || bios=default
        bare "$bios" "$sstc" 1 512 -dtb "$work/$sstc.dtb" -kernel "$build/guests/hello.elf" \
            >/dev/null || true
        start=$(awk -v c=$column '$1 == "start" && $2 == c { print $3 / 100 }' "$work/results")
        bare "$bios" "$sstc" 1 512 -dtb "$work/$sstc.dtb" -kernel "$image" -initrd "$initrd" \
            -append "$append" >"$work/out" || true
        boot_result "$key" $column "$start"
    done
}

sizes() {
    result firmware here "$(stat -c %s "$firmware")"
    result image here "$(stat -c %s "$build/metal/trapeze-hs.bin")"
    truncate -s 1M "$work/disk"
    here on 4 128 --kernel "$build/guests/hello.elf" --disk "$work/disk" >"$work/out" || true
    tables=$(value hs.gstage_tables "$work/out")
    result bytes here $(($(value host.guest_bytes "$work/out") - 16384 - tables * 4096))
    here on 1 512 --kernel "$build/guests/linux/Image" --initrd "$build/guests/linux/initrd-ticks.cpio.gz" \
        --append "console=ttyS0 quiet panic=-1 run=true" >"$work/out" || true
    begin=$(value host.start_ticks "$work/out")
    clear=$(value host.start_clear_ticks "$work/out") copy=$(value host.start_copy_ticks "$work/out")
    sed -i '/^start\there/d' "$work/results"
    result start here $(((begin - clear - copy) * 100))
    echo "hs: to the first instruction of Linux in 512 MiB: $((begin / 10000)) M instructions," \
        "of which clearing $((clear / 10000)) M, copying $((copy / 10000)) M"
}

lines='i=100; while [ $i -lt 300 ]; do echo The quick brown fox jumps over the lazy dog again: $i; i=$((i+1)); done'
benches
make_tree on
make_tree off
boots linux_quiet on "quiet run=\"ticks; ticks; $lines; ticks\""
boots linux_quiet.off off "quiet run=true"
boots linux_log on "earlycon=sbi loglevel=7 run=true"
sizes
mkdir -p "$build/tables"
awk -v table="$build/tables/hs.tsv" -f bench/hs.awk "$work/results" bench/hs.tsv
awk -v title="Instructions an operation: trapeze (hs) and the bare board on OpenSBI" \
    -v unit=instructions -v theirs=bare -f bench/svg.awk "$build/tables/hs.tsv" >"$build/tables/hs.svg"
printf '\npicture: %s\n' "$build/tables/hs.svg"
