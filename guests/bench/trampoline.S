/* SPDX-License-Identifier: MIT */
/*
 * The page that the user's and the kernel's address space share: where satp changes under our feet.
 * The sequence is generated; in plain form it saves everything into the trap context, changes space
 * and stack, and jumps to C.
 */

    .section .trampoline, "ax"
    .globl trap_entry, trap_entry_fast, trap_leave
    .balign 4096
    .option norvc
#include <sequence.h>
