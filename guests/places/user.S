/* SPDX-License-Identifier: MIT */
/* Adds a1 to the word at a0 a2 times, and returns it in a0. */
    .section .user, "ax"
    .option norvc
    .balign 4096
    .globl user_add
user_add:
1:  ld t0, (a0)
    add t0, t0, a1
    sd t0, (a0)
    addi a2, a2, -1
    bnez a2, 1b
    ld a0, (a0)
    ebreak
