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

# check NAME COMMAND...: the test NAME passes if the command succeeds.
check() {
    check_name=$1
    shift
    if "$@"; then pass "$check_name"; else fail "$check_name"; fi
}

# Ends the runner: success unless something failed.
finish() {
    ! grep -q '^fail ' "$results_file"
    exit
}
