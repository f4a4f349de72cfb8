/* SPDX-License-Identifier: MIT */
/*
 * CSRs and privileged instructions. Those that a kernel's hot paths are full of are done here:
 * words of the record, SIE and SUM, fences when nothing was written. For the others C is called in
 * the middle of the block.
 */
#include "core/csr.h"
#include "core/vm.h"
#include "engine/bt/translate.h"

#define VCPU(member) ((int32_t)offsetof(struct vcpu, member))

_Static_assert(offsetof(struct vcpu, pending) < 2048, "in reach of one instruction");

/* Registers that are a word and nothing else; 0: another one. */
static int32_t word_of(int32_t number)
{
    switch (number) {
    case CSR_sscratch:
        return VCPU(priv.sscratch);
    case CSR_sepc:
        return VCPU(priv.sepc);
    case CSR_scause:
        return VCPU(priv.scause);
    case CSR_stval:
        return VCPU(priv.stval);
    default:
        return 0;
    }
}

static bool reads_only(const struct insn *insn)
{
    return (insn->id == INSN_csrrs || insn->id == INSN_csrrc) && insn->rs1 == 0;
}

/* csrrsi, csrrci of sstatus.SIE, a csrrs that will most likely do the same, and reads of sstatus.
 * SD follows from FS, which the block's key tells. */
static bool is_sie(const struct translation *t, const struct insn *insn)
{
    unsigned fp = t->block->flags & BT_FP_MASK;

    if (insn->imm != CSR_sstatus || (fp > FP_CLEAN && insn->rd != 0))
        return false;
    if (insn->id == INSN_csrrs)
        return insn->rs1 == 0 || insn->rd != insn->rs1;
    return insn->rs1 == SSTATUS_SIE && (insn->id == INSN_csrrsi || insn->id == INSN_csrrci);
}

/* What bt_light_call does with exec's help: floating point's registers, and the counters. */
static bool is_for_exec(const struct insn *insn)
{
    return insn->imm <= CSR_fcsr || insn->imm == CSR_cycle || insn->imm == CSR_instret;
}

static bool is_word(const struct insn *insn)
{
    return word_of(insn->imm) != 0 && (reads_only(insn) || insn->id == INSN_csrrw);
}

/* Sets or clears bits of sstatus, and nobody asks for the old ones: SUM, most likely. */
static bool is_sum(const struct insn *insn)
{
    return insn->imm == CSR_sstatus && insn->rd == 0 && insn->rs1 != 0 &&
           (insn->id == INSN_csrrs || insn->id == INSN_csrrc);
}

/* Flags are the host's as long as FS is Dirty. A rounding mode that is written may be invalid. */
static bool is_host(const struct translation *t, const struct insn *insn)
{
    return (t->block->flags & BT_FP_MASK) == FP_DIRTY && insn->imm <= CSR_fcsr &&
           (insn->imm == CSR_fflags || reads_only(insn));
}

bool csr_is_inline(const struct translation *t, const struct insn *insn)
{
    return !is_for_exec(insn) || is_host(t, insn);
}

/* Another address space, mode or state of FP: other blocks. */
bool csr_ends_block(const struct translation *t, const struct insn *insn)
{
    if (is_host(t, insn))
        return false;
    if (is_for_exec(insn))
        return true;
    if ((t->block->flags & BT_USER) != 0 || reads_only(insn))
        return false;
    return insn->imm == CSR_satp || (insn->imm == CSR_sstatus && !is_sie(t, insn) && !is_sum(insn));
}

/* The branch that was just emitted leads to a light call with `base` as operand, and back to here.
 */
static void light_stub(struct translation *t, uint32_t number, unsigned base)
{
    stub(t, number);
    struct stub *s = &t->stub[t->nstubs - 1];
    s->is_light = true;
    s->base = (uint8_t)base;
}

static uint32_t csr_site(struct translation *t, enum bt_site_kind kind, const struct insn *insn)
{
    uint32_t number = site(t, kind);
    struct bt_site *s = &t->bv->site[number];
    bool set = insn->id == INSN_csrrs || insn->id == INSN_csrrsi;
    bool clear = insn->id == INSN_csrrc || insn->id == INSN_csrrci;
    bool reads = (set || clear) && insn->rs1 == 0;

    s->reg = (uint8_t)(reads   ? CSR_OP_READ
                       : set   ? CSR_OP_SET
                       : clear ? CSR_OP_CLEAR
                               : CSR_OP_WRITE);
    s->lo = (int16_t)insn->imm;
    s->ends = csr_ends_block(t, insn);
    return number;
}

static bool is_immediate(const struct insn *insn)
{
    return insn->id == INSN_csrrwi || insn->id == INSN_csrrsi || insn->id == INSN_csrrci;
}

/* T2 = the operand. */
static void load_operand(struct translation *t, const struct insn *insn)
{
    if (is_immediate(insn))
        emit(t, rv_i(RV_ADDI, BT_T2, 0, insn->rs1));
    else if (is_taken(insn->rs1))
        emit(t, rv_i(RV_LD, BT_T2, BT_CTX, home_of(insn->rs1)));
    else
        emit(t, rv_i(RV_ADDI, BT_T2, insn->rs1, 0));
}

/* T0, the old value, goes to rd: from here on this is all that is left to do. */
static void old_value(struct translation *t, const struct insn *insn)
{
    if (insn->rd == 0) {
        map(t, MAP_RESTART, t->at[t->now] + 4u, 0);
        return;
    }
    map(t, MAP_STORE, t->at[t->now] + 4u, insn->rd);
    if (is_taken(insn->rd))
        finish(t, insn->rd);
    else
        emit(t, rv_i(RV_ADDI, insn->rd, BT_T0, 0));
    map(t, MAP_RESTART, t->at[t->now] + 4u, 0);
}

static void by_light(struct translation *t, const struct insn *insn)
{
    bool satp = insn->id == INSN_csrrw && insn->imm == CSR_satp && insn->rd == 0;

    spoil_both(t);
    load_operand(t, insn);
    call_light(t, csr_site(t, SITE_CSR, insn), satp ? HOT(satp) : HOT(light), t->at[t->now]);
    old_value(t, insn);
    if (csr_ends_block(t, insn))
        leave_behind(t);
}

/* csrs, csrc of sstatus without rd. Bits other than SIE and SUM, and SUM, are for elsewhere. */
static void sum(struct translation *t, const struct insn *insn)
{
    spoil_both(t);
    load_operand(t, insn);
    call_light(t, csr_site(t, SITE_CSR, insn),
               insn->id == INSN_csrrs ? HOT(sum_set) : HOT(sum_clear), t->at[t->now]);
    map(t, MAP_RESTART, t->at[t->now] + 4u, 0);
    if ((t->block->flags & BT_MIRROR) != 0) /* with SUM there is none */
        leave_behind(t);
}

/* The old value goes to rd before the new one is stored: until then everything can be done again.
 * With interrupts on again, one that waits is for C, behind the instruction. */
static void sie(struct translation *t, const struct insn *insn)
{
    bool on = insn->id != INSN_csrrci, by_register = insn->id == INSN_csrrs;
    bool reads = by_register && insn->rs1 == 0;
    unsigned next = t->at[t->now] + 4u;
    uint32_t light = UINT32_MAX;

    spoil_both(t);
    if (by_register && !reads) {
        unsigned bits = use(t, insn->rs1, BT_T2);
        emit(t, rv_i(RV_ANDI, BT_T0, bits, (int32_t)SSTATUS_SIE));
        emit(t, rv_b(RV_BNE, BT_T0, bits, 0)); /* other bits */
        if (insn->rd == 0) {
            light = t->nstubs;
            light_stub(t, csr_site(t, SITE_CSR, insn), bits);
        } else {
            stub(t, site(t, SITE_EXEC));
        }
        emit(t, rv_i(RV_ADDI, BT_T1, BT_T0, 0));
    }
    emit(t, rv_i(RV_LD, BT_T2, BT_CTX, HOT(vcpu)));
    emit(t, rv_i(RV_LD, BT_T0, BT_T2, VCPU(priv.sstatus)));
    if (insn->rd != 0 && is_taken(insn->rd))
        finish(t, insn->rd);
    else if (insn->rd != 0)
        emit(t, rv_i(RV_ADDI, insn->rd, BT_T0, 0));
    if (reads)
        return;
    if (by_register)
        emit(t, rv_r(RV_OR, BT_T0, BT_T0, BT_T1));
    else
        emit(t, on ? rv_i(RV_ORI, BT_T0, BT_T0, (int32_t)SSTATUS_SIE)
                   : rv_i(RV_ANDI, BT_T0, BT_T0, ~(int32_t)SSTATUS_SIE));
    emit(t, rv_s(RV_SD, BT_T0, VCPU(priv.sstatus), BT_T2));
    map(t, MAP_RESTART, next, 0);
    if (on) {
        emit(t, rv_i(RV_LD, BT_T0, BT_T2, VCPU(pending)));
        emit(t, rv_i(RV_LD, BT_T2, BT_T2, VCPU(priv.sie)));
        emit(t, rv_r(RV_AND, BT_T0, BT_T0, BT_T2));
        emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
        uint32_t number = site(t, SITE_LOOK);
        t->bv->site[number].offset = (uint16_t)next;
        stub(t, number);
        t->stub[t->nstubs - 1].offset = (uint16_t)next;
    }
    if (light != UINT32_MAX)
        t->stub[light].back = here(t);
}

static void read_word(struct translation *t, const struct insn *insn)
{
    emit(t, rv_i(RV_LD, BT_T0, BT_CTX, HOT(vcpu)));
    emit(t, rv_i(RV_LD, target(t, insn->rd), BT_T0, word_of(insn->imm)));
    finish(t, insn->rd);
}

static void write_word(struct translation *t, const struct insn *insn)
{
    bool sepc = insn->imm == CSR_sepc, swaps = insn->rd != 0;
    unsigned value = insn->rs1;

    if (is_taken(value) || swaps)
        t->held[1].base = 0;
    if (sepc)
        spoil_t1(t);
    value = use(t, value, BT_T2);
    if (sepc) {
        emit(t, rv_i(RV_ANDI, BT_T1, value, -2));
        value = BT_T1;
    }
    if (!swaps) {
        emit(t, rv_i(RV_LD, BT_T0, BT_CTX, HOT(vcpu)));
        emit(t, rv_s(RV_SD, value, word_of(insn->imm), BT_T0));
        return;
    }
    if (value == BT_T2) {
        spoil_t1(t);
        emit(t, rv_i(RV_ADDI, BT_T1, BT_T2, 0));
        value = BT_T1;
    }
    emit(t, rv_i(RV_LD, BT_T2, BT_CTX, HOT(vcpu)));
    emit(t, rv_i(RV_LD, BT_T0, BT_T2, word_of(insn->imm)));
    emit(t, rv_s(RV_SD, value, word_of(insn->imm), BT_T2));
    old_value(t, insn);
}

/* Once done it is not to be done again. */
static void host_csr(struct translation *t, const struct insn *insn)
{
    unsigned rs1 = is_immediate(insn) ? insn->rs1 : use(t, insn->rs1, BT_T0);

    emit(t, encode(t, target(t, insn->rd), rs1, 0));
    if (is_taken(insn->rd)) {
        map(t, MAP_STORE, t->at[t->now] + 4u, insn->rd);
        finish(t, insn->rd);
    }
}

void translate_csr(struct translation *t, const struct insn *insn)
{
    bool user = (t->block->flags & BT_USER) != 0;

    if (is_host(t, insn))
        host_csr(t, insn);
    else if (!user && is_sie(t, insn))
        sie(t, insn);
    else if (!user && is_sum(insn))
        sum(t, insn);
    else if (!user && is_word(insn))
        (reads_only(insn) ? read_word : write_word)(t, insn);
    else
        by_light(t, insn);
    held_drop(t, insn->rd);
}

/* Nothing to do when no page was written that code (fence.i) or translations (sfence.vma) came
 * from. */
void translate_fence(struct translation *t, const struct insn *insn)
{
    bool code = insn->id == INSN_fence_i;
    uint32_t number = site(t, code ? SITE_FENCE_I : SITE_FENCE);
    unsigned operands = 0;

    spoil_both(t);
    if (!code && insn->rs1 != 0)
        operands |= FENCE_VA;
    if (!code && insn->rs2 != 0)
        operands |= FENCE_ASID;
    t->bv->site[number].reg = (uint8_t)operands;
    if (operands & FENCE_ASID)
        emit(t, rv_s(RV_SD, use(t, insn->rs2, BT_T0), HOT(spill[3]), BT_CTX));
    emit(t, rv_i(RV_LD, BT_T1, BT_CTX, HOT(owner)));
    emit(t, rv_i(RV_LD, BT_T2, BT_T1, (int32_t)offsetof(struct bt_vcpu, nwritten)));
    emit(t, rv_i(RV_LD, BT_T1, BT_T1,
                 code ? (int32_t)offsetof(struct bt_vcpu, written_seen)
                      : (int32_t)offsetof(struct bt_vcpu, fence_seen)));
    emit(t, rv_i(RV_LD, BT_T2, BT_T2, 0));
    emit(t, rv_b(RV_BNE, BT_T1, BT_T2, 0));
    light_stub(t, number, is_taken(insn->rs1) ? BT_T2 : insn->rs1);
    t->stub[t->nstubs - 1].taken = is_taken(insn->rs1) ? insn->rs1 : 0;
    t->stub[t->nstubs - 1].back = here(t);
}

void translate_ecall(struct translation *t)
{
    bool user = (t->block->flags & BT_USER) != 0;

    if (user && UNLIKELY(t->bv->vcpu->vm->trace != NULL)) {
        call_c(t, site(t, SITE_EXEC));
        t->ended = true;
        return;
    }
    if (user) {
        address(t, BT_T0, t->block->page + t->at[t->now]);
        emit(t, rv_i(RV_LD, BT_T1, BT_CTX, HOT(ecall)));
        emit(t, rv_i(RV_JALR, 0, BT_T1, 0));
        t->ended = true;
        return;
    }
    call_light(t, site(t, SITE_SBI), HOT(light), t->at[t->now]);
    map(t, MAP_RESTART, t->at[t->now] + 4u, 0);
}

void translate_sret(struct translation *t)
{
    uint32_t number = site(t, SITE_EXEC);

    emit(t, rv_i(RV_LD, BT_T1, BT_CTX, HOT(sret)));
    emit(t, rv_i(RV_JALR, BT_T0, BT_T1, 0));
    emit(t, number);
    t->ended = true;
}
