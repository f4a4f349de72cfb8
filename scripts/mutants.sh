#!/bin/bash
# SPDX-License-Identifier: MIT
# Shows that the tests miss no check: each mutant of the list takes one check out of a copy of the
# tree, and the test named with it must then fail. Lines of the list:
#   file | sed expression | test program | name of the test
# usage: mutants.sh RESULTS BUILD LIST...
set -u
ring=mutants results=$(mkdir -p "$1" && cd "$1" && pwd) lists=$(realpath "${@:3}")
. tests/lib.sh

# The copy has a build folder of its own, so that a mutant costs one object and a link.
# A run that was cut short may leave objects of its last mutant behind, so it leaves no tree at all.
tree=$2/mutants
[ ! -e "$tree/original" ] || rm -rf "$tree"
mkdir -p "$tree"
find "$tree" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- |
    tar -x -C "$tree"
cd "$tree" || exit 1

build_program() {
    make WARN= "build/asan/tests/unit/$1" >build.log 2>&1
}

run_program() {
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 60 "build/asan/tests/unit/$1" >"$2" 2>&1
}

# True if test $1 failed in test.log by its own word, or was running when the program went down: of
# the tests in passing.log it is then the first that test.log says nothing about.
test_failed() {
    grep -q "^not ok [0-9]* - $1\$" test.log && return
    [ "$1" = "$(sed -n 's/^ok [0-9]* - //p' passing.log |
        grep -vxF -f <(sed -nE 's/^(not )?ok [0-9]* - //p' test.log) | head -n 1)" ]
}

try_mutant() {
    local file=$1 expression=$2 program=$3 test_name=$4
    local name="$program $test_name: $file $expression"

    [ -f "$file" ] || { fail "$name: no such file"; return; }
    build_program "$program" || { tail -n 20 build.log; fail "$name: does not build"; return; }
    run_program "$program" passing.log
    grep -q "^ok [0-9]* - $test_name\$" passing.log ||
        { fail "$name: the test does not pass to begin with"; return; }
    cp -p "$file" original
    sed -i -E "$expression" "$file"
    if cmp -s "$file" original; then
        fail "$name: changes nothing"
    elif ! build_program "$program"; then
        tail -n 20 build.log
        fail "$name: the mutant does not build"
    elif run_program "$program" test.log; then
        fail "$name: survives"
    elif test_failed "$test_name"; then
        pass "$name"
    else
        fail "$name: another test notices"
    fi
    cp original "$file"
    rm original
}

while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    IFS=$'\t' read -r file expression program test_name < <(sed 's/ | /\t/g' <<<"$line")
    try_mutant "$file" "$expression" "$program" "$test_name"
done < <(cat $lists)
finish
