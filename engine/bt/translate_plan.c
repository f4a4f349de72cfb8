/* SPDX-License-Identifier: MIT */
/* Loops: which blocks are some, what stays in registers from round to round, and in which. */
#include <string.h>

#include "engine/bt/translate.h"

const uint8_t loop_taken[BT_TAKEN] = {BT_CTX, BT_T0, BT_T1, BT_T2};

/* The x registers that instruction i reads, and the one it writes: bits. */
static uint32_t sources(const struct translation *t, unsigned i)
{
    const struct insn *insn = &t->code[i].insn;

    switch ((enum insn_class)t->code[i].fact.class) {
    case INSN_CLASS_ALU:
    case INSN_CLASS_BRANCH:
    case INSN_CLASS_STORE:
        return reg_bit(insn->rs1) | reg_bit(insn->rs2);
    case INSN_CLASS_LOAD:
    case INSN_CLASS_FLOAD:
    case INSN_CLASS_FSTORE:
    case INSN_CLASS_CBO:
        return reg_bit(insn->rs1);
    case INSN_CLASS_FP:
        return fp_reads_x(insn->raw) ? reg_bit(insn->rs1) : 0;
    default: /* a jump's is read when the loop is over */
        return 0;
    }
}

static uint32_t result(const struct translation *t, unsigned i)
{
    const struct insn *insn = &t->code[i].insn;

    switch ((enum insn_class)t->code[i].fact.class) {
    case INSN_CLASS_ALU:
    case INSN_CLASS_LOAD:
        return reg_bit(insn->rd);
    case INSN_CLASS_FP:
        return fp_writes_x(insn->raw) ? reg_bit(insn->rd) : 0;
    default:
        return 0;
    }
}

/* What a loop may consist of: C is called for the TLB alone. */
static bool fits(const struct translation *t, unsigned i)
{
    const struct insn *insn = &t->code[i].insn;
    bool fp = fp_state(t) > FP_CLEAN;

    switch ((enum insn_class)t->code[i].fact.class) {
    case INSN_CLASS_ALU:
        return insn->id != INSN_auipc ||
               is_near(t, t->block->page + t->at[i] + (uint64_t)(int64_t)insn->imm);
    case INSN_CLASS_BRANCH:
    case INSN_CLASS_LOAD:
    case INSN_CLASS_STORE:
    case INSN_CLASS_CBO:
        return true;
    case INSN_CLASS_JUMP:
        return insn->rd == 0;
    case INSN_CLASS_FLOAD:
    case INSN_CLASS_FSTORE:
        return fp;
    case INSN_CLASS_FP:
        return fp && fp_is_legal(t, insn);
    case INSN_CLASS_FENCE:
        return insn->id != INSN_fence_i;
    default:
        return false;
    }
}

/* Where instruction i jumps to by itself, from the start of the page; negative: nowhere. */
static int32_t leads_to(const struct translation *t, unsigned i)
{
    const struct insn *insn = &t->code[i].insn;

    if (t->code[i].fact.class != INSN_CLASS_BRANCH && insn->id != INSN_jal)
        return -1;
    return t->at[i] + insn->imm;
}

unsigned loop_number(const struct translation *t, int32_t offset)
{
    unsigned i = 0;

    while (i < t->count && t->at[i] != offset)
        i++;
    return i;
}

/* How many instructions the loop has; 0: the block is none. */
static unsigned extent(const struct translation *t)
{
    unsigned count = 0;

    if ((t->block->flags & BT_NOGROUP) != 0 || t->bv->step)
        return 0;
    for (unsigned i = 0; i < t->back && fits(t, i); i++) {
        if (leads_to(t, i) == t->block->offset)
            count = i + 1;
    }
    return count;
}

static void find_labels(struct translation *t)
{
    struct loop *l = &t->loop;

    l->labels = 1;
    for (unsigned i = 0; i < t->count; i++) {
        unsigned to = loop_number(t, leads_to(t, i));
        if (to < t->count)
            l->labels |= UINT64_C(1) << to;
        if (t->code[i].fact.class == INSN_CLASS_JUMP)
            l->labels |= UINT64_C(2) << i; /* nothing is known there */
    }
}

/* Registers whose values come from memory: as pointers they lead anywhere. */
static uint32_t loaded(const struct translation *t)
{
    uint32_t known = 0, before;

    do {
        before = known;
        for (unsigned i = 0; i < t->count; i++) {
            if (t->code[i].fact.class != INSN_CLASS_ALU || (sources(t, i) & known) != 0)
                known |= result(t, i);
        }
    } while (known != before);
    return known;
}

static bool accesses(const struct translation *t, unsigned i)
{
    return t->code[i].fact.load || t->code[i].fact.store;
}

/* The range that access i belongs to, which may grow by that. */
static unsigned choose_range(struct loop *l, const struct bt_fact *fact, int32_t imm)
{
    int32_t end = imm + fact->size;

    if (imm == -2048) /* the start of the page less lo is out of reach */
        return RANGES_MAX;
    for (unsigned n = 0; n < l->nranges; n++) {
        struct range *r = &l->range[n];
        int32_t new_lo = imm < r->lo ? imm : r->lo, new_end = end > r->end ? end : r->end;
        if (r->base == fact->base && new_end - new_lo <= SPAN_MOST) {
            r->lo = new_lo;
            r->end = new_end;
            return n;
        }
    }
    if (l->nranges == RANGES_MAX)
        return RANGES_MAX;
    l->range[l->nranges] = (struct range){.base = fact->base, .lo = imm, .end = end};
    return l->nranges++;
}

static void find_ranges(struct translation *t)
{
    struct loop *l = &t->loop;
    uint32_t anywhere = loaded(t), seen = 0; /* ranges since a label or a write of the base */

    for (unsigned i = 0; i < t->count; i++) {
        const struct bt_fact *fact = &t->code[i].fact;
        l->range_of[i] = RANGES_MAX;
        if ((l->labels >> i & 1) != 0)
            seen = 0;
        if (accesses(t, i) && (anywhere & reg_bit(fact->base)) == 0) {
            unsigned n = choose_range(l, fact, t->code[i].insn.imm);
            l->range_of[i] = (uint8_t)n;
            if (n < RANGES_MAX) {
                struct range *r = &l->range[n];
                r->fixed = (l->written & reg_bit(r->base)) == 0;
                r->has[fact->store] = true;
                r->shared |= (seen >> n & 1) != 0;
                seen |= UINT32_C(1) << n;
            }
        }
        for (unsigned n = 0; n < l->nranges; n++) {
            if ((result(t, i) & reg_bit(l->range[n].base)) != 0)
                seen &= ~(UINT32_C(1) << n);
        }
    }
}

/* Registers to be had; those that nobody has to save are drawn first. */
struct pool {
    uint8_t reg[32];
    unsigned n;
    bool failed; /* somebody asked for more */
};

static uint8_t draw(struct loop *l, struct pool *pool, unsigned home)
{
    if (pool->n == 0 || l->taken.n == LOOP_SAVES) {
        pool->failed = true;
        return 0;
    }
    uint8_t reg = pool->reg[--pool->n];
    if (is_taken(reg))
        return reg;
    l->taken.reg[l->taken.n] = reg;
    l->taken.home[l->taken.n++] = (uint8_t)home;
    return reg;
}

static void give_range(struct loop *l, struct range *r, struct pool *pool)
{
    for (unsigned store = 0; store < 2; store++)
        r->valid[store] = r->has[store] ? draw(l, pool, 0) : 0;
    if (r->fixed)
        return;
    r->page = draw(l, pool, 0);
    r->delta = draw(l, pool, 0);
    r->at = r->shared ? draw(l, pool, 0) : BT_T0;
}

/* Accesses that belong to no range need T1. */
static bool needs_t1(const struct translation *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (accesses(t, i) && t->loop.range_of[i] >= t->loop.nranges)
            return true;
    }
    return false;
}

/* False: there are not enough registers. */
static bool give_registers(struct translation *t, uint32_t mentioned)
{
    struct loop *l = &t->loop;
    struct pool pool = {.n = 0};

    l->taken.n = 0;
    memset(l->alias, 0, sizeof(l->alias));
    for (unsigned reg = 1; reg < 32; reg++) {
        if (!is_taken(reg) && (mentioned & reg_bit(reg)) == 0)
            pool.reg[pool.n++] = (uint8_t)reg;
    }
    for (unsigned i = 0; i < BT_TAKEN; i++) {
        if ((mentioned & reg_bit(loop_taken[i])) != 0)
            l->alias[loop_taken[i]] = draw(l, &pool, i + 1);
    }
    if (!needs_t1(t))
        pool.reg[pool.n++] = BT_T1;
    pool.reg[pool.n++] = BT_T2;
    for (unsigned n = 0; n < l->nranges; n++)
        give_range(l, &l->range[n], &pool);
    return !pool.failed;
}

bool loop_plan(struct translation *t)
{
    struct loop *l = &t->loop;
    unsigned count = extent(t);
    uint32_t mentioned = 0;

    if (count == 0)
        return false;
    t->count = count;
    l->written = 0;
    l->nranges = l->njumps = 0;
    for (unsigned i = 0; i < count; i++) {
        l->written |= result(t, i);
        mentioned |= result(t, i) | sources(t, i);
    }
    find_labels(t);
    find_ranges(t);
    while (!give_registers(t, mentioned)) {
        if (l->nranges == 0)
            return false;
        l->nranges--;
    }
    return true;
}
