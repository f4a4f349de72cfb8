/* SPDX-License-Identifier: MIT */
/* Copied into the code cache, where the hart executes it as part of the process: the system call in
 * a7, a0.., and then the end, whose status tells how that went. */
#include "guests/hole/hole.h"

    .text
    .globl native_begin, native_end, go
    .balign 4
    .option push
    .option norvc
native_begin:
    ecall
    li a1, HOLE_WORKED
    bgez a0, 1f
    li a1, HOLE_FAILED
1:  mv a0, a1
    li a7, 94 /* exit_group */
    ecall
native_end:
    .option pop

/*
 * void go(const uint64_t call[7], const uint64_t *target, uint64_t code): has bt_exit_pc replaced
 * by `code` and calls it, by a jump to a place where nobody has been, with a call's number and
 * arguments in the registers. Until then nothing leaves this page.
 */
    .balign 4096
go:
    mv t0, a0
1:  ld t1, (a1)
    beqz t1, 2f
    li t2, HOLE
    add t1, t1, t2
    sd a2, (t1)
    addi a1, a1, 8
    j 1b
2:
    ld a7, 0(t0)
    ld a0, 8(t0)
    ld a1, 16(t0)
    ld a2, 24(t0)
    ld a3, 32(t0)
    ld a4, 40(t0)
    ld a5, 48(t0)
    la t1, somewhere
    jr t1
    .balign 4096
somewhere:
    ret
