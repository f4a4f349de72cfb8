#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs cmocka programs and records every test in them. A program that ends without having reported
# as many tests as it announced has failed, whatever it said before. usage: ring1.sh RESULTS
# PROGRAM...
set -u
ring=ring1 results=$1
shift
. tests/lib.sh

output=$results/ring1.out

run_program() {
    program=$(basename "$1")
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "$1" >"$output" 2>&1
    status=$?
    sed -n "s/^ok [0-9]* - /pass $ring $program /p; s/^not ok [0-9]* - /fail $ring $program /p
        s/^ok [0-9]* # SKIP /skip $ring $program /p" "$output" >"$output.lines"
    cat "$output.lines" >>"$results_file"
    failed=$(grep -c '^fail ' "$output.lines")
    planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$output" | awk '{ sum += $1 } END { print sum + 0 }')
    if [ "$planned" -eq 0 ] || [ "$(wc -l <"$output.lines")" -ne "$planned" ]; then
        fail "$program ended early with status $status"
    elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        fail "$program passed its tests but ended with status $status"
    elif [ "$failed" -eq 0 ]; then
        echo "$program: $planned tests"
        return
    fi
    cat "$output"
}

for test_program in "$@"; do
    run_program "$test_program"
done
rm -f "$output" "$output.lines"
finish
