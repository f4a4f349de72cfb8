/* SPDX-License-Identifier: MIT */
/* Jumps to an address that is neither memory nor a device, with no trap vector either. */

    .section .text.start, "ax"
    .globl start
start:
    li t0, 0x4000000000
    csrw stvec, t0
    jr t0
