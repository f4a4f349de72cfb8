/* SPDX-License-Identifier: MIT */
/*
 * Where SBI enters a further hart: a0 its number, a1 what was given as opaque. Notes the entry state,
 * then takes the stack of its number.
 */
#define ENTRY_STATE_SIZE 40
#define STACK_SHIFT      13

    .text
    .globl secondary_start
    .balign 4
secondary_start:
    la t0, entry_states
    li t1, ENTRY_STATE_SIZE
    mul t1, t1, a0
    add t0, t0, t1
    sd a0, 0(t0)
    sd a1, 8(t0)
    csrr t1, satp
    sd t1, 16(t0)
    csrr t1, sstatus
    sd t1, 24(t0)
    fence rw, rw
    ld t1, 32(t0)
    addi t1, t1, 1
    sd t1, 32(t0)
    mv tp, a0
    la sp, stacks
    addi t1, a0, 1
    slli t1, t1, STACK_SHIFT
    add sp, sp, t1
    call secondary_main
    call guest_fail

    .bss
    .balign 16
stacks:
    .skip 8 << STACK_SHIFT
