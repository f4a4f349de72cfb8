#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs cmocka programs that need no guest. usage: ring1.sh RESULTS PROGRAM...
set -u
ring=ring1 results=$1
shift
. tests/lib.sh

for test_program in "$@"; do
    run_cmocka "$test_program"
done
finish
