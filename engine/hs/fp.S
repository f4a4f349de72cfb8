/* SPDX-License-Identifier: MIT */
/*
 * The only floating-point and vector instructions of the image: registers to and from the record.
 * The caller has turned FS (or VS) on in sstatus. The record's vectors are VEC_STRIDE bytes apart,
 * of which vlenb are used.
 */
#include "engine/hs/offsets.h"

    .macro each_f op
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
        24, 25, 26, 27, 28, 29, 30, 31
    \op f\n, (USER_F + 8 * \n)(a0)
    .endr
    .endm

    .macro each_v op            /* a1 runs over the vectors */
    addi a1, a0, VEC_V
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
        24, 25, 26, 27, 28, 29, 30, 31
    \op v\n, (a1)
    addi a1, a1, VEC_STRIDE
    .endr
    .endm

    .text
    .globl hs_f_save
hs_f_save:
    each_f fsd
    frcsr t0
    sd t0, USER_FCSR(a0)
    ret

    .globl hs_f_load
hs_f_load:
    each_f fld
    ld t0, USER_FCSR(a0)
    fscsr t0
    ret

    .option arch, +v
    .globl hs_v_save
hs_v_save:
    csrr t0, vstart
    sd t0, VEC_VSTART(a0)
    csrr t0, vl
    sd t0, VEC_VL(a0)
    csrr t0, vtype
    sd t0, VEC_VTYPE(a0)
    csrr t0, vcsr
    sd t0, VEC_VCSR(a0)
    csrw vstart, zero           /* whole-register stores begin there */
    each_v vs1r.v
    ret

    .globl hs_v_load
hs_v_load:
    csrw vstart, zero
    each_v vl1r.v
    ld t0, VEC_VL(a0)
    ld t1, VEC_VTYPE(a0)
    vsetvl zero, t0, t1
    ld t0, VEC_VCSR(a0)
    csrw vcsr, t0
    ld t0, VEC_VSTART(a0)
    csrw vstart, t0
    ret
