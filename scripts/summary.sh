#!/bin/sh
# SPDX-License-Identifier: MIT
# Totals the results of the rings that were to run; the last line is `N passed, N failed`. A ring
# that left no result has failed. usage: summary.sh RESULTS RING...
set -u
results=$1
shift

passed=0 failed=0 skipped=0
for ring in "$@"; do
    file=$results/$ring.txt
    if ! [ -s "$file" ]; then
        echo "fail $ring did not run"
        failed=$((failed + 1))
        continue
    fi
    grep -E '^(fail|skip) ' "$file"
    passed=$((passed + $(grep -c '^pass ' "$file")))
    failed=$((failed + $(grep -c '^fail ' "$file")))
    skipped=$((skipped + $(grep -c '^skip ' "$file")))
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
