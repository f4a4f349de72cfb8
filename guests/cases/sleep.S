/* SPDX-License-Identifier: MIT */
/* Waits for an interrupt that it has not enabled. */

    .section .text.start, "ax"
    .globl start
start:
    csrw sie, zero
1:  wfi
    j 1b
