/* SPDX-License-Identifier: MIT */
/*
 * The way from a user program into the kernel and back. This page is the only code that every address
 * space has, at the same place, the highest page there is: on it satp can change under the pc. The
 * kernel never calls into where it is linked.
 */
#include "guests/ulix/addresses.h"

    .macro gprs op
    .irp n, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op x\n, \n * 8(t0)
    .endr
    .endm

    .section .trampoline, "ax"

/* stvec while a user runs; sscratch is the address of the hart's page. */
    .globl user_entry
user_entry:
    csrrw a0, sscratch, a0
    sd t0, HART_SCRATCH(a0)
    ld t0, HART_KERNEL_SATP(a0)
    csrw satp, t0
    sfence.vma
    ld t0, HART_FRAME(a0)               /* the kernel's space has it, the user's had not */
    gprs sd
    ld t1, HART_SCRATCH(a0)
    sd t1, 5 * 8(t0)
    csrrw t1, sscratch, a0
    sd t1, 10 * 8(t0)
    csrr t1, sepc
    sd t1, (t0)
    ld tp, HART_SELF(a0)
    ld sp, HART_KERNEL_SP(a0)
    ld t1, HART_KERNEL_ENTRY(a0)
    jr t1

/* a0: the address of the hart's page, with frame and user_satp set. */
    .globl user_return
    .balign 4
user_return:
    csrw sscratch, a0
    ld t0, HART_FRAME(a0)
    ld t1, (t0)
    csrw sepc, t1
    ld t1, 10 * 8(t0)
    sd t1, HART_SCRATCH(a0)
    gprs ld
    ld t0, 5 * 8(t0)
    ld a0, HART_USER_SATP(a0)
    csrw satp, a0
    sfence.vma
    csrr a0, sscratch
    ld a0, HART_SCRATCH(a0)
    sret
