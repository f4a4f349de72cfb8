/* SPDX-License-Identifier: MIT */
/* Compiled to assembly, from which the build takes the numbers that switch.S and fp.S need. */
#include "engine/hs/hs.h"

#define OFFSET(name, type, member)                                                                 \
    __asm__ volatile("->" #name " %0" : : "i"(offsetof(struct type, member)))

void offsets(void);

void offsets(void)
{
    OFFSET(VCPU_X, vcpu, user.x);
    OFFSET(VCPU_PC, vcpu, user.pc);
    OFFSET(VCPU_ENGINE, vcpu, engine);
    OFFSET(HS_HOST_SP, hs_vcpu, host_sp);
    OFFSET(HS_HOST_TP, hs_vcpu, host_tp);
    OFFSET(HS_HOST_STVEC, hs_vcpu, host_stvec);
    OFFSET(USER_F, vcpu_user, f);
    OFFSET(USER_FCSR, vcpu_user, fcsr);
    OFFSET(VEC_VSTART, vcpu_vector, vstart);
    OFFSET(VEC_VL, vcpu_vector, vl);
    OFFSET(VEC_VTYPE, vcpu_vector, vtype);
    OFFSET(VEC_VCSR, vcpu_vector, vcsr);
    OFFSET(VEC_V, vcpu_vector, v);
    __asm__ volatile("->VEC_STRIDE %0" : : "i"(VCPU_VLENB_MAX));
}
