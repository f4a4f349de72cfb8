/* SPDX-License-Identifier: MIT */
/* Writes a fail code to the power device. */

    .section .text.start, "ax"
    .globl start
start:
    li t0, 0x100000
    li t1, 7 << 16 | 0x3333
    sw t1, (t0)
1:  j 1b
