/* SPDX-License-Identifier: MIT */
/* run_until_trap: into the code with sret, out of it with whatever trap it takes. */
#include "guests/lib/saved.inc"

#define PC      0
#define SSTATUS 8
#define A0      16
#define SCAUSE  48
#define SEPC    56
#define STVAL   64
#define TRAPPED 72
#define RA      80
#define FRAME   (16 * 8)

    .text
    .globl run_until_trap, run_until_trap_vectored
run_until_trap_vectored:
    la t0, run_table
    ori t0, t0, 1
    j 1f
run_until_trap:
    la t0, run_vector
1:  addi sp, sp, -FRAME
    saved sd
    csrr t1, stvec
    sd t1, 13 * 8(sp)
    csrr t1, sstatus
    sd t1, 14 * 8(sp)
    sd a0, 15 * 8(sp)
    csrw stvec, t0
    csrw sscratch, sp
    ld t0, PC(a0)
    csrw sepc, t0
    ld t0, SSTATUS(a0)
    csrw sstatus, t0
    ld a3, A0 + 24(a0)
    ld a2, A0 + 16(a0)
    ld a1, A0 + 8(a0)
    ld a0, A0(a0)
    sret

    .balign 4
run_vector:
    csrw stvec, zero    /* a trap in here must not look like another result */
    csrrw sp, sscratch, sp
    ld t0, 15 * 8(sp)
    sd a0, A0(t0)
    sd a1, A0 + 8(t0)
    sd a2, A0 + 16(t0)
    sd a3, A0 + 24(t0)
    sd ra, RA(t0)
    csrr t1, scause
    sd t1, SCAUSE(t0)
    csrr t1, sepc
    sd t1, SEPC(t0)
    csrr t1, stval
    sd t1, STVAL(t0)
    csrr t1, sstatus
    sd t1, TRAPPED(t0)
    ld t1, 14 * 8(sp)
    csrw sstatus, t1
    ld t1, 13 * 8(sp)
    csrw stvec, t1
    saved ld
    addi sp, sp, FRAME
    ret

    .globl run_table
    .balign 64
    .option push
    .option norvc
run_table:
    .rept 16
    jal ra, run_vector
    .endr
    .option pop
