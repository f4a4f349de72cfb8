/* SPDX-License-Identifier: MIT */
/* Compiled to assembly, from which the build takes the numbers that enter.S needs. */
#include "core/csr.h"
#include "engine/bt/bt.h"

#define NUMBER(name, value) __asm__ volatile("->" #name " %0" : : "i"(value))
#define HOT(member)         ((int)offsetof(struct bt_hot, member) - (int)BT_CTX_BIAS)

void offsets(void);

void offsets(void)
{
    NUMBER(HOT_HOME, HOT(home));
    NUMBER(HOT_VCPU, HOT(vcpu));
    NUMBER(HOT_OWNER, HOT(owner));
    NUMBER(HOT_SPILL, HOT(spill));
    NUMBER(HOT_L2_CONTEXT, HOT(l2_context));
    NUMBER(HOT_L2_OTHER, HOT(l2_other));
    NUMBER(HOT_L2_LOAD, HOT(l2_load));
    NUMBER(HOT_L2_STORE, HOT(l2_store));
    NUMBER(L1_LTAG, L1_LTAG);
    NUMBER(L1_STAG, L1_STAG);
    NUMBER(L1_DELTA, L1_DELTA);
    NUMBER(HOT_JUMPS, HOT(jumps));
    NUMBER(HOT_SECONDS, HOT(seconds));
    NUMBER(HOT_PC, HOT(pc));
    NUMBER(HOT_VECTOR, HOT(vector));
    NUMBER(HOT_VECTOR_OF, HOT(vector_of));
    NUMBER(HOT_TWIN_SATP, HOT(twin_satp));
    NUMBER(HOT_TWIN, HOT(twin));
    NUMBER(HOT_SRET, HOT(sret));
    NUMBER(HOT_RESUME, HOT(resume));
    NUMBER(HOT_VALUE, HOT(value));
    NUMBER(HOT_RESERVED_AT, HOT(reserved_at));
    NUMBER(BT_CTX_BIAS_, BT_CTX_BIAS);
    NUMBER(JUMP_BITS_U_, JUMP_BITS_U);
    NUMBER(JUMP_BITS_S_, JUMP_BITS_S);
    NUMBER(JUMP_SECOND_, JUMP_SECOND);
    NUMBER(JUMP_SECOND_BITS_, JUMP_SECOND_BITS);
    NUMBER(JUMP_HASH_, JUMP_HASH);
    NUMBER(JUMP_PAGES_BITS_, JUMP_PAGES_BITS);
    NUMBER(LIGHT_WORDS_, LIGHT_WORDS);
    NUMBER(EXIT_TO_PC, EXIT_TO_PC);
    NUMBER(EXIT_KICK, EXIT_KICK);
    NUMBER(EXIT_AT, EXIT_AT);
    NUMBER(EXIT_LIGHT, EXIT_LIGHT);
    NUMBER(EXIT_FAULT, EXIT_FAULT);
    NUMBER(CAUSE_ECALL_U, CAUSE_ECALL_U);
    NUMBER(SSTATUS_SIE, SSTATUS_SIE);
    NUMBER(SSTATUS_SPIE, SSTATUS_SPIE);
    NUMBER(SSTATUS_SPP, SSTATUS_SPP);
    NUMBER(SSTATUS_SUM, SSTATUS_SUM);
    NUMBER(L1_BITS_, L1_BITS);
    NUMBER(STLB_BITS_, STLB_BITS);
    NUMBER(VCPU_X, offsetof(struct vcpu, user.x));
    NUMBER(VCPU_PC, offsetof(struct vcpu, user.pc));
    NUMBER(VCPU_SSTATUS, offsetof(struct vcpu, priv.sstatus));
    NUMBER(VCPU_STVEC, offsetof(struct vcpu, priv.stvec));
    NUMBER(VCPU_SATP, offsetof(struct vcpu, priv.satp));
    NUMBER(VCPU_SEPC, offsetof(struct vcpu, priv.sepc));
    NUMBER(VCPU_SCAUSE, offsetof(struct vcpu, priv.scause));
    NUMBER(VCPU_STVAL, offsetof(struct vcpu, priv.stval));
    NUMBER(USER_F, offsetof(struct vcpu_user, f));
    NUMBER(USER_FCSR, offsetof(struct vcpu_user, fcsr));
    NUMBER(BV_KICK, offsetof(struct bt_vcpu, kick));
    NUMBER(BV_NWRITTEN, offsetof(struct bt_vcpu, nwritten));
    NUMBER(BV_FENCE_SEEN, offsetof(struct bt_vcpu, fence_seen));
    NUMBER(BV_CTX, offsetof(struct bt_vcpu, ctx));
    NUMBER(BV_CURRENT, offsetof(struct bt_vcpu, current));
    NUMBER(BV_HOST_SP, offsetof(struct bt_vcpu, host_sp));
    NUMBER(STACK_GP, offsetof(struct bt_stack, gp));
    NUMBER(STACK_TP, offsetof(struct bt_stack, tp));
    NUMBER(STACK_MASK, -BT_STACK);
}
