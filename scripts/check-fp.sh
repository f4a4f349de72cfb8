#!/bin/sh
# SPDX-License-Identifier: MIT
# A bare-metal image must not touch the registers of whoever runs below it: no floating-point or
# vector instruction outside the functions of the objects named. usage: check-fp.sh IMAGE OBJECT...
set -u
export LC_ALL=C
image=$1
shift
allowed=$(riscv64-linux-gnu-nm --defined-only "$@" | awk '$2 ~ /^[Tt]$/ { print $3 }')

# No instruction of the base ISA begins with f or v, save the fences; c.fld and the like follow
# "c.". Functions are told by their labels.
riscv64-linux-gnu-objdump -d --no-show-raw-insn "$image" | awk -v image="$image" -F '\t' \
    -v allowed="$allowed" '
    BEGIN { n = split(allowed, names, /[ \n]+/); for (i = 1; i <= n; i++) fine[names[i]] = 1 }
    /^[0-9a-f]+ <.*>:$/ { sub(/^[^<]*</, ""); sub(/>:$/, ""); function_name = $0; next }
    $2 ~ /^(c\.)?[fv]/ && $2 !~ /^fence/ && !(function_name in fine) {
        print "check-fp: " image ": " $2 " " $3 " in " function_name
        bad = 1
    }
    END { exit bad }' >&2
