/* SPDX-License-Identifier: MIT */
/*
 * The world switch. hs_switch is called with a0 = vcpu, a1 = its hs_vcpu by inline assembly that counts every
 * register except sp, gp and tp as lost; it returns, with scause in a0, when the guest trapped.
 * What it needs to find its way back lies in struct hs_vcpu; sscratch holds the vCPU meanwhile.
 */
#include "engine/hs/offsets.h"

    .macro each_x op            /* every register but x0 and a0 */
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
        25, 26, 27, 28, 29, 30, 31
    \op x\n, (VCPU_X + 8 * \n)(a0)
    .endr
    .endm

    .text
    .option norvc               /* so that every instruction below counts alike */
    .globl hs_switch
hs_switch:
    sd ra, HS_HOST_RA(a1)
    sd sp, HS_HOST_SP(a1)
    sd tp, HS_HOST_TP(a1)
    la t1, hs_leave
    csrw stvec, t1
    csrw sscratch, a0
    ld t2, VCPU_PC(a0)
    csrw sepc, t2
    sc.d zero, zero, (a0)         /* to x0, which is 0: no reservation survives an exit */
    each_x ld
    ld a0, (VCPU_X + 80)(a0)
    sret

    .balign 4
    .globl hs_leave
hs_leave:
    csrrw a0, sscratch, a0
    each_x sd
    csrr t0, sscratch
    sd t0, (VCPU_X + 80)(a0)
    csrr t1, sepc
    sd t1, VCPU_PC(a0)
    ld t2, VCPU_ENGINE(a0)
    ld t3, HS_HOST_STVEC(t2)
    csrw stvec, t3
    ld sp, HS_HOST_SP(t2)
    ld tp, HS_HOST_TP(t2)
    ld ra, HS_HOST_RA(t2)
    csrr a0, scause
    ret
