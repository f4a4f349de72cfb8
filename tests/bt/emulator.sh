#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the command that runs a riscv64 program here, with Zfh, whose name has changed between
# QEMU's versions; nothing where there is none. PROGRAM ARGUMENT... are for trying.
# usage: emulator.sh PROGRAM ARGUMENT...
[ "$(uname -m)" = riscv64 ] && echo env && exit
emulator=$(command -v qemu-riscv64-static || command -v qemu-riscv64) || exit
for cpu in rv64,zfh=true rv64,Zfh=true; do
    "$emulator" -cpu "$cpu" "$@" >/dev/null 2>&1 && echo "$emulator -cpu $cpu" && exit
done
echo "$emulator"
