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
    .globl user_enter, user_exit, timer_vector, ipi_vector, echo_start

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

/*
 * Where SBI starts another hart, paging off: it interrupts hart a1, sleeps, and does so again after
 * each interrupt of its own.
 */
    .balign 4
echo_start:
    mv s0, a1
    csrwi sie, 2
1:  li a0, 1
    mv a1, s0
    li a6, 0
    li a7, 0x735049                     /* IPI extension */
    ecall
2:  wfi
    csrr t0, sip
    andi t0, t0, 2
    beqz t0, 2b
    csrci sip, 2
    j 1b
