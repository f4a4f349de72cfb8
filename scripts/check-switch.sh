#!/bin/sh
# SPDX-License-Identifier: MIT
# Counts what the world switch executes, from the disassembly of the linked hypervisor: the light
# way in from a trap and back out to the guest, and the long ones. All four are straight lines, so
# that instructions between labels are instructions executed. usage: check-switch.sh ELF MOST
set -eu
riscv64-unknown-elf-objdump -d --no-show-raw-insn "$1" | awk -v most="$2" '
    /^[0-9a-f]+ <.*>:$/ { label = substr($2, 2, length($2) - 3); next }
    !/^ *[0-9a-f]+:\t/ { next }
    label == "hs_switch" { start++ }
    label == "resume" { if (!left_to_guest) resume++; if (/\tsret/) left_to_guest = 1 }
    label == "hs_leave" {
        leave++
        if (/<hs_light>/) light_in = leave
        if (/\tbeq[^\t]*\t.*<resume>/) light_out = leave - light_in
        if (/\tret/) long_in = leave
    }
    END {
        if (!light_in || !light_out || !long_in || !start || !resume) {
            print "check-switch: the labels of engine/hs/switch.S are not there"
            exit 1
        }
        count["light way in"] = light_in
        count["light way out"] = light_out + resume
        count["long way in"] = long_in
        count["long way out"] = start + resume
        for (way in count) {
            printf "%s\t%d\n", way, count[way]
            if (count[way] > most) {
                printf "check-switch: the %s takes %d instructions, at most %d\n", way, count[way], most
                bad = 1
            }
        }
        exit bad
    }'
