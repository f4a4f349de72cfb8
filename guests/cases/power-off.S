/* SPDX-License-Identifier: MIT */
/* Writes the off code to the power device. */

    .section .text.start, "ax"
    .globl start
start:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, (t0)
1:  j 1b
