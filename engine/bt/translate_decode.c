/* SPDX-License-Identifier: MIT */
/* Which guest instructions make a block. */
#include "core/csr.h"
#include "engine/bt/translate.h"

/* Behind these nothing is decoded: control never goes on there within the block. */
static bool ends_block(const struct translation *t, const struct bt_decoded *d)
{
    const struct insn *insn = &d->insn;

    switch ((enum insn_class)d->fact.class) {
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

/* Immediates of compressed instructions, which have to be encoded anew. */
static uint32_t with_immediate(const struct insn *insn)
{
    const struct insn_info *info = insn_info(insn->id);

    switch ((enum insn_format)info->format) {
    case INSN_FMT_I:
        return rv_i(info->match, 0, 0, insn->imm);
    case INSN_FMT_SH:
        return info->match | ((uint32_t)insn->imm & 63) << 20;
    case INSN_FMT_S:
        return rv_s(info->match, 0, insn->imm, 0);
    case INSN_FMT_B:
        return rv_b(info->match, 0, 0, insn->imm);
    case INSN_FMT_U:
        return info->match | (uint32_t)insn->imm;
    default:
        return info->match;
    }
}

/* What all instructions of a class are. */
enum { LOADS = 1, STORES = 2, WRITES_X = 4, LEADS = 8, PLAIN = 16, FP_STATE = 32 };

static const uint8_t traits[] = {
    [INSN_CLASS_ILLEGAL] = WRITES_X | LEADS,
    [INSN_CLASS_ALU] = WRITES_X | PLAIN,
    [INSN_CLASS_BRANCH] = LEADS,
    [INSN_CLASS_JUMP] = WRITES_X | LEADS,
    [INSN_CLASS_LOAD] = WRITES_X | LOADS,
    [INSN_CLASS_STORE] = STORES,
    [INSN_CLASS_FLOAD] = LOADS | FP_STATE,
    [INSN_CLASS_FSTORE] = STORES | FP_STATE,
    [INSN_CLASS_LR] = WRITES_X,
    [INSN_CLASS_SC] = WRITES_X | LEADS,
    [INSN_CLASS_AMO] = WRITES_X,
    [INSN_CLASS_CSR] = WRITES_X | LEADS,
    [INSN_CLASS_FP] = WRITES_X | FP_STATE,
    [INSN_CLASS_FENCE] = WRITES_X,
    [INSN_CLASS_CBO] = STORES, /* of a byte, as far as the page goes */
    [INSN_CLASS_SYSTEM] = WRITES_X | LEADS,
};

#define RD  (31u << 7)
#define RS1 (31u << 15)
#define RS2 (31u << 20)

/* Where a format has numbers of registers. */
static const uint32_t registers[] = {
    [INSN_FMT_R] = RD | RS1 | RS2,
    [INSN_FMT_R4] = RD | RS1 | RS2,
    [INSN_FMT_R1] = RD | RS1,
    [INSN_FMT_I] = RD | RS1,
    [INSN_FMT_SH] = RD | RS1,
    [INSN_FMT_S] = RS1 | RS2,
    [INSN_FMT_B] = RS1 | RS2,
    [INSN_FMT_U] = RD,
    [INSN_FMT_J] = RD,
    [INSN_FMT_CSR] = RD | RS1,
};

static bool mentions_taken(const struct insn *insn)
{
    uint32_t taken = 1u << BT_CTX | 1u << BT_T0 | 1u << BT_T1 | 1u << BT_T2;

    return ((taken >> insn->rd | taken >> insn->rs1 | taken >> insn->rs2) & 1) != 0;
}

static void describe(const struct translation *t, struct bt_decoded *d)
{
    const struct insn *insn = &d->insn;
    const struct insn_info *info = insn_info(insn->id);
    unsigned class = is_for_c(t, insn) ? INSN_CLASS_ILLEGAL : info->class;
    unsigned is = traits[class];

    d->fact = (struct bt_fact){
        .class = (uint8_t) class,
        .load = (is & LOADS) != 0,
        .store = (is & STORES) != 0,
        .base = insn->rs1,
        .writes = (is & WRITES_X) != 0 ? insn->rd : 0,
        .size = (uint8_t)(1u << info->width),
        .plain =
            (is & PLAIN) != 0 && insn->rd != 0 && insn->id != INSN_auipc && !mentions_taken(insn),
        .leads = (is & LEADS) != 0,
        .fp = (is & FP_STATE) != 0 || (info->class == INSN_CLASS_CSR &&
                                       (insn->imm <= CSR_fcsr || insn->imm == CSR_sstatus)),
    };
    d->registers = registers[info->format];
    d->word = insn->len == 4 ? insn->raw
                             : (with_immediate(insn) & ~d->registers) |
                                   (rv_r(0, insn->rd, insn->rs1, insn->rs2) & d->registers);
}

/* Programs are made of few different instructions. */
static inline const struct bt_decoded *decode_one(struct translation *t, uint32_t raw)
{
    struct bt_decoded *d = &t->bv->decoded[raw * UINT32_C(0x9e3779b1) >> (32 - DECODED_BITS)];

    if (UNLIKELY(d->insn.raw != raw || d->insn.len == 0)) {
        insn_decode(t->isa, raw, &d->insn);
        describe(t, d);
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
    const struct insn *insn = &t->code[i].insn;

    if (t->code[i].fact.class != INSN_CLASS_BRANCH && insn->id != INSN_jal)
        return reached;
    int32_t to = t->at[i] + insn->imm;
    if (to == t->block->offset)
        t->back = t->count;
    return to > (int32_t)reached && to < (int32_t)PAGE_SIZE ? (unsigned)to : reached;
}

static inline uint32_t half_at(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_RELAXED);
}

/* The instruction at `offset`; false: it reaches over `end`. */
static inline bool fetch(const uint8_t *bytes, unsigned offset, unsigned end, uint32_t *raw)
{
    if (offset >= end)
        return false;
    *raw = half_at(bytes + offset);
    if (insn_is_compressed(*raw))
        return true;
    if (offset + 4 > end)
        return false;
    *raw |= half_at(bytes + offset + 2) << 16;
    return true;
}

#define SUM_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t sum_up(uint64_t sum, uint32_t raw)
{
    return (sum ^ raw) * UINT64_C(0x100000001b3);
}

uint64_t translate_sum(const uint8_t *bytes, unsigned length)
{
    uint64_t sum = SUM_START;
    unsigned offset = 0;
    uint32_t raw;

    while (fetch(bytes, offset, length, &raw)) {
        sum = sum_up(sum, raw);
        offset += insn_is_compressed(raw) ? 2 : 4;
    }
    return offset == length ? sum : ~sum;
}

uint64_t sum_of(const struct translation *t, unsigned n)
{
    uint64_t sum = SUM_START;

    for (unsigned i = 0; i < n; i++)
        sum = sum_up(sum, t->code[i].insn.raw);
    return sum;
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
static unsigned way_back(struct translation *t, const uint8_t *page, unsigned offset)
{
    unsigned found = 0;
    uint32_t raw;

    for (unsigned n = 1; t->count + n <= LOOP_INSNS && fetch(page, offset, PAGE_SIZE, &raw); n++) {
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

/* Behind an instruction that leads elsewhere, or the last one of a block: is there more to decode,
 * and up to how many? Decoding goes on at `offset`. */
static bool goes_on(struct translation *t, const uint8_t *page, unsigned offset, unsigned *reached,
                    unsigned *most)
{
    const struct bt_decoded *d = &t->code[t->count - 1];
    bool ends = d->fact.leads && ends_block(t, d);

    if (d->fact.leads)
        *reached = see_jump(t, *reached);
    bool more = !ends || (is_jump(&d->insn) && *reached >= offset);
    if (t->plain == 0 && (ends || t->count == BLOCK_INSNS)) {
        t->plain = t->count;
        *most = t->count + (more ? way_back(t, page, offset) : 0);
    }
    return more;
}

/* Decodes ahead, to the end of the page at most. An instruction that reaches into the next page is
 * left out, unless it is the first. A loop may go on where another block would end: behind jumps,
 * when something leads there. */
void decode(struct translation *t, const uint8_t *page)
{
    unsigned offset = t->block->offset, reached = 0, most = LOOP_INSNS, count = 0;
    uint32_t raw;

    while (count < most && !is_cut(t, offset) && fetch(page, offset, PAGE_SIZE, &raw)) {
        const struct bt_decoded *d = decode_one(t, raw);
        t->code[count] = *d;
        t->at[count++] = (uint16_t)offset;
        offset += d->insn.len;
        if (LIKELY(!d->fact.leads && count != BLOCK_INSNS))
            continue;
        t->count = count;
        if (!goes_on(t, page, offset, &reached, &most))
            break;
    }
    t->count = count;
    if (t->plain == 0)
        t->plain = t->count;
}
