#!/bin/sh
# SPDX-License-Identifier: MIT
# ulix for a long time on 4 vCPUs: forks, programs, pipes, LR and SC, tables that change under running
# threads. Each engine's result is compared with interp's. usage: stress.sh RESULTS BUILD SECONDS ENGINE...
set -u
ring=stress results=$1 build=$2 seconds=$3
shift 3
. tests/lib.sh

out=$results/stress.out

# run ENGINE SECONDS: the guest's lines, but for the number of its rounds, in $out.ENGINE. An emulated
# board's clock may be slower than ours.
run() {
    timeout -k 5 $((3 * $2 + 200)) "$build/trapeze" run --engine "$1" --memory 128M --vcpus 4 \
        --kernel "$build/guests/ulix.elf" --append "seconds=$2" >"$out" 2>"$out.err" </dev/null
    status=$?
    echo "$1: $(grep rounds "$out")"
    grep -v rounds "$out" >"$out.$1"
    [ $status -eq 0 ] && return
    echo "status $status; the end of its output:"
    tail -n 20 "$out" "$out.err"
    return 1
}

same() {
    run "$1" "$seconds" && cmp "$out.interp" "$out.$1"
}

check "interp: the result to compare with" run interp 1
for engine in "$@"; do
    check "$engine: $seconds seconds end as under interp" same "$engine"
done
rm -f "$out" "$out".*
finish
