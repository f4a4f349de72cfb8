# SPDX-License-Identifier: MIT
# What the test runners share; sourced, with `ring` and `results` (a folder) set. A result is a line
# `pass|fail|skip ring name` in $results/$ring.txt; a reason follows a colon.

results_file=$results/$ring.txt
mkdir -p "$results"
: >"$results_file"

pass() {
    echo "pass $ring $1" | tee -a "$results_file"
}

fail() {
    echo "fail $ring $1" | tee -a "$results_file"
}

skip() {
    echo "skip $ring $1: $2" | tee -a "$results_file"
}

# check NAME COMMAND...: the test NAME passes if the command succeeds. On boards (attempts=2) one that
# fails is made once more, and says so: their clocks run on while a busy machine neglects them, and
# what a guest gave a second for can then be late.
attempts=1
check() {
    check_name=$1
    shift
    if "$@"; then
        pass "$check_name"
    elif [ "$attempts" -eq 2 ] && echo "again: $ring $check_name" && "$@"; then
        pass "$check_name"
    else
        fail "$check_name"
    fi
}

# run_cmocka PROGRAM: runs it and records every test in it, those of the optimised build as
# `host/PROGRAM`. A program that ends without having reported as many tests as it announced has
# failed, whatever it said before.
run_cmocka() {
    cmocka_program=$(basename "$1")
    case $1 in */host/*) cmocka_program=host/$cmocka_program ;; esac
    cmocka_output=$results/$ring.cmocka
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "$1" >"$cmocka_output" 2>&1
    cmocka_status=$?
    sed -n "s,^ok [0-9]* - ,pass $ring $cmocka_program ,p
        s,^not ok [0-9]* - ,fail $ring $cmocka_program ,p
        s,^ok [0-9]* # SKIP ,skip $ring $cmocka_program ,p" "$cmocka_output" >"$cmocka_output.lines"
    cat "$cmocka_output.lines" >>"$results_file"
    cmocka_failed=$(grep -c '^fail ' "$cmocka_output.lines")
    cmocka_planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$cmocka_output" |
        awk '{ sum += $1 } END { print sum + 0 }')
    if [ "$cmocka_planned" -eq 0 ] ||
        [ "$(wc -l <"$cmocka_output.lines")" -ne "$cmocka_planned" ]; then
        fail "$cmocka_program ended early with status $cmocka_status"
    elif [ "$cmocka_status" -ne 0 ] && [ "$cmocka_failed" -eq 0 ]; then
        fail "$cmocka_program passed its tests but ended with status $cmocka_status"
    elif [ "$cmocka_failed" -eq 0 ]; then
        echo "$cmocka_program: $cmocka_planned tests"
        cmocka_failed=
    fi
    [ -z "$cmocka_failed" ] || cat "$cmocka_output"
    rm -f "$cmocka_output" "$cmocka_output.lines"
}

# Ends the runner: success unless something failed.
finish() {
    ! grep -q '^fail ' "$results_file"
    exit
}
