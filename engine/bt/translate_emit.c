/* SPDX-License-Identifier: MIT */
/* What every part of the translator writes: registers, sites and their calls of C, addresses. */
#include "engine/bt/translate.h"

unsigned use(struct translation *t, unsigned reg, unsigned scratch)
{
    if (!is_taken(host_of(t, reg)))
        return host_of(t, reg);
    if (scratch == BT_T1)
        spoil_t1(t);
    emit(t, rv_i(RV_LD, scratch, BT_CTX, home_of(reg)));
    return scratch;
}

void finish(struct translation *t, unsigned reg)
{
    if (is_taken(host_of(t, reg)))
        emit(t, rv_s(RV_SD, BT_T0, home_of(reg), BT_CTX));
}

uint32_t site(struct translation *t, enum bt_site_kind kind)
{
    struct bt_vcpu *bv = t->bv;

    bv->site[bv->nsites] = (struct bt_site){
        .raw = t->code[t->now].insn.raw,
        .block = t->number & 0xffffff,
        .kind = (uint8_t)kind,
        .offset = t->at[t->now],
    };
    return bv->nsites++;
}

void stub(struct translation *t, uint32_t number)
{
    t->stub[t->nstubs++] =
        (struct stub){.branch = here(t) - 1, .site = number, .offset = t->at[t->now]};
}

void call_c(struct translation *t, uint32_t number)
{
    emit(t, rv_i(RV_LD, BT_T1, BT_CTX, HOT(exit)));
    emit(t, rv_i(RV_JALR, BT_T0, BT_T1, 0));
    emit(t, number);
}

void call_light(struct translation *t, uint32_t number, int32_t word, unsigned offset)
{
    gva_t pc = knows_page(t->block->flags) ? t->block->page + offset : offset | LIGHT_OFFSET;

    emit(t, rv_i(RV_LD, BT_T1, BT_CTX, word));
    emit(t, rv_i(RV_JALR, BT_T0, BT_T1, 0));
    emit(t, number);
    emit(t, (uint32_t)pc);
    emit(t, (uint32_t)(pc >> 32));
    spoil_both(t);
    t->within = 0;
}

/* A register for addresses on their way. A loop may keep something in T1. */
static unsigned scratch_of(struct translation *t)
{
    spoil_t1(t);
    loop_spoil(t);
    return t->loop.inside ? BT_T0 : BT_T1;
}

void constant(struct translation *t, unsigned rd, uint64_t value)
{
    int64_t v = (int64_t)value;
    uint32_t high = (uint32_t)(value + 0x800) & 0xfffff000;

    if (v >= -2048 && v < 2048) {
        emit(t, rv_i(RV_ADDI, rd, 0, (int32_t)v));
        return;
    }
    unsigned via = scratch_of(t);

    if (v == (int32_t)v && v < 0x7ffff800) {
        emit(t, RV_LUI | via << 7 | high);
        emit(t, rv_i(RV_ADDIW, rd, via, (int32_t)(value & 0xfff)));
        return;
    }
    t->literal[t->nliterals++] = (struct literal){.at = here(t), .value = value};
    emit(t, RV_AUIPC | via << 7);
    emit(t, rv_i(RV_LD, rd, via, 0));
}

/* rd = page that is being executed + delta, in U-mode; rd is no operand of the instruction unless
 * delta is that of a link register. */
static void from_page(struct translation *t, unsigned rd, int64_t delta)
{
    uint32_t high = (uint32_t)((uint64_t)delta + 0x800) & 0xfffff000;
    unsigned via = scratch_of(t);

    if (t->page_at == 0 || t->page_at != t->n) {
        emit(t, rv_i(RV_LD, via, BT_CTX, HOT(pc)));
        emit(t, rv_i(RV_SRLI, via, via, PAGE_SHIFT));
        emit(t, rv_i(RV_SLLI, via, via, PAGE_SHIFT));
    }
    if (delta < 0 || delta > 3 * 2047) {
        emit(t, RV_LUI | rd << 7 | high);
        emit(t, rv_i(RV_ADDIW, rd, rd, (int32_t)(delta & 0xfff)));
        emit(t, rv_r(RV_ADD, rd, rd, via));
        t->page_at = via == BT_T1 ? (uint32_t)t->n : 0;
        return;
    }
    for (; delta > 2047; delta -= 2047)
        emit(t, rv_i(RV_ADDI, via, via, 2047));
    emit(t, rv_i(RV_ADDI, rd, via, (int32_t)delta));
}

/* Where an address relative to the block's page can be made, in U-mode. */
bool is_near(const struct translation *t, gva_t address)
{
    int64_t delta = (int64_t)(address - t->block->page);

    return knows_page(t->block->flags) || (delta >= INT32_MIN && delta < 0x7ffff800);
}

void address(struct translation *t, unsigned rd, gva_t value)
{
    if (knows_page(t->block->flags))
        constant(t, rd, value);
    else
        from_page(t, rd, (int64_t)(value - t->block->page));
}
