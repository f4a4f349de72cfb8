/* SPDX-License-Identifier: MIT */
/* Traps: a vectored table for the kernel itself, and the way to a user program and back. */

    .macro user_gprs op
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op x\n, \n * 8(a0)
    .endr
    .endm
    .macro callee_saved op
    \op ra, 0(sp)
    \op gp, 8(sp)
    \op tp, 16(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    \op s\n, (3 + \n) * 8(sp)
    .endr
    .endm
    .macro caller_saved op
    .irp n, 1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    \op x\n, \n * 8(sp)
    .endr
    .endm

    .text
    .globl kernel_table, enter_user
    .balign 256
    .option push
    .option norvc
kernel_table:
    j exception
    j interrupt
    .rept 3
    j exception
    .endr
    j interrupt
    .rept 3
    j exception
    .endr
    j interrupt
    .option pop

interrupt:
    addi sp, sp, -256
    caller_saved sd
    call kernel_interrupt
    caller_saved ld
    addi sp, sp, 256
    sret

exception:
    call power_fail

enter_user:
    addi sp, sp, -128
    callee_saved sd
    sd sp, 33 * 8(a0)
    la t0, from_user
    csrw stvec, t0
    csrw sscratch, a0
    ld t0, 32 * 8(a0)
    csrw sepc, t0
    li t0, 1 << 8               /* SPP: to U-mode */
    csrc sstatus, t0
    user_gprs ld
    ld a0, 10 * 8(a0)
    sret

    .balign 4
from_user:
    csrrw a0, sscratch, a0
    user_gprs sd
    csrr t0, sscratch
    sd t0, 10 * 8(a0)
    csrr t0, sepc
    sd t0, 32 * 8(a0)
    ld sp, 33 * 8(a0)
    la t0, kernel_table + 1
    csrw stvec, t0
    callee_saved ld
    addi sp, sp, 128
    ret
