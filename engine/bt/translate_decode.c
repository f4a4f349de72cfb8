/* SPDX-License-Identifier: MIT */
/* Which guest instructions make a block. */
#include <string.h>

#include "engine/bt/translate.h"

/* Behind these nothing is decoded: control never goes on there within the block. */
static bool ends_block(const struct translation *t, unsigned i)
{
    const struct insn *insn = &t->insn[i];

    switch ((enum insn_class)t->fact[i].class) {
    case INSN_CLASS_CSR:
        return csr_ends_block(t, insn);
    case INSN_CLASS_SYSTEM:
        return (t->block->flags & BT_USER) != 0 ||
               (insn->id != INSN_ecall && insn->id != INSN_sfence_vma);
    case INSN_CLASS_JUMP:
    case INSN_CLASS_ILLEGAL:
        return true;
    case INSN_CLASS_SC:
        return is_taken(insn->rs2);
    default:
        return false;
    }
}

/* Programs are made of few different instructions. */
static const struct bt_decoded *decode_one(struct translation *t, uint32_t raw)
{
    struct bt_decoded *d = &t->bv->decoded[raw * UINT32_C(0x9e3779b1) >> (32 - DECODED_BITS)];

    if (d->insn.raw != raw || d->insn.len == 0) {
        insn_decode(t->isa, raw, &d->insn);
        d->fact = fact_of(t, &d->insn);
    }
    return d;
}

/* A jump without link: what is behind it may belong to the same loop. */
static bool is_jump(const struct insn *insn)
{
    return (insn->id == INSN_jal || insn->id == INSN_jalr) && insn->rd == 0;
}

/* Where the instruction just decoded may lead: how far ahead in the page, and whether back to the
 * block's start. */
static unsigned see_jump(struct translation *t, unsigned reached)
{
    unsigned i = t->count - 1;
    const struct insn *insn = &t->insn[i];

    if (t->fact[i].class != INSN_CLASS_BRANCH && insn->id != INSN_jal)
        return reached;
    int32_t to = t->at[i] + insn->imm;
    if (to == t->block->offset)
        t->back = t->count;
    return to > (int32_t)reached && to < (int32_t)PAGE_SIZE ? (unsigned)to : reached;
}

/* The instruction at `offset`; false: it reaches into the next page. */
static inline bool fetch(const uint8_t *bytes, unsigned offset, uint32_t *raw)
{
    uint16_t low, high = 0;

    if (offset >= PAGE_SIZE)
        return false;
    memcpy(&low, bytes + offset, 2);
    if (!insn_is_compressed(low)) {
        if (offset + 4 > PAGE_SIZE)
            return false;
        memcpy(&high, bytes + offset + 2, 2);
    }
    *raw = (uint32_t)high << 16 | low;
    return true;
}

/* A jump or branch to what lies before it, or something that looks like one. */
static inline bool looks_back(uint32_t raw)
{
    if (insn_is_compressed(raw)) /* c.j, c.beqz, c.bnez */
        return (raw & 3) == 1 && (raw & 0xffff) >= 0xa000 && (raw & 0x1000) != 0;
    return ((raw & 0x7f) == 0x63 || (raw & 0x7f) == 0x6f) && (raw & 0x80000000) != 0;
}

/* Does something from `offset` on lead back to the block's start? How many instructions that are
 * to be decoded with it, 0: nothing does. */
static unsigned way_back(struct translation *t, const uint8_t *bytes, unsigned offset)
{
    unsigned found = 0;
    uint32_t raw;

    for (unsigned n = 1; t->count + n <= LOOP_INSNS && fetch(bytes, offset, &raw); n++) {
        if (UNLIKELY(looks_back(raw))) {
            if ((int32_t)offset + decode_one(t, raw)->insn.imm == t->block->offset)
                found = n;
        }
        offset += insn_is_compressed(raw) ? 2 : 4;
    }
    return found;
}

static inline bool is_cut(const struct translation *t, unsigned offset)
{
    return UNLIKELY(t->bv->debug.n != 0) && debug_cuts(t->bv, t->block, offset);
}

/* Decodes ahead, to the end of the page at most. An instruction that reaches into the next page is
 * left out, unless it is the first. A loop may go on where another block would end: behind jumps,
 * when something leads there. */
void decode(struct translation *t, const uint8_t *bytes)
{
    unsigned offset = t->block->offset, reached = 0, most = LOOP_INSNS;
    uint32_t raw;

    while (t->count < most && !is_cut(t, offset) && fetch(bytes, offset, &raw)) {
        struct insn *insn = &t->insn[t->count];
        const struct bt_decoded *decoded = decode_one(t, raw);
        *insn = decoded->insn;
        t->fact[t->count] = decoded->fact;
        t->at[t->count++] = (uint16_t)offset;
        reached = see_jump(t, reached);
        offset += insn->len;
        bool ends = ends_block(t, t->count - 1);
        bool goes_on = !ends || (is_jump(insn) && reached >= offset);
        if (t->plain == 0 && (ends || t->count == BLOCK_INSNS)) {
            t->plain = t->count;
            most = t->count + (goes_on ? way_back(t, bytes, offset) : 0);
        }
        if (!goes_on)
            break;
    }
    if (t->plain == 0)
        t->plain = t->count;
}
