#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each libFuzzer program for a while; what it finds is kept beside its corpus.
# usage: fuzz.sh RESULTS CORPUS SECONDS PROGRAM...
set -u
ring=fuzz results=$1 corpus=$2 seconds=$3
shift 3
. tests/lib.sh

for program in "$@"; do
    name=$(basename "$program")
    mkdir -p "$corpus/$name"
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$corpus/$name-" "$corpus/$name" >"$corpus/$name.log" 2>&1; then
        pass "$name $(sed -n 's/^stat::number_of_executed_units: */runs /p' "$corpus/$name.log")"
    else
        tail -n 40 "$corpus/$name.log"
        fail "$name"
    fi
done
finish
