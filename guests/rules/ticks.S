/* SPDX-License-Identifier: MIT */
/*
 * Rounds of what changes the context: SUM, satp, sret, ecall. Between any two of these a register
 * counts, another one each time, while the timer goes off all the time. The layout of struct ticks
 * is known here.
 */
#include "guests/lib/saved.inc"

#define SATP    0
#define UNTIL   16
#define WANTED  24
#define PERIOD  32
#define TAKEN   40
#define ROUNDS  48
#define USER    56
#define COUNTS  64
#define SAVED   320
#define FAULT   368
#define USER_BYTES 32 /* of ticks_user */
#define FRAME   (14 * 8)
#define EID     0x54494d45

#define SIE     2
#define SPIE    0x20
#define SPP     0x100

    /* All registers but x0, sp, tp (struct ticks), t0 (SUM), t1 and t2 (values of satp). */
    .macro counters
    .irp n, 1, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    count \n
    .endr
    .endm
    .macro step n
    addi x\n, x\n, 1
    .endm

    .text
    .globl ticks_run, ticks_vector, ticks_user
/* void ticks_run(struct ticks *): interrupts are off before and after. */
ticks_run:
    addi sp, sp, -FRAME
    saved sd
    sd gp, 13 * 8(sp)
    mv tp, a0
    csrw sscratch, tp
    lui t0, 0x40 /* SUM */
    ld t1, SATP(tp)
    ld t2, SATP + 8(tp)
    .macro count n
    li x\n, 0
    .endm
    counters
    .purgem count
    csrsi sstatus, SIE
round:
    step 1
    csrs sstatus, t0
    step 3
    csrc sstatus, t0
    step 8
    csrs sstatus, t0
    step 9
    csrc sstatus, t0
    step 10
    csrw satp, t1
    step 11
    csrw satp, t2
    step 12
    csrs sstatus, t0
    step 13
    csrw satp, t1
    step 14
    csrc sstatus, t0
    step 15
    csrw satp, t2
    step 16
    csrci sstatus, SIE
    step 17
    csrsi sstatus, SIE
    step 18
    csrci sstatus, SIE
    ld t1, USER(tp)
    csrw sepc, t1
    li t1, SPP
    csrc sstatus, t1
    li t1, SPIE
    csrs sstatus, t1
    step 19
    sret

/* From U-mode's last ecall, interrupts off. */
back:
    ld t1, SATP(tp)
    step 20
    csrsi sstatus, SIE
    step 26
    csrs sstatus, t0
    step 27
    csrc sstatus, t0
    step 31
    csrs sstatus, t0
    step 21
    csrc sstatus, t0
    step 28
    csrw satp, t1
    step 29
    csrw satp, t2
    step 30
    ld t1, ROUNDS(tp)
    addi t1, t1, 1
    sd t1, ROUNDS(tp)
    ld t1, UNTIL(tp)
    rdtime t2
    bgeu t2, t1, 1f
    ld t1, TAKEN(tp)
    ld t2, WANTED(tp)
    bgeu t1, t2, 1f
    ld t1, SATP(tp)
    ld t2, SATP + 8(tp)
    j round
1:  csrci sstatus, SIE
    .macro count n
    sd x\n, COUNTS + 8 * \n(tp)
    .endm
    counters
    .purgem count
    ld gp, 13 * 8(sp)
    saved ld
    addi sp, sp, FRAME
    ret

/* The timer: it is set anew, never twice for the same length. An ecall: U-mode goes on, or S-mode
 * behind its last one. */
    .balign 4
ticks_vector:
    csrrw tp, sscratch, tp
    sd t0, SAVED(tp)
    sd t1, SAVED + 8(tp)
    csrr t0, scause
    bltz t0, timer
    sd t0, FAULT(tp)
    addi t0, t0, -8 /* ecall from U-mode */
    bnez t0, 1b
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    ld t1, USER(tp)
    addi t1, t1, USER_BYTES
    bne t0, t1, out
    la t0, back
    csrw sepc, t0
    li t0, SPP
    csrs sstatus, t0
    li t0, SPIE /* back with interrupts off */
    csrc sstatus, t0
out:
    ld t0, SAVED(tp)
    ld t1, SAVED + 8(tp)
    csrrw tp, sscratch, tp
    sret
timer:
    sd a0, SAVED + 16(tp)
    sd a1, SAVED + 24(tp)
    sd a6, SAVED + 32(tp)
    sd a7, SAVED + 40(tp)
    ld t0, TAKEN(tp)
    addi t0, t0, 1
    sd t0, TAKEN(tp)
    li t1, 7
    mul t0, t0, t1
    ld t1, PERIOD(tp)
    remu t0, t0, t1
    add t0, t0, t1
    rdtime a0
    add a0, a0, t0
    li a6, 0
    li a7, EID
    ecall
    ld a0, SAVED + 16(tp)
    ld a1, SAVED + 24(tp)
    ld a6, SAVED + 32(tp)
    ld a7, SAVED + 40(tp)
    j out

    .balign 4096
    .option push
    .option norvc
ticks_user:
    step 22
    ecall
    step 23
    ecall
    step 24
    ecall
    step 25
    ecall
    .option pop
    .balign 4096
