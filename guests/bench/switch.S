/* SPDX-License-Identifier: MIT */
/*
 * Leaving the kernel for a user program and coming back, and the shortest interrupt handlers that
 * there can be.
 */

    .macro callee_saved op
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    \op s\n, \n * 8(sp)
    .endr
    \op ra, 12 * 8(sp)
    .endm

    .text
    .globl user_enter, user_exit, timer_vector, ipi_vector

/*
 * void user_enter(uint64_t *context): runs the user program until the kernel calls user_exit with
 * the same context.
 */
user_enter:
    addi sp, sp, -14 * 8
    callee_saved sd
    sd sp, CONTEXT_STACK(a0)
    j user_resume

user_exit:
    ld sp, CONTEXT_STACK(a0)
    callee_saved ld
    addi sp, sp, 14 * 8
    ret

/* C leaves gp and tp alone here: gp holds the bit of sie to clear, tp counts. */
    .balign 4
timer_vector:
    csrc sie, gp
    addi tp, tp, 1
    sret

    .balign 4
ipi_vector:
    csrci sip, 2
    addi tp, tp, 1
    sret
