/* SPDX-License-Identifier: MIT */
/* Never ends. */

    .section .text.start, "ax"
    .globl start
start:
1:  j 1b
