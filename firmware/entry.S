/* SPDX-License-Identifier: MIT */
/*
 * Reset, and the way into M-mode and back. Below M-mode mscratch holds the hart's struct; in M-mode
 * mscratch is 0 and tp holds it, so that a trap from M-mode, our own bug, is told apart.
 */
#include "firmware/offsets.h"

#define X(n) (HART_X + 8 * (n))

    /* All harts: a0 hart id, a1 device tree, a2 struct fw_dynamic_info or nothing. */
    .section .text.start, "ax"
    .globl start
start:
    csrw mie, zero
    csrw mscratch, zero
    la t0, trap_entry
    csrw mtvec, t0
    la t0, first
    li t1, 1
    amoadd.w.aqrl t0, t1, (t0)
    bnez t0, wait_for_boot

    la t0, bss_start
    la t1, bss_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, boot_stack_top
    li tp, 0
    csrr a0, mhartid
    call firmware_boot
    beqz a0, halt
    j own_stack

    /* The first hart sends every other one a software interrupt when it is done. */
wait_for_boot:
    li t0, MIE_MSIE
    csrw mie, t0
1:  la t0, boot_done
    lw t0, (t0)
    fence r, rw
    bnez t0, 2f
    wfi
    j 1b
2:  csrr t0, mhartid
    li t1, MOST_HARTS
    bgeu t0, t1, halt
    la t1, firmware + VM_VCPU
    slli t0, t0, 3
    add t0, t0, t1
    ld a0, (t0)
    beqz a0, halt
    addi a0, a0, -HART_VCPU
own_stack:
    ld sp, HART_STACK_TOP(a0)
    mv tp, a0
    call hart_main

    .balign 4
    .globl hart_halt
hart_halt:
halt:
    csrw mie, zero
1:  wfi
    j 1b

    .text
    /*
     * Calls and interrupts save what C may clobber: the other registers come back by the calling
     * convention. Everything else saves them all, since an emulated instruction may name any.
     */
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw sp, mscratch, sp
    beqz sp, from_machine
    sd ra, X(1)(sp)
    sd tp, X(4)(sp)
    sd t0, X(5)(sp)
    sd t1, X(6)(sp)
    sd t2, X(7)(sp)
    sd a0, X(10)(sp)
    sd a1, X(11)(sp)
    sd a2, X(12)(sp)
    sd a3, X(13)(sp)
    sd a4, X(14)(sp)
    sd a5, X(15)(sp)
    sd a6, X(16)(sp)
    sd a7, X(17)(sp)
    sd t3, X(28)(sp)
    sd t4, X(29)(sp)
    sd t5, X(30)(sp)
    sd t6, X(31)(sp)
    mv tp, sp
    csrrw t0, mscratch, zero
    csrr t1, mepc
    sd t0, X(2)(tp)
    sd t1, HART_PC(tp)
    ld sp, HART_STACK_TOP(tp)
    csrr a1, mcause
    mv a0, tp
    bltz a1, 1f
    li t0, 9                    /* environment call from S-mode */
    bne a1, t0, exception
    call trap_ecall
    j trap_return
1:  call trap_interrupt

trap_return:
    ld t1, HART_PC(tp)
    csrw mscratch, tp
    csrw mepc, t1
    ld ra, X(1)(tp)
    ld sp, X(2)(tp)
    ld t0, X(5)(tp)
    ld t1, X(6)(tp)
    ld t2, X(7)(tp)
    ld a0, X(10)(tp)
    ld a1, X(11)(tp)
    ld a2, X(12)(tp)
    ld a3, X(13)(tp)
    ld a4, X(14)(tp)
    ld a5, X(15)(tp)
    ld a6, X(16)(tp)
    ld a7, X(17)(tp)
    ld t3, X(28)(tp)
    ld t4, X(29)(tp)
    ld t5, X(30)(tp)
    ld t6, X(31)(tp)
    ld tp, X(4)(tp)
    mret

exception:
    sd gp, X(3)(tp)
    sd s0, X(8)(tp)
    sd s1, X(9)(tp)
    .irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    sd x\n, X(\n)(tp)
    .endr
    call trap_exception
    mv a0, tp
    /* falls through */

    .globl hart_enter
hart_enter:
    mv tp, a0
    ld gp, X(3)(tp)
    ld s0, X(8)(tp)
    ld s1, X(9)(tp)
    .irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    ld x\n, X(\n)(tp)
    .endr
    j trap_return

    /* The first hart that gets here tells what it knows; bug_x is one for all. */
from_machine:
    la sp, bug_x
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, 8*\n(sp)
    .endr
    csrrw t0, mscratch, zero
    sd t0, 16(sp)
    la t0, bugs
    li t1, 1
    amoadd.w t0, t1, (t0)
    bnez t0, halt
    la a0, bug_x
    la sp, bug_stack_top
    call trap_from_machine

    .data
    .balign 4
first:
    .word 0
    .globl boot_done
boot_done:
    .word 0
bugs:
    .word 0

    .bss
    .balign 16
    .skip 8192
boot_stack_top:
    .skip 2048
bug_stack_top:
bug_x:
    .skip 8 * 32
