/* SPDX-License-Identifier: MIT */
/* Adds a1 to the first word of each of a2 pages from a0, and returns their sum in a0. */
    .section .user, "ax"
    .option norvc
    .balign 4096
    .globl user_sweep
user_sweep:
    li t1, 0
    li t2, 4096
1:  ld t0, (a0)
    add t0, t0, a1
    sd t0, (a0)
    add t1, t1, t0
    add a0, a0, t2
    addi a2, a2, -1
    bnez a2, 1b
    mv a0, t1
    ebreak
