/* SPDX-License-Identifier: MIT */
/*
 * From one kernel stack to another, where harts other than the first begin, and how an idle hart takes
 * an interrupt.
 */
#include "guests/ulix/addresses.h"

    .macro saved op, base
    \op ra, 0(\base)
    \op sp, 8(\base)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    \op s\n, 16 + \n * 8(\base)
    .endr
    .endm

    .text
/* void context_switch(struct context *from, const struct context *to) */
    .globl context_switch
context_switch:
    saved sd, a0
    saved ld, a1
    ret

/* Entered from SBI HSM: paging off, a1 is the hart's page. */
    .globl hart_entry
    .balign 4
hart_entry:
    csrw sie, zero
    mv tp, a1
    li t0, 4096
    add sp, a1, t0
    call hart_main

/*
 * uint64_t interrupt_open(void). The trap is a jump: nobody returns from it. sip is not asked, as not
 * every machine shows there what it interrupts for.
 */
    .globl interrupt_open
interrupt_open:
    la t0, 1f
    csrrw t1, stvec, t0
    csrsi sstatus, 2                    /* SIE */
    csrci sstatus, 2
    csrw stvec, t1
    li a0, 0
    ret
    .balign 4
1:  csrw stvec, t1
    csrr a0, scause
    ret

/* stvec while the kernel runs, with interrupts off: nothing may come here. */
    .globl kernel_entry
    .balign 4
kernel_entry:
    call kernel_trap
