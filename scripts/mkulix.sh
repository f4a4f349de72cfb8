#!/bin/sh
# SPDX-License-Identifier: MIT
# The archive of guests/ulix: its programs, numbers to read and a file to write. The same inputs give
# the same bytes. usage: mkulix.sh OUTPUT PROGRAM.elf...
set -eu
export LC_ALL=C
out=$1
shift
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT INT TERM
for program in "$@"; do
    cp "$program" "$tree/$(basename "$program" .elf)"
done
seq 40000 >"$tree/numbers"
head -c 20000 /dev/zero >"$tree/scratch"
chmod 644 "$tree"/*
touch -d @0 "$tree"/*
(cd "$tree" && ls | cpio --quiet --reproducible -o -H newc) >"$out"
