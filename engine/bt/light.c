/* SPDX-License-Identifier: MIT */
/*
 * C in the middle of a block: CSRs, fences and SBI calls that need no exit. Of the guest's
 * registers those that C may change are in the record, the others still in the hart (s0..s9) or in
 * the window (home), so what is needed of them comes as the operand.
 */
#include <string.h>

#include "core/csr.h"
#include "core/sbi/sbi.h"
#include "core/trap.h"
#include "core/vm.h"
#include "engine/bt/bt.h"

#define LEAVE ((struct bt_light){0, 0})

enum { A0 = 10, A1 = 11, A7 = 17 };

/* The guest's registers in memory move with CTX. */
static void change_context(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_window *from = bv->current;

    space_use(vcpu);
    from->hot.reserved_at = 0;
    if (bv->current != from)
        memcpy(bv->current->hot.home, from->hot.home, sizeof(from->hot.home));
}

/* Behind the instruction, which has been done, by the jump cache. */
static struct bt_light go_behind(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    vcpu->user.pc += 4;
    bv->current->hot.pc = vcpu->user.pc;
    if (bv->step || bv->look)
        return LEAVE;
    return (struct bt_light){jumps_look_up(bv, vcpu->user.pc), 0};
}

/* What waits is for C, as soon as the instruction is over. */
static void see_interrupts(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    space_irq(vcpu);
    if (trap_pending_interrupt(vcpu) != 0)
        atomic_store(&bv->kick, 1);
}

/* satp. Core's hook would flush the second level whenever the ASID stays; here that is a fence like
 * any other. */
static int write_satp(struct vcpu *vcpu, const struct bt_site *site, uint64_t operand,
                      uint64_t *old, unsigned *effects)
{
    struct stlb *stlb = vcpu->stlb;
    struct bt_vcpu *bv = bt_of(vcpu);

    vcpu->stlb = NULL;
    int error = csr_access(vcpu, CSR_satp, (enum csr_op)site->reg, operand, old, effects);
    vcpu->stlb = stlb;
    if (error != 0 || *effects == 0)
        return error;
    bool same = ((*old ^ vcpu->priv.satp) & (SATP_ASID << SATP_ASID_SHIFT)) == 0;
    if (same && atomic_load_explicit(bv->nwritten, memory_order_relaxed) != bv->fence_seen)
        (void)space_fence(vcpu, NULL, NULL);
    return 0;
}

static struct bt_light csr(struct vcpu *vcpu, const struct bt_site *site, uint64_t next,
                           uint64_t operand)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    unsigned effects, number = (unsigned)site->lo;
    uint8_t fp = bv->flags & BT_FP_MASK;
    uint64_t old;
    int error;

    if (number == CSR_satp && site->reg == CSR_OP_WRITE) {
        old = vcpu->priv.satp;
        if (space_switch(vcpu, operand))
            return (struct bt_light){next, old};
    }
    if (number == CSR_satp)
        error = write_satp(vcpu, site, operand, &old, &effects);
    else
        error = csr_access(vcpu, number, (enum csr_op)site->reg, operand, &old, &effects);
    if (error != 0) {
        (void)bt_deliver(vcpu, &(struct trap){.cause = CAUSE_ILLEGAL_INSN, .tval = site->raw});
        return LEAVE;
    }
    if ((effects & (CSR_EFFECT_MODE | CSR_EFFECT_XLATE)) != 0)
        change_context(vcpu);
    if ((effects & CSR_EFFECT_TIMER) != 0)
        thread_arm(vcpu);
    if (number == CSR_stvec)
        bv->space->window[BT_S].hot.vector = bv->space->window[BT_SUM].hot.vector =
            (void *)bt_vector;
    if ((effects & (CSR_EFFECT_IRQ | CSR_EFFECT_MODE)) != 0)
        see_interrupts(vcpu);
    if (number == CSR_sstatus && fp != (bv->flags & BT_FP_MASK) && !site->ends)
        return go_behind(vcpu);
    return (struct bt_light){next, old};
}

static struct bt_light sbi(struct vcpu *vcpu, const struct bt_site *site, uint64_t next)
{
    const struct sbi_extension *extension = sbi_find_light(vcpu->user.x[A7]);
    uint64_t deadline = vcpu->priv.stimecmp;

    /* Two that wait for each other's fences have to be outside. */
    bool waits = vcpu->user.x[A7] == SBI_EID_RFENCE && vcpu->vm->nvcpus > 1;

    if (extension == NULL || waits || UNLIKELY(vcpu->vm->trace != NULL)) {
        vcpu->priv.exit = (struct exit_record){.kind = EXIT_SBI, .insn = site->raw};
        return LEAVE;
    }
    struct sbi_ret ret = extension->answer(vcpu, sbi_call_of(vcpu));
    vcpu->user.x[A0] = (uint64_t)ret.error;
    vcpu->user.x[A1] = ret.value;
    if (deadline != vcpu->priv.stimecmp) {
        thread_arm(vcpu);
        see_interrupts(vcpu);
    }
    return (struct bt_light){next, 0};
}

static struct bt_light fence(struct vcpu *vcpu, const struct bt_site *site, uint64_t next,
                             uint64_t va)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    uint16_t asid = (uint16_t)bv->current->hot.spill[3];

    if (!space_fence(vcpu, (site->reg & FENCE_VA) != 0 ? &va : NULL,
                     (site->reg & FENCE_ASID) != 0 ? &asid : NULL))
        return (struct bt_light){next, 0};
    change_context(vcpu);
    return go_behind(vcpu);
}

struct bt_light bt_light_call(struct vcpu *vcpu, const uint32_t *where, uint64_t operand,
                              uint8_t *ctx)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    const struct bt_site *site = &bv->site[where[0]];
    uint64_t next = (uint64_t)(uintptr_t)(where + LIGHT_WORDS);

    space_meet(bv, ctx);
    vcpu->user.pc = (gva_t)where[2] << 32 | where[1];
    if ((vcpu->user.pc & LIGHT_OFFSET) != 0)
        vcpu->user.pc += (bv->current->hot.pc & PAGE_MASK) - LIGHT_OFFSET;
    bv->stats.light++;
    switch ((enum bt_site_kind)site->kind) {
    case SITE_CSR:
        return csr(vcpu, site, next, operand);
    case SITE_SBI:
        return sbi(vcpu, site, next);
    case SITE_FENCE:
        return fence(vcpu, site, next, operand);
    default:
        if (!pages_check(vcpu))
            return (struct bt_light){next, 0};
        return go_behind(vcpu);
    }
}
