/* SPDX-License-Identifier: MIT */
/*
 * Loops: a block whose last branch leads back to its start, with the jumps inside of it. What it
 * would have to fetch from memory in every round stays in host registers that it does not mention,
 * whose guest values are saved on the way in and put back on every way out: guest registers that
 * live in memory otherwise, and the pages that its pointers are in.
 */
#include <string.h>

#include "engine/bt/translate.h"

/* Of a stub without its loop_end, at most: of a range, of anything else. */
#define RANGE_WORDS 41
#define MISS_WORDS  STUB_WORDS

static int32_t save_of(unsigned i)
{
    return HOT(loop_save) + 8 * (int32_t)i;
}

/* The way in. Nothing is known of any page. */
static void way_in(struct translation *t)
{
    const struct loop *l = &t->loop;

    map(t, MAP_RESTART, t->block->offset, 0);
    for (unsigned i = 0; i < l->taken.n; i++)
        emit(t, rv_s(RV_SD, l->taken.reg[i], save_of(i), BT_CTX));
    map(t, MAP_EDGE, t->block->offset, 0);
    for (unsigned i = 0; i < l->taken.n; i++) {
        if (l->taken.home[i] != 0)
            emit(t, rv_i(RV_LD, l->taken.reg[i], BT_CTX,
                         HOT(home) + 8 * (int32_t)(l->taken.home[i] - 1)));
    }
    for (unsigned n = 0; n < l->nranges; n++) {
        for (unsigned store = 0; store < 2; store++) {
            if (l->range[n].valid[store] != 0)
                emit(t, rv_i(RV_ADDI, l->range[n].valid[store], 0, 0));
        }
    }
}

void loop_end(struct translation *t, unsigned offset)
{
    const struct loop *l = &t->loop;

    for (unsigned i = 0; i < l->taken.n; i++) {
        unsigned home = l->taken.home[i];
        if (home != 0 && (l->written & reg_bit(loop_taken[home - 1])) != 0)
            emit(t, rv_s(RV_SD, l->taken.reg[i], HOT(home) + 8 * (int32_t)(home - 1), BT_CTX));
    }
    map(t, MAP_EDGE, offset, 0);
    for (unsigned i = 0; i < l->taken.n; i++)
        emit(t, rv_i(RV_LD, l->taken.reg[i], BT_CTX, save_of(i)));
    map(t, MAP_RESTART, offset, 0);
    t->loop.inside = false;
}

bool loop_jump(struct translation *t, uint32_t word, gva_t to)
{
    struct loop *l = &t->loop;
    unsigned number = loop_number(t, (int32_t)(int64_t)(to - t->block->page));

    if (((to ^ t->block->page) & PAGE_MASK) != 0 || number == t->count)
        return false;
    l->jump[l->njumps].word = (uint16_t)t->n;
    l->jump[l->njumps++].to = (uint8_t)number;
    emit(t, word);
    return true;
}

static void aim_jumps(struct translation *t)
{
    for (unsigned i = 0; i < t->loop.njumps; i++) {
        uint32_t *word = &t->out[t->loop.jump[i].word];
        int32_t distance = 4 * ((int32_t)t->loop.word[t->loop.jump[i].to] - t->loop.jump[i].word);
        *word |= (*word & 8) != 0 ? rv_j(0, distance) : rv_b(0, 0, 0, distance);
    }
}

void loop_spoil(struct translation *t)
{
    struct loop *l = &t->loop;

    for (unsigned n = 0; t->loop.inside && n < l->nranges; n++) {
        if (l->range[n].at == BT_T0)
            l->range[n].checked[0] = l->range[n].checked[1] = false;
    }
}

void loop_drop(struct translation *t, unsigned reg)
{
    struct loop *l = &t->loop;

    for (unsigned n = 0; n < l->nranges; n++) {
        if (l->range[n].base == reg)
            l->range[n].checked[0] = l->range[n].checked[1] = false;
    }
}

/* The branch that was just emitted leads to where the page is looked for. */
static void range_stub(struct translation *t, unsigned number, bool store)
{
    const struct range *r = &t->loop.range[number];
    uint32_t at = site(t, store ? SITE_STORE : SITE_LOAD);

    t->bv->site[at].reg = r->base;
    t->bv->site[at].lo = (int16_t)r->lo;
    t->bv->site[at].span = (uint16_t)(r->end - r->lo);
    stub(t, at);
    struct stub *s = &t->stub[t->nstubs - 1];
    s->is_range = true;
    s->store = store;
    s->range = (uint8_t)number;
    s->back = here(t);
}

unsigned loop_locate(struct translation *t, const struct insn *insn, bool store)
{
    struct loop *l = &t->loop;
    unsigned number = l->range_of[t->now], base = host_of(t, insn->rs1);

    if (number >= l->nranges)
        return 0;
    struct range *r = &l->range[number];
    unsigned at = r->fixed ? r->valid[store] : r->at;
    if (r->checked[store])
        return at;
    if (r->fixed) {
        emit(t, rv_b(RV_BEQ, at, 0, 0));
        range_stub(t, number, store);
    } else {
        emit(t, rv_r(RV_SUB, BT_T0, base, r->page));
        emit(t, rv_b(RV_BGEU, BT_T0, r->valid[store], 0));
        range_stub(t, number, store);
        emit(t, rv_r(RV_ADD, at, base, r->delta));
    }
    loop_spoil(t); /* by the stub, if not here */
    r->checked[store] = true;
    r->checked[0] |= r->has[0];
    return at;
}

/* Where the page of a moving range begins, less lo, and how far from there its base may be. With a
 * page for loads nothing is known of stores. */
static void remember_page(struct translation *t, const struct range *r, unsigned base, bool store)
{
    int32_t limit = (int32_t)PAGE_SIZE + 1 - (r->end - r->lo);

    emit(t, rv_i(RV_ADDI, r->page, base, r->lo));
    emit(t, rv_i(RV_SRLI, r->page, r->page, PAGE_SHIFT));
    emit(t, rv_i(RV_SLLI, r->page, r->page, PAGE_SHIFT));
    if (r->lo != 0)
        emit(t, rv_i(RV_ADDI, r->page, r->page, -r->lo));
    emit(t, RV_LUI | (uint32_t)r->valid[store] << 7 | (uint32_t)PAGE_SIZE);
    emit(t, rv_i(RV_ADDI, r->valid[store], r->valid[store], limit - (int32_t)PAGE_SIZE));
    if (r->has[!store])
        emit(t, rv_i(RV_ADDI, r->valid[!store], store ? r->valid[store] : 0, 0));
}

void loop_miss(struct translation *t, const struct stub *s, unsigned base, uint32_t back)
{
    const struct bt_site *at = &t->bv->site[s->site];
    int32_t lo = at->lo, span = at->span;

    if (span > SPAN_SINGLE) {
        emit(t, rv_i(RV_ADDI, BT_T0, base, lo));
        emit(t, rv_i(RV_SLLI, BT_T0, BT_T0, 64 - PAGE_SHIFT));
        emit(t, rv_i(RV_SRLI, BT_T0, BT_T0, 64 - PAGE_SHIFT));
        emit(t, rv_i(RV_ADDI, BT_T0, BT_T0, span - 1));
        emit(t, rv_i(RV_SRLI, BT_T0, BT_T0, PAGE_SHIFT));
        emit(t, rv_b(RV_BNE, BT_T0, 0, 4 * (1 + REFILL_WORDS)));
    }
    call_refill(t, s->site, base, lo, back);
    if (span <= SPAN_SINGLE)
        return;
    loop_end(t, s->offset);
    uint32_t number = site(t, SITE_LINK);
    t->bv->site[number].raw = here(t);
    t->bv->site[number].offset = s->offset;
    t->bv->site[number].reg = BT_NOGROUP;
    call_c(t, number);
}

/* From the first-level TLB. What is half written when it fails there is written anew, or nobody
 * looks at it. */
void loop_put_stub(struct translation *t, const struct stub *s)
{
    const struct range *r = &t->loop.range[s->range];
    uint32_t start = here(t);

    t->loop.inside = true;
    unsigned base = host_of(t, r->base), d = r->fixed ? r->valid[s->store] : r->delta;
    look_up(t, base, d, r->lo, r->end, s->store);
    uint32_t branch = here(t);
    emit(t, rv_b(RV_BNE, BT_T0, 0, 0));
    if (r->fixed) {
        emit(t, rv_r(RV_ADD, d, d, base));
        if (s->store && r->has[0])
            emit(t, rv_i(RV_ADDI, r->valid[0], d, 0));
    } else {
        remember_page(t, r, base, s->store);
    }
    emit(t, rv_j(0, (int32_t)(4 * (s->back - here(t)))));
    t->out[branch] |= rv_b(0, 0, 0, (int32_t)(4 * (here(t) - branch)));
    loop_miss(t, s, base, start);
    t->loop.inside = false;
}

/* More than the stubs and literals will take. */
static unsigned words_to_come(const struct translation *t)
{
    unsigned end = t->loop.taken.n + BT_TAKEN;
    unsigned words = 3 * t->nliterals + sizeof(struct bt_loop) / 4;

    for (unsigned i = 0; i < t->nstubs; i++)
        words += end + (t->stub[i].is_range ? RANGE_WORDS : MISS_WORDS);
    return words;
}

bool loop_begin(struct translation *t)
{
    if (t->back == 0 || !loop_plan(t))
        return false;
    t->loop.is = t->block->loop = true;
    way_in(t);
    return true;
}

static void forget(struct translation *t)
{
    struct loop *l = &t->loop;

    spoil_both(t);
    t->within = 0;
    for (unsigned n = 0; n < l->nranges; n++)
        l->range[n].checked[0] = l->range[n].checked[1] = false;
}

void loop_insn(struct translation *t)
{
    t->loop.inside = true;
    if ((t->loop.labels >> t->now & 1) != 0)
        forget(t);
    t->loop.word[t->now] = (uint16_t)t->n;
}

bool loop_close(struct translation *t)
{
    aim_jumps(t);
    t->loop.inside = false;
    if (t->n + words_to_come(t) <= LOOP_WORDS)
        return true;
    t->loop.is = t->block->loop = false;
    return false;
}

void loop_put_taken(struct translation *t)
{
    memcpy(&t->out[t->n], &t->loop.taken, sizeof(t->loop.taken));
    t->n += sizeof(t->loop.taken) / 4;
}
