/* SPDX-License-Identifier: MIT */
/* Reading and writing an f register by number: the only floating-point instructions there are. */

    .text
    .balign 4
    .globl fp_get
fp_get:
    la t0, 1f
    andi a0, a0, 31
    slli t1, a0, 1
    slli a0, a0, 2
    add t0, t0, t1
    add t0, t0, a0
    jr t0
1:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.x.d a0, f\n
    c.jr ra                     /* six bytes a register */
    .endr

    .balign 4
    .globl fp_put
fp_put:
    la t0, 1f
    andi a0, a0, 31
    slli t1, a0, 1
    slli a0, a0, 2
    add t0, t0, t1
    add t0, t0, a0
    jr t0
1:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fmv.d.x f\n, a1
    c.jr ra                     /* six bytes a register */
    .endr
