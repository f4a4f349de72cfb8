/* SPDX-License-Identifier: MIT */
/*
 * The CSR accesses of a kernel's hot paths: those that do nothing but read and write a word of the
 * record, and setting and clearing SIE. All others are core's.
 */
#include "core/csr.h"
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

    if (insn->imm != CSR_sstatus || fp > FP_CLEAN)
        return false;
    if (insn->id == INSN_csrrs)
        return insn->rs1 == 0 || insn->rd != insn->rs1;
    return insn->rs1 == SSTATUS_SIE && (insn->id == INSN_csrrsi || insn->id == INSN_csrrci);
}

bool csr_is_inline(const struct translation *t, const struct insn *insn)
{
    if ((t->block->flags & BT_USER) != 0 || insn_info(insn->id)->class != INSN_CLASS_CSR)
        return false;
    if (is_sie(t, insn))
        return true;
    return word_of(insn->imm) != 0 && (reads_only(insn) || insn->id == INSN_csrrw);
}

/* The old value goes to rd before the new one is stored: until then everything can be done again.
 * With interrupts on again, one that waits is for C, behind the instruction. */
static void sie(struct translation *t, const struct insn *insn)
{
    bool on = insn->id != INSN_csrrci, by_register = insn->id == INSN_csrrs;
    bool reads = by_register && insn->rs1 == 0;
    unsigned next = t->at[t->now] + 4u;

    t->held[0].base = t->held[1].base = 0;
    if (by_register && !reads) {
        unsigned bits = use(t, insn->rs1, BT_T1);
        emit(t, rv_i(RV_ANDI, BT_T0, bits, (int32_t)SSTATUS_SIE));
        emit(t, rv_b(RV_BNE, BT_T0, bits, 0)); /* other bits: for C */
        stub(t, site(t, SITE_EXEC));
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
    if (!on)
        return;
    emit(t, rv_i(RV_LD, BT_T0, BT_T2, VCPU(pending)));
    emit(t, rv_i(RV_LD, BT_T2, BT_T2, VCPU(priv.sie)));
    emit(t, rv_r(RV_AND, BT_T0, BT_T0, BT_T2));
    emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
    uint32_t number = site(t, SITE_LOOK);
    t->bv->site[number].offset = (uint16_t)next;
    stub(t, number);
    t->stub[t->nstubs - 1].offset = (uint16_t)next;
}

static void read_word(struct translation *t, const struct insn *insn)
{
    emit(t, rv_i(RV_LD, BT_T0, BT_CTX, HOT(vcpu)));
    emit(t, rv_i(RV_LD, target(insn->rd), BT_T0, word_of(insn->imm)));
    finish(t, insn->rd);
}

static void write_word(struct translation *t, const struct insn *insn)
{
    t->held[0].base = t->held[1].base = 0;
    unsigned value = use(t, insn->rs1, BT_T1);

    if (insn->imm == CSR_sepc) {
        emit(t, rv_i(RV_ANDI, BT_T1, value, -2));
        value = BT_T1;
    }
    emit(t, rv_i(RV_LD, BT_T2, BT_CTX, HOT(vcpu)));
    if (insn->rd != 0)
        emit(t, rv_i(RV_LD, BT_T0, BT_T2, word_of(insn->imm)));
    emit(t, rv_s(RV_SD, value, word_of(insn->imm), BT_T2));
    if (insn->rd == 0)
        return;
    map(t, MAP_STORE, t->at[t->now] + 4u, insn->rd);
    if (is_taken(insn->rd))
        finish(t, insn->rd);
    else
        emit(t, rv_i(RV_ADDI, insn->rd, BT_T0, 0));
}

void translate_csr(struct translation *t, const struct insn *insn)
{
    if (is_sie(t, insn))
        sie(t, insn);
    else if (reads_only(insn))
        read_word(t, insn);
    else
        write_word(t, insn);
    held_drop(t, insn->rd);
}
