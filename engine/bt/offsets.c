/* SPDX-License-Identifier: MIT */
/* Compiled to assembly, from which the build takes the numbers that enter.S needs. */
#include "engine/bt/bt.h"

#define NUMBER(name, value) __asm__ volatile("->" #name " %0" : : "i"(value))
#define HOT(member)         ((int)offsetof(struct bt_hot, member) - (int)BT_CTX_BIAS)

void offsets(void);

void offsets(void)
{
    NUMBER(HOT_HOME, HOT(home));
    NUMBER(HOT_VCPU, HOT(vcpu));
    NUMBER(HOT_HOST_SP, HOT(host_sp));
    NUMBER(HOT_OWNER, HOT(owner));
    NUMBER(HOT_SPILL, HOT(spill));
    NUMBER(HOT_L2_CONTEXT, HOT(l2_context));
    NUMBER(HOT_L2_LOAD, HOT(l2_load));
    NUMBER(HOT_L2_STORE, HOT(l2_store));
    NUMBER(L1_LTAG, L1_LTAG);
    NUMBER(L1_STAG, L1_STAG);
    NUMBER(L1_DELTA, L1_DELTA);
    NUMBER(L1_BITS_, L1_BITS);
    NUMBER(STLB_BITS_, STLB_BITS);
    NUMBER(VCPU_X, offsetof(struct vcpu, user.x));
    NUMBER(VCPU_PC, offsetof(struct vcpu, user.pc));
    NUMBER(USER_F, offsetof(struct vcpu_user, f));
    NUMBER(USER_FCSR, offsetof(struct vcpu_user, fcsr));
    NUMBER(BV_KICK, offsetof(struct bt_vcpu, kick));
    NUMBER(STACK_GP, offsetof(struct bt_stack, gp));
    NUMBER(STACK_TP, offsetof(struct bt_stack, tp));
    NUMBER(STACK_MASK, -BT_STACK);
}
