#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes go downward only: core knows core; an engine knows core and itself; a host knows core,
# the engines and itself; the command knows all of these; guests know themselves. What runs on bare
# metal, the firmware and engine/hs, also knows the board (host/metal/board), what hands code to the
# harts of a Linux machine what is known of these (engine/native). core takes only
# freestanding headers, string.h, and in core/fdt.c libfdt from outside the tree. Quoted includes
# are paths from the top.
set -u
export LC_ALL=C
status=0

# complain FILE INCLUDE
complain() {
    echo "check-layering: $1 must not include $2" >&2
    status=1
}

# Prints "file header" for each include of the kind $1 (a quote or an angle) below the folders.
includes() {
    kind=$1
    shift
    find "$@" -name '*.[chS]' -o -name '*.def' 2>/dev/null | sort |
        xargs -r grep -HE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$kind" |
        sed -E 's/^([^:]*):[^"<]*["<]([^">]*)[">].*/\1 \2/'
}

# layer FOLDER ALLOWED...: files in FOLDER include only from the allowed folders.
layer() {
    folder=$1
    shift
    [ -d "$folder" ] || return 0
    includes '"' "$folder" >"$list"
    while read -r file header; do
        allowed=no
        for prefix in "$@"; do
            case $header in "$prefix"/*) allowed=yes ;; esac
        done
        [ $allowed = yes ] || complain "$file" "$header"
    done <"$list"
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT INT TERM

layer core core
for engine in engine/*; do
    below=
    [ "$engine" = engine/hs ] && below=host/metal/board
    [ "$engine" = engine/trap ] || [ "$engine" = engine/bt ] && below=engine/native
    layer "$engine" core "$engine" $below
done
for host in host/*; do
    layer "$host" core engine "$host"
done
layer cli core engine host cli
layer host/metal/board core host/metal/board
layer firmware core host/metal/board firmware
layer guests guests

includes '<' core >"$list"
while read -r file header; do
    case $header in
    stdint.h | stddef.h | stdbool.h | stdarg.h | stdatomic.h | limits.h | string.h) ;;
    libfdt.h) [ "$file" = core/fdt.c ] || complain "$file" "$header" ;;
    *) complain "$file" "$header" ;;
    esac
done <"$list"
exit $status
