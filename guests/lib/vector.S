/* SPDX-License-Identifier: MIT */
/*
 * Trap vector for traps out of the guest's own S-mode code: saves the registers into a struct
 * trap_frame on the stack.
 */

    .macro gprs op
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op x\n, \n * 8(sp)
    .endr
    .endm

    .text
    .globl trap_vector
    .balign 4
trap_vector:
    addi sp, sp, -34 * 8
    gprs sd
    addi t0, sp, 34 * 8
    sd t0, 2 * 8(sp)
    csrr t0, sepc
    sd t0, 32 * 8(sp)
    mv a0, sp
    call trap_handler
    ld t0, 32 * 8(sp)
    csrw sepc, t0
    gprs ld
    addi sp, sp, 34 * 8
    sret
