/* SPDX-License-Identifier: MIT */
/*
 * The world switch. hs_switch is called with a0 = vcpu, a1 = its hs_vcpu by inline assembly that
 * counts every register except sp, gp and tp as lost. It returns when the guest left for something
 * that hs_light did not settle, with what hs_light said in a0.
 *
 * hs_light runs between the two worlds: C keeps the callee-saved registers, so the guest's stay
 * where they are, and stvec points here. sscratch holds the vCPU while the guest executes and 0
 * otherwise: a trap then is the host's own, and a bug.
 */
#include "engine/hs/offsets.h"

#define A0_SLOT (VCPU_X + 80)

    .macro each_lost op         /* what C may overwrite, but a0; and sp and tp */
    .irp n, 1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    \op x\n, (VCPU_X + 8 * \n)(a0)
    .endr
    .endm

    .macro each_kept op, base   /* the others */
    .irp n, 3, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    \op x\n, (VCPU_X + 8 * \n)(\base)
    .endr
    .endm

    .text
    .option norvc               /* so that every instruction below counts alike */
    .globl hs_switch
hs_switch:
    addi sp, sp, -16
    sd ra, 8(sp)
    sd a0, 0(sp)
    sd sp, HS_HOST_SP(a1)
    sd tp, HS_HOST_TP(a1)
    la t0, hs_leave
    csrw stvec, t0
    each_kept ld, a0
resume:
    csrw sscratch, a0
    ld t1, VCPU_PC(a0)
    csrw sepc, t1
    sc.d zero, zero, (a0)       /* to x0, which is 0: no reservation survives an exit */
    each_lost ld
    ld a0, A0_SLOT(a0)
    sret

    .balign 4
    .globl hs_leave
hs_leave:
    csrrw a0, sscratch, a0
    beqz a0, own_trap
    each_lost sd
    csrrw t0, sscratch, zero
    sd t0, A0_SLOT(a0)
    csrr t1, sepc
    sd t1, VCPU_PC(a0)
    ld t2, VCPU_ENGINE(a0)
    ld sp, HS_HOST_SP(t2)
    ld tp, HS_HOST_TP(t2)
    csrr a1, scause
    call hs_light
    addi t0, a0, 1              /* HS_RESUME */
    mv a1, a0
    ld a0, 0(sp)
    beqz t0, resume

    each_kept sd, a0
    ld t2, VCPU_ENGINE(a0)
    ld t3, HS_HOST_STVEC(t2)
    csrw stvec, t3
    mv a0, a1
    ld ra, 8(sp)
    addi sp, sp, 16
    ret

own_trap:                       /* on to the host's vector, which reports it; only t0 is lost */
    csrrw a0, sscratch, zero
    la t0, hs_host_vector
    ld t0, 0(t0)
    jr t0
