/* SPDX-License-Identifier: MIT */
/* Where a program begins: a0 and a1 are main's. It lies at address 0. */
    .section .text.start, "ax"
    .globl start
start:
    call main
    andi a0, a0, 0xff
    call exit
