/* SPDX-License-Identifier: MIT */
/* call_with_registers: C cannot be told to use all registers, so this saves and loads them. */

    .macro others op, base
    .irp n, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    \op x\n, \n * 8(\base)
    .endr
    .endm
    .macro saved op
    .irp n, 1, 3, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    \op x\n, \n * 8(sp)
    .endr
    .endm

    .text
    .globl call_with_registers
call_with_registers:
    addi sp, sp, -34 * 8
    saved sd
    sd a1, 33 * 8(sp)
    mv t6, a0
    others ld, t6
    ld t6, 31 * 8(t6)
    ecall
    sd t6, 32 * 8(sp)
    ld t6, 33 * 8(sp)
    others sd, t6
    sd sp, 2 * 8(t6)
    ld t5, 32 * 8(sp)
    sd t5, 31 * 8(t6)
    saved ld
    addi sp, sp, 34 * 8
    ret
