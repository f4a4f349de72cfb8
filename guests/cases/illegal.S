/* SPDX-License-Identifier: MIT */
/* Executes an illegal instruction whose trap vector is that very instruction. */

    .section .text.start, "ax"
    .globl start
start:
    la t0, 1f
    csrw stvec, t0
    .balign 4
1:  .word 0
