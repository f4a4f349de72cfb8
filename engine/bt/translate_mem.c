/* SPDX-License-Identifier: MIT */
/*
 * Guest memory accesses. A check looks the base register's granule up in the first-level TLB once,
 * for all accesses by this register that follow in the block, and leaves the register's host
 * address in T1 or T2.
 */
#include "core/csr.h"
#include "engine/bt/translate.h"
#include "engine/native/extensions.h"

#define IMM_MOST 2047
#define LO_FREE  128 /* a group that begins so near above its base begins at the base */

_Static_assert(offsetof(struct vcpu, priv.senvcfg) < 2048 && SENVCFG_CBZE < 2048,
               "in reach of one instruction");

#define LTAG  (-8)
#define STAG  (LTAG + 8 * (int)L1_SIZE)
#define DELTA (STAG + 8 * (int)L1_SIZE)

static unsigned held_register(unsigned slot)
{
    return slot == 0 ? BT_T1 : BT_T2;
}

static bool is_store(const struct insn *insn)
{
    unsigned class = insn_info(insn->id)->class;

    return class == INSN_CLASS_STORE || class == INSN_CLASS_FSTORE || class == INSN_CLASS_CBO;
}

bool is_for_c(const struct translation *t, const struct insn *insn)
{
    const struct insn_info *info = insn_info(insn->id);

    if (info->class == INSN_CLASS_CBO)
        return insn->id != INSN_cbo_zero || t->isa->cbo_block != NATIVE_CBO_BLOCK;
    return ((BT_COPIED & ~t->bv->native) >> info->ext & 1) != 0;
}

static int32_t end_of(const struct insn *insn)
{
    return insn->imm + (1 << insn_info(insn->id)->width);
}

/* How far a check for the access at hand may reach: over the accesses by the same register that
 * follow it, loads only when it is a load. */
static void group(const struct translation *t, const struct insn *first, int32_t *lo, int32_t *end)
{
    bool writable = is_store(first);

    *lo = first->imm;
    *end = end_of(first);
    if (t->block->flags & (BT_NOGROUP | BT_MIRROR))
        return;
    for (unsigned i = t->now; i < t->count; i++) {
        const struct bt_fact *fact = &t->code[i].fact;
        if (fact->base == first->rs1 && (fact->load || (writable && fact->store))) {
            int32_t imm = t->code[i].insn.imm;
            int32_t new_lo = imm < *lo ? imm : *lo;
            int32_t new_end = imm + fact->size > *end ? imm + fact->size : *end;
            if (new_end - new_lo <= SPAN_MOST) {
                *lo = new_lo;
                *end = new_end;
            }
        }
        if (fact->writes == first->rs1 || (t->loop.inside && (t->loop.labels >> i >> 1 & 1) != 0))
            break;
    }
    if (*lo > 0 && *lo <= LO_FREE && *end <= SPAN_MOST)
        *lo = 0;
}

/* Accesses by the held register that are still to come. */
static unsigned future(const struct translation *t, const struct held *held)
{
    unsigned uses = 0;

    for (unsigned i = t->now; held->base != 0 && i < t->count; i++) {
        const struct bt_fact *fact = &t->code[i].fact;
        uses += (fact->load || fact->store) && fact->base == held->base;
        if (fact->writes == held->base)
            break;
    }
    return uses;
}

/* The slot for another base: the less useful one. */
static unsigned choose_slot(const struct translation *t)
{
    return t->loop.inside || future(t, &t->held[0]) <= future(t, &t->held[1]) ? 0 : 1;
}

/* The branch that was just emitted leads to where the page is looked for in the second level, and
 * then back to `start`. */
static void miss_stub(struct translation *t, uint32_t number, uint32_t start, unsigned base,
                      int32_t lo)
{
    stub(t, number);
    struct stub *s = &t->stub[t->nstubs - 1];
    s->is_miss = true;
    s->back = start;
    s->base = (uint8_t)base;
    s->lo = (int16_t)lo;
}

void look_up(struct translation *t, unsigned base, unsigned d, int32_t lo, int32_t end, bool store)
{
    unsigned from = base;

    if (lo != 0) {
        emit(t, rv_i(RV_ADDI, BT_T0, base, lo));
        from = BT_T0;
    }
    emit(t, rv_i(RV_SRLI, d, from, PAGE_SHIFT - 3));
    emit(t, rv_i(RV_ANDI, d, d, 8 * (L1_SIZE - 1)));
    emit(t, rv_r(RV_ADD, d, d, BT_CTX));
    emit(t, rv_i(RV_LD, BT_T0, d, store ? L1_STAG : L1_LTAG));
    emit(t, rv_i(RV_LD, d, d, L1_DELTA));
    emit(t, rv_r(RV_SUB, BT_T0, base, BT_T0));
    /* The last byte, too, lies in the page. */
    for (int32_t more = end - 1, step; more != 0; more -= step) {
        step = more > IMM_MOST ? IMM_MOST : more;
        emit(t, rv_i(RV_ADDI, BT_T0, BT_T0, step));
    }
    emit(t, rv_i(RV_SRLI, BT_T0, BT_T0, PAGE_SHIFT));
}

void call_refill(struct translation *t, uint32_t number, unsigned base, int32_t lo, uint32_t back)
{
    bool store = t->bv->site[number].kind == SITE_STORE;

    emit(t, rv_s(RV_SD, BT_T1, HOT(spill[0]), BT_CTX));
    emit(t, rv_i(RV_ADDI, BT_T1, base, lo));
    emit(t, rv_i(RV_LD, BT_T0, BT_CTX, store ? HOT(refill_store) : HOT(refill_load)));
    emit(t, rv_i(RV_JALR, BT_T0, BT_T0, 0));
    emit(t, number);
    emit(t, rv_j(0, (int32_t)(4 * (back - here(t)))));
    emit(t, 0); /* see bt_refill_load */
}

/* Looks up [base + lo, base + end); D gets the host address of `base`. On a miss C tries to enter
 * the page, and control comes back to the first instruction. */
static void check(struct translation *t, unsigned base, unsigned d, int32_t lo, int32_t end,
                  bool store)
{
    uint32_t number = site(t, store ? SITE_STORE : SITE_LOAD);
    struct bt_site *s = &t->bv->site[number];

    s->reg = (uint8_t)t->code[t->now].insn.rs1;
    s->lo = (int16_t)lo;
    s->span = (uint16_t)(end - lo);
    base = host_of(t, base);
    loop_spoil(t);
    if (is_taken(base)) { /* the other one of T1 and T2 holds it meanwhile */
        unsigned other = d == BT_T1 ? BT_T2 : BT_T1;
        t->held[other == BT_T1 ? 0 : 1].base = 0;
        emit(t, rv_i(RV_LD, other, BT_CTX, home_of(base)));
        base = other;
    }
    uint32_t start = here(t);
    look_up(t, base, d, lo, end, store);
    emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
    miss_stub(t, number, start, base, lo);
    emit(t, rv_r(RV_ADD, d, d, base));
}

/* Does the access at hand go to the mirror? */
static bool is_mirrored(const struct translation *t)
{
    return (t->block->flags & BT_MIRROR) != 0 && !fault_is_stray(t->bv, t->block, t->at[t->now]);
}

/* Accesses by `reg` behind the instruction at hand. */
static bool is_needed(const struct translation *t, unsigned reg)
{
    for (unsigned i = t->now + 1; i < t->count; i++) {
        const struct bt_fact *fact = &t->code[i].fact;
        if ((fact->load || fact->store) && fact->base == reg)
            return true;
        if (fact->writes == reg)
            return false;
    }
    return false;
}

/* Is the result an address in the mirrored half, or so little outside that nothing else is there?
 * What is executed lies in the half, or it would be executed by other blocks. */
static bool stays_within(const struct translation *t, const struct insn *insn)
{
    if (insn->id == INSN_addi)
        return (t->within & reg_bit(insn->rs1)) != 0;
    if (insn->id == INSN_add && insn->rs1 == 0)
        return (t->within & reg_bit(insn->rs2)) != 0;
    return insn->id == INSN_auipc;
}

unsigned mirror_follow(struct translation *t, const struct insn *insn)
{
    unsigned followed = 1;

    if ((t->block->flags & BT_MIRROR) == 0 || !stays_within(t, insn))
        return 0;
    if (t->loop.inside || insn->id != INSN_addi || insn->rd != insn->rs1 || is_taken(insn->rd) ||
        !is_needed(t, insn->rd))
        return followed;
    for (unsigned i = 0; i < 2; i++) {
        if (t->held[i].base != insn->rd)
            continue;
        emit(t, rv_i(RV_ADDI, held_register(i), held_register(i), insn->imm));
        followed |= 2u << i;
    }
    return followed;
}

/* Are there accesses behind the one at hand, by another register? */
static bool has_others(const struct translation *t, unsigned reg)
{
    for (unsigned i = t->now + 1; i < t->count; i++) {
        const struct bt_fact *fact = &t->code[i].fact;
        if ((fact->load || fact->store) && fact->base != reg)
            return true;
    }
    return false;
}

/* The register with what is added to addresses: T2, if it is needed again, or D. */
static unsigned mirror_base(struct translation *t, unsigned reg, unsigned d)
{
    if (t->held[1].base == HELD_MIRROR)
        return BT_T2;
    if (!t->loop.inside && d == BT_T1 && t->held[1].base == 0 && has_others(t, reg)) {
        t->held[1].base = HELD_MIRROR;
        d = BT_T2;
    }
    emit(t, rv_i(RV_LD, d, BT_CTX, HOT(mirror)));
    return d;
}

/* D = where the mirror has the base, if that lies in the half that is mirrored. */
static void reflect(struct translation *t, unsigned reg, unsigned d)
{
    unsigned base = host_of(t, reg);

    loop_spoil(t);
    if (is_taken(base)) {
        emit(t, rv_i(RV_LD, BT_T0, BT_CTX, home_of(base)));
        base = BT_T0;
    }
    unsigned offset = mirror_base(t, reg, d);
    emit(t, rv_r(RV_ADD, d, offset, base));
    if ((t->within & reg_bit(reg)) != 0)
        return;
    t->within |= reg_bit(reg);
    if ((t->block->flags & BT_USER) != 0) {
        emit(t, rv_i(RV_SRLI, BT_T0, base, MIRROR_BITS));
    } else {
        emit(t, rv_i(RV_SRLI, BT_T0, d, MIRROR_BITS));
        emit(t, rv_i(RV_ADDI, BT_T0, BT_T0, -MIRROR_S_PREFIX));
    }
    emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
    stub(t, site(t, SITE_OUTSIDE));
}

/* The register with the base's address in the mirror. It stays good whatever happens to pages. */
static unsigned locate_in_mirror(struct translation *t, const struct insn *insn)
{
    for (unsigned i = 0; i < 2; i++) {
        if (t->held[i].base != 0 && t->held[i].base == insn->rs1)
            return held_register(i);
    }
    unsigned slot = t->held[1].base == 0 || t->held[1].base == HELD_MIRROR ? 0 : choose_slot(t);
    reflect(t, insn->rs1, held_register(slot));
    t->held[slot] = (struct held){.base = insn->rs1};
    return held_register(slot);
}

/* The register with the host address of the base. */
static unsigned locate(struct translation *t, const struct insn *insn)
{
    bool store = is_store(insn);
    int32_t lo, end;

    if (is_mirrored(t))
        return locate_in_mirror(t, insn);
    for (unsigned i = 0; i < 2; i++) {
        const struct held *h = &t->held[i];
        if (h->base != 0 && h->base == insn->rs1 && (h->writable || !store) && insn->imm >= h->lo &&
            end_of(insn) <= h->end)
            return held_register(i);
    }
    group(t, insn, &lo, &end);
    held_drop(t, insn->rs1);
    unsigned slot = choose_slot(t);
    check(t, insn->rs1, held_register(slot), lo, end, store);
    t->held[slot] = (struct held){.base = insn->rs1, .writable = store, .lo = lo, .end = end};
    if ((t->block->flags & BT_MIRROR) != 0) /* the next access may go there */
        t->held[slot].base = 0;
    return held_register(slot);
}

void translate_access(struct translation *t, const struct insn *insn)
{
    unsigned class = insn_info(insn->id)->class;
    unsigned at = t->loop.inside ? loop_locate(t, insn, is_store(insn)) : 0;

    if (at == 0)
        at = locate(t, insn);
    if (class == INSN_CLASS_STORE) {
        emit(t, encode(t, 0, at, use(t, insn->rs2, BT_T0)));
    } else if (class == INSN_CLASS_LOAD) {
        emit(t, encode(t, target(t, insn->rd), at, 0));
        finish(t, insn->rd);
        held_drop(t, insn->rd);
    } else {
        emit(t, encode(t, insn->rd, at, insn->rs2));
    }
}

/* cbo.zero is illegal in U-mode unless senvcfg says otherwise: C looks at it then. */
static void check_zero(struct translation *t)
{
    loop_spoil(t);
    emit(t, rv_i(RV_LD, BT_T0, BT_CTX, HOT(vcpu)));
    emit(t, rv_i(RV_LD, BT_T0, BT_T0, (int32_t)offsetof(struct vcpu, priv.senvcfg)));
    emit(t, rv_i(RV_ANDI, BT_T0, BT_T0, SENVCFG_CBZE));
    emit(t, rv_b(RV_BEQ, BT_T0, 0, 0));
    stub(t, site(t, SITE_EXEC));
}

/* The block that rs1 points into lies in one page. */
void translate_zero(struct translation *t, const struct insn *insn)
{
    if ((t->block->flags & BT_USER) != 0)
        check_zero(t);
    unsigned at = t->loop.inside ? loop_locate(t, insn, true) : 0;
    if (at == 0)
        at = locate(t, insn);
    loop_spoil(t);
    emit(t, rv_i(RV_ANDI, BT_T0, at, -NATIVE_CBO_BLOCK));
    if ((t->bv->native >> ISA_ZICBOZ & 1) != 0) {
        emit(t, rv_i(RV_CBO_ZERO, 0, BT_T0, 0));
        return;
    }
    for (int32_t i = 0; i < NATIVE_CBO_BLOCK; i += 8)
        emit(t, rv_s(RV_SD, 0, i, BT_T0));
}

/* The address in the mirror of an aligned word or doubleword into T1. */
static void reflect_atomic(struct translation *t, const struct insn *insn)
{
    int32_t size = 1 << insn_info(insn->id)->width;
    unsigned base = use(t, insn->rs1, BT_T0);

    spoil_both(t);
    emit(t, rv_i(RV_ANDI, BT_T0, base, size - 1));
    emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
    stub(t, site(t, SITE_EXEC));
    reflect(t, insn->rs1, BT_T1);
}

/* The host address of an aligned word or doubleword, alone, into T1. */
static void locate_atomic(struct translation *t, const struct insn *insn, bool store)
{
    int32_t size = 1 << insn_info(insn->id)->width;
    uint32_t number = site(t, store ? SITE_STORE : SITE_LOAD);

    spoil_both(t);
    t->bv->site[number].reg = insn->rs1;
    t->bv->site[number].span = (uint16_t)size;
    unsigned base = use(t, insn->rs1, BT_T0);
    emit(t, rv_i(RV_ANDI, BT_T0, base, size - 1));
    emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
    stub(t, number);
    check(t, insn->rs1, BT_T1, 0, size, store);
}

/* An AMO happens but once: from then on its result is all that is left to do. */
void translate_amo(struct translation *t, const struct insn *insn)
{
    if (is_mirrored(t))
        reflect_atomic(t, insn);
    else
        locate_atomic(t, insn, true);
    unsigned operand = use(t, insn->rs2, BT_T0);
    emit(t, encode(t, target(t, insn->rd), BT_T1, operand));
    if (is_taken(insn->rd)) {
        map(t, MAP_STORE, t->at[t->now] + 4u, insn->rd);
        finish(t, insn->rd);
    }
    held_drop(t, insn->rd);
}

/* LR loads, and remembers where and what. */
void translate_lr(struct translation *t, const struct insn *insn)
{
    bool word = insn->id == INSN_lr_w;

    locate_atomic(t, insn, false);
    emit(t, RV_FENCE_RW_RW);
    emit(t, rv_i(word ? RV_LW : RV_LD, BT_T0, BT_T1, 0));
    emit(t, RV_FENCE_RW_RW);
    emit(t, rv_s(RV_SD, BT_T0, HOT(reserved_value), BT_CTX));
    if (!word)
        emit(t, rv_i(RV_ADDI, BT_T1, BT_T1, 1));
    emit(t, rv_s(RV_SD, BT_T1, HOT(reserved_at), BT_CTX));
    if (is_taken(insn->rd))
        finish(t, insn->rd);
    else
        emit(t, rv_i(RV_ADDI, insn->rd, BT_T0, 0));
    held_drop(t, insn->rd);
}

/*
 * SC stores when the word reserved is this one and holds what LR has loaded. The host's own pair
 * does the compare-and-swap, with nothing but a branch in it.
 */
void translate_sc(struct translation *t, const struct insn *insn)
{
    bool word = insn->id == INSN_sc_w;

    locate_atomic(t, insn, true);
    emit(t, rv_i(RV_LD, BT_T0, BT_CTX, HOT(reserved_at)));
    emit(t, rv_i(RV_LD, BT_T2, BT_CTX, HOT(reserved_value)));
    if (!word)
        emit(t, rv_i(RV_ADDI, BT_T0, BT_T0, -1));
    emit(t, rv_b(RV_BNE, BT_T0, BT_T1, 9 * 4));
    emit(t, rv_r(word ? RV_LR_W_AQRL : RV_LR_D_AQRL, BT_T0, BT_T1, 0));
    emit(t, rv_b(RV_BNE, BT_T0, BT_T2, 7 * 4));
    emit(t, rv_r(word ? RV_SC_W_AQRL : RV_SC_D_AQRL, BT_T0, BT_T1, insn->rs2));
    map(t, MAP_SC, t->at[t->now], insn->rd);
    emit(t, rv_b(RV_BNE, BT_T0, 0, -3 * 4));
    emit(t, rv_s(RV_SD, 0, HOT(reserved_at), BT_CTX));
    emit(t, is_taken(insn->rd) ? rv_s(RV_SD, 0, home_of(insn->rd), BT_CTX)
                               : rv_i(RV_ADDI, insn->rd, 0, 0));
    emit(t, rv_j(0, 5 * 4));
    map(t, MAP_RESTART, t->at[t->now], 0);
    emit(t, RV_NOP);
    emit(t, rv_s(RV_SD, 0, HOT(reserved_at), BT_CTX));
    /* rd, which may be rs1, is written last: until then all of it can be done again. */
    emit(t, is_taken(insn->rd) ? rv_i(RV_ADDI, BT_T0, 0, 1) : RV_NOP);
    emit(t, is_taken(insn->rd) ? rv_s(RV_SD, BT_T0, home_of(insn->rd), BT_CTX)
                               : rv_i(RV_ADDI, insn->rd, 0, 1));
    t->held[1].base = 0;
    held_drop(t, insn->rd);
}
