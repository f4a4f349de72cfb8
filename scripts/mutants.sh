#!/bin/bash
# SPDX-License-Identifier: MIT
# Shows that the tests miss no check: each mutant of the list takes one check out of a copy of the
# tree, and the test named with it must then fail. Lines of the list:
#   file | sed expression | test program | name of the test
# usage: mutants.sh RESULTS BUILD LIST
set -u
ring=mutants results=$(mkdir -p "$1" && cd "$1" && pwd) list=$(realpath "$3")
. tests/lib.sh

# The copy has a build folder of its own, so that a mutant costs one object and a link.
tree=$2/mutants
mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- |
    tar -x -C "$tree"
cd "$tree" || exit 1

build_program() {
    make WARN= "build/asan/tests/unit/$1" >build.log 2>&1
}

# True if test $2 of program $1 fails, by its own word or by taking the program down with it.
program_fails() {
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 60 "build/asan/tests/unit/$1" >test.log 2>&1
    grep -q "^not ok [0-9]* - $2\$" test.log && return
    grep -q "^1\\.\\." test.log && ! grep -q "^ok [0-9]* - $2\$" test.log
}

try_mutant() {
    local file=$1 expression=$2 program=$3 test_name=$4
    local name="$program $test_name: $file $expression"

    [ -f "$file" ] || { fail "$name: no such file"; return; }
    build_program "$program" || { tail -n 20 build.log; fail "$name: does not build"; return; }
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 60 "build/asan/tests/unit/$program" >test.log 2>&1
    grep -q "^ok [0-9]* - $test_name\$" test.log ||
        { fail "$name: the test does not pass to begin with"; return; }
    cp -p "$file" original
    sed -i -E "$expression" "$file"
    if cmp -s "$file" original; then
        fail "$name: changes nothing"
    elif ! build_program "$program"; then
        tail -n 20 build.log
        fail "$name: the mutant does not build"
    elif program_fails "$program" "$test_name"; then
        pass "$name"
    else
        fail "$name: survives"
    fi
    cp original "$file"
}

while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    IFS=$'\t' read -r file expression program test_name < <(sed 's/ | /\t/g' <<<"$line")
    try_mutant "$file" "$expression" "$program" "$test_name"
done <"$list"
finish
