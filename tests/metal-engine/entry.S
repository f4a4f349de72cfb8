/* SPDX-License-Identifier: MIT */
/* HS-mode entry of the engine's test: a0 the hart, a1 the device tree. */
    .section .text.entry, "ax"
    .globl _start
_start:
    csrw sie, zero
    csrw satp, zero
    la sp, stack_top
    la t0, trap
    csrw stvec, t0
    mv tp, zero
    call harness_main
1:  wfi
    j 1b

    .balign 4
trap:
    la sp, stack_top            /* a bug of the engine: nothing returns from here */
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call harness_trap
    j 1b
