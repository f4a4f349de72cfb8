#!/bin/sh
# SPDX-License-Identifier: MIT
# What freestanding objects of core may ask of the world: six functions, most of which a compiler
# calls by itself too, other objects of core, and in fdt.o libfdt's. And they hold no
# floating-point or vector instruction. usage: check-imports.sh OBJECT...
set -u
export LC_ALL=C
nm=riscv64-linux-gnu-nm
objdump=riscv64-linux-gnu-objdump
status=0

defined=$(mktemp)
trap 'rm -f "$defined"' EXIT INT TERM
$nm -A --defined-only "$@" | sed 's/.* //' | sort -u >"$defined"

for object in "$@"; do
    pattern='^(memcpy|memmove|memset|memcmp|strlen|strcmp)$'
    case $object in */core/fdt.o) pattern="$pattern|^fdt_" ;; esac
    for symbol in $($nm --undefined-only "$object" | awk '{ print $2 }' | grep -vE "$pattern"); do
        grep -qx "$symbol" "$defined" || {
            echo "check-imports: $object imports $symbol" >&2
            status=1
        }
    done
    # No instruction of the base ISA begins with f or v, save the fences.
    $objdump -d --no-show-raw-insn "$object" | awk -v object="$object" -F '\t' '
        $2 ~ /^[fv]/ && $2 !~ /^fence/ { print "check-imports: " object ": " $2 " " $3; bad = 1 }
        END { exit bad }' >&2 || status=1
done
exit $status
