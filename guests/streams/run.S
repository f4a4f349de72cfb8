/* SPDX-License-Identifier: MIT */
/* stream_run: into the stream with sret and every register of its frame, out of it with whatever
 * trap it takes, and every register back in the frame. */
#include "guests/lib/saved.inc"

#define F       (32 * 8)
#define FCSR    (64 * 8)
#define SSTATUS (65 * 8)
#define SCAUSE  (66 * 8)
#define STVAL   (67 * 8)
#define SP      (68 * 8)

    .option arch, +f, +d

    .macro each_x op, reg
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, \
            26, 27, 28, 29, 30, 31
    \op x\n, \n * 8(\reg)
    .endr
    .endm

    .macro each_f op, reg
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
            24, 25, 26, 27, 28, 29, 30, 31
    \op f\n, F + \n * 8(\reg)
    .endr
    .endm

    .text
    .globl stream_run
stream_run:
    addi sp, sp, -13 * 8
    saved sd
    sd sp, SP(a0)
    la t0, stream_vector
    csrw stvec, t0
    csrw sscratch, a0
    ld t0, 0(a0)
    csrw sepc, t0
    ld t0, SSTATUS(a0)
    csrw sstatus, t0
    ld t0, FCSR(a0)
    fscsr t0
    each_f fld, a0
    each_x ld, a0
    ld a0, 10 * 8(a0)
    sret

    .balign 4
stream_vector:
    csrrw a0, sscratch, a0
    each_x sd, a0
    csrr t0, sscratch
    sd t0, 10 * 8(a0)
    csrr t0, sepc
    sd t0, 0(a0)
    csrr t0, sstatus
    sd t0, SSTATUS(a0)
    csrr t0, scause
    sd t0, SCAUSE(a0)
    csrr t0, stval
    sd t0, STVAL(a0)
    each_f fsd, a0
    frcsr t0
    sd t0, FCSR(a0)
    ld sp, SP(a0)
    saved ld
    addi sp, sp, 13 * 8
    ret
