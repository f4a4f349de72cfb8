#!/bin/bash
# SPDX-License-Identifier: MIT
# Shows that the tests miss no check: each mutant of the list takes one check out of a file, and the
# test named with it must then fail. Lines of the list:
#   file | sed expression | test program | name of the test
# The programs have been built in BUILD/asan. A mutated file is compiled from a folder of its own
# and linked before the libraries, which then do not come to supply the original, so that a mutant
# costs one object and a link, and many are tried side by side (JOBS, one for each processor).
# usage: COMPILE=... LINK=... HELPERS=... LIBS=... mutants.sh RESULTS BUILD LIST...
set -u
ring=mutants results=$1 build=$2/asan
. tests/lib.sh
work=$2/mutants
rm -rf "$work"
mkdir -p "$work"
shift 2
ulimit -c 0

run_program() {
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 60 "$1" >"$2" 2>&1
}

try_program() {
    run_program "$build/tests/unit/$1" "$work/$1.passing"
}

# True if test $1 failed in $2 by its own word, or was running when the program went down: of the
# tests in $3, where all pass, it is then the first that $2 says nothing about.
test_failed() {
    grep -q "^not ok [0-9]* - $1\$" "$2" && return
    [ "$1" = "$(sed -n 's/^ok [0-9]* - //p' "$3" |
        grep -vxF -f <(sed -nE 's/^(not )?ok [0-9]* - //p' "$2") | head -n 1)" ]
}

# What the compiler sees of file $1, the files of folder $2 taken before those of the tree.
preprocessed() {
    $COMPILE -I "$2" -I . -E -P "$1" 2>&1
}

# The C files that have to be compiled with file $2 of folder $1: it alone, or those that include it
# and then read otherwise.
units_of() {
    local unit

    case $2 in *.c) echo "$2"; return ;; esac
    grep -rlE --include='*.d' --exclude-dir=tests "(^| )$2( |\$)" "$build" |
        sed "s,^$build/\\(.*\\)\\.d\$,\\1.c," | while read -r unit; do
            [ "$(preprocessed "$unit" .)" = "$(preprocessed "$unit" "$1")" ] || echo "$unit"
        done
}

# Links program $3 with file $2 of folder $1 instead of the one in the tree.
build_mutant() {
    local unit source objects= helpers=" $HELPERS "

    for unit in $(units_of "$1" "$2"); do
        source=$1/$unit
        [ -f "$source" ] || source=$unit
        $COMPILE -I "$1" -I . -c "$source" -o "$1/${unit//\//_}.o" || return
        objects="$objects $1/${unit//\//_}.o"
        helpers=${helpers/ $build\/${unit%.c}.o / }
    done
    $LINK "$build/tests/unit/$3.o" $objects $helpers "$build/libhost.a" "$build/libtrapeze.a" \
        $LIBS -o "$1/$3"
}

# What is wrong with a mutant in folder $1, if anything is.
judge_mutant() {
    local folder=$1 file=$2 expression=$3 program=$4 test_name=$5

    [ -f "$file" ] || { echo "no such file"; return; }
    grep -q "^ok [0-9]* - $test_name\$" "$work/$program.passing" ||
        { echo "the test does not pass to begin with"; return; }
    mkdir -p "$folder/$(dirname "$file")"
    sed -E "$expression" "$file" >"$folder/$file" || { echo "no sed expression"; return; }
    case $(diff "$file" "$folder/$file" | grep -c '^<') in
    0) echo "changes nothing"; return ;;
    1) ;;
    *) echo "changes more than one line"; return ;;
    esac
    build_mutant "$folder" "$file" "$program" >"$folder/log" 2>&1 ||
        { tail -n 20 "$folder/log" >&2; echo "does not build"; return; }
    if run_program "$folder/$program" "$folder/log"; then
        echo "survives"
    elif ! test_failed "$test_name" "$folder/log" "$work/$program.passing"; then
        echo "another test notices"
    fi
}

try_mutant() {
    local line=${1// | /$'\t'} file expression program test_name folder wrong

    IFS=$'\t' read -r file expression program test_name <<<"$line"
    folder=$(mktemp -d "$work/XXXXXX")
    wrong=$(judge_mutant "$folder" "$file" "$expression" "$program" "$test_name")
    rm -rf "$folder"
    if [ -z "$wrong" ]; then
        pass "$program $test_name: $file $expression"
    else
        fail "$program $test_name: $file $expression: $wrong"
    fi
}

# each FUNCTION: calls it with each line of the input, several at a time.
each() {
    xargs -r -d '\n' -n 1 -P "${JOBS:-$(nproc)}" bash -uc "$1 \"\$1\"" "$1"
}

export ring results_file build work COMPILE LINK HELPERS LIBS
export -f run_program try_program test_failed preprocessed units_of build_mutant judge_mutant try_mutant pass fail
cat "$@" | grep -v -e '^#' -e '^$' >"$work/list"
sed 's/.* | \(.*\) | .*/\1/' "$work/list" | sort -u | each try_program
each try_mutant <"$work/list"
finish
