/* SPDX-License-Identifier: MIT */
/*
 * void bare_run(struct bare *b, const void *code): the code with all registers of *b but x4, which
 * is b. It begins by loading x31 and ends by storing it and jumping to b->exit.
 */
    .option norelax

    .macro integer op
    .irp n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    \op x\n, 8 * \n(tp)
    .endr
    .endm
    .macro floating op
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \op f\n, 256 + 8 * \n(tp)
    .endr
    .endm
    .macro saved op, fop
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    \op s\n, \n * 8(sp)
    \fop fs\n, 128 + \n * 8(sp)
    .endr
    \op ra, 96(sp)
    \op gp, 104(sp)
    .endm

    .text
    .globl bare_run
bare_run:
    addi sp, sp, -240
    saved sd, fsd
    sd tp, 112(sp)
    frcsr t0
    sd t0, 120(sp)
    sd sp, 520(a0)
    la t0, bare_exit
    sd t0, 528(a0)
    mv tp, a0
    mv t6, a1
    floating fld
    ld t0, 512(tp)
    fscsr t0
    integer ld
    jr t6
bare_exit:
    integer sd
    floating fsd
    frcsr t0
    sd t0, 512(tp)
    ld sp, 520(tp)
    ld tp, 112(sp)
    ld t0, 120(sp)
    fscsr t0
    saved ld, fld
    addi sp, sp, 240
    ret
