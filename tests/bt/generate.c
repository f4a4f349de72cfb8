/* SPDX-License-Identifier: MIT */
/*
 * Random instructions from core's table: the bits that do not tell the instruction are random, but
 * that registers are often those which the translator takes for itself, jumps go forward, and CSRs
 * are such as a sequence may change.
 */
#include "tests/bt/generate.h"

#include <string.h>

#include "core/csr.h"
#include "engine/bt/emit.h"

#define EBREAK  0x00100073u
#define COUNTER SEQUENCE_COUNTER
#define BASE    4u /* of the bare hart's record */
#define POINTER SEQUENCE_POINTER
#define OTHER   SEQUENCE_OTHER
#define SPARE   9u

uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15); /* SplitMix64 */

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned pick_register(struct random *r)
{
    static const uint8_t taken[] = {3, 26, 27, 31};

    return random_below(r, 5) < 2 ? taken[random_below(r, 4)] : random_below(r, 32);
}

static uint32_t pick_csr(struct random *r)
{
    static const uint16_t numbers[] = {CSR_sstatus, CSR_sscratch, CSR_sepc,       CSR_scause,
                                       CSR_stval,   CSR_fflags,   CSR_frm,        CSR_fcsr,
                                       CSR_time,    CSR_senvcfg,  CSR_scounteren, 0x123};

    return numbers[random_below(r, sizeof(numbers) / sizeof(numbers[0]))];
}

/* Random registers where the instruction has them. */
static uint32_t with_registers(uint32_t word, uint32_t mask, struct random *r)
{
    for (unsigned at = 7; at <= 20; at += at == 7 ? 8 : 5) {
        if ((mask >> at & 31) == 0)
            word = (word & ~(31u << at)) | pick_register(r) << at;
    }
    return word;
}

/* FS may be Dirty early: sstatus is not read, and written so that FS is as before or all new. */
static uint32_t csr_word(uint32_t word, struct random *r)
{
    uint32_t number = pick_csr(r);

    if (number == CSR_sstatus) {
        bool immediate = (word >> 14 & 1) != 0;
        word &= ~(31u << 7);
        if (!immediate)
            word = (word & ~0x7000u) | 0x1000;
    }
    return (word & 0xfffff) | number << 20;
}

static uint32_t random_word(unsigned id, struct random *r)
{
    const struct insn_info *info = insn_info(id);
    uint32_t word = info->match | ((uint32_t)random_next(r) & ~info->mask);
    int32_t forward = 2 * (1 + (int32_t)random_below(r, 20));

    switch ((enum insn_format)info->format) {
    case INSN_FMT_B:
        return rv_b(info->match, pick_register(r), pick_register(r), forward);
    case INSN_FMT_J:
        return rv_j(pick_register(r), forward);
    case INSN_FMT_CSR:
        return csr_word(with_registers(word, info->mask | 0xfff00000, r), r);
    case INSN_FMT_I:
    case INSN_FMT_U:
        return with_registers(word, info->mask | 31u << 20, r);
    default:
        return with_registers(word, info->mask, r);
    }
}

static bool is_computation(const struct insn *insn)
{
    unsigned class = insn_info(insn->id)->class;

    return (class == INSN_CLASS_ALU && insn->id != INSN_auipc) || class == INSN_CLASS_FP;
}

/* With a rounding mode that is one. FP instructions have it at one place, or have none. */
static bool rounds(const struct insn *insn)
{
    const struct insn_info *info = insn_info(insn->id);
    unsigned rm = insn->raw >> 12 & 7;

    return info->class != INSN_CLASS_FP || (info->mask & 0x7000) != 0 || rm < 5 || rm == 7;
}

static bool touches(const struct insn *insn, unsigned reg)
{
    unsigned at[] = {insn->rd, insn->rs1, insn->rs2};

    return at[0] == reg || at[1] == reg || at[2] == reg;
}

static bool accesses_memory(const struct insn *insn)
{
    unsigned class = insn_info(insn->id)->class;

    return (class >= INSN_CLASS_LOAD && class <= INSN_CLASS_AMO) || insn->id == INSN_cbo_zero;
}

/* Does it write a register that a roaming loop needs? */
static bool is_kept(const struct sequence *s, const struct insn *insn)
{
    for (unsigned i = 0; i < ROAM_BASES; i++) {
        if (insn->rd == s->base[i])
            return true;
    }
    return insn->rd == s->counter || insn->rd == OTHER;
}

/* What can be executed thousands of times. */
static bool fits_loop(const struct insn *insn)
{
    unsigned class = insn_info(insn->id)->class;

    if (insn->rd == COUNTER || insn->rd == POINTER)
        return false;
    if (accesses_memory(insn))
        return insn->rs1 == POINTER && insn->imm % 8 == 0;
    return class == INSN_CLASS_ALU || class == INSN_CLASS_FENCE ||
           (class == INSN_CLASS_FP && rounds(insn)) ||
           (class == INSN_CLASS_BRANCH && insn->imm > 0 && insn->imm <= 8);
}

/* Comparisons, classification, conversion to integers, moves: funct5 of OP-FP. */
static bool is_fp_to_x(uint32_t raw)
{
    unsigned funct5 = raw >> 27;

    return (raw & 0x7f) == 0x53 && (funct5 == 0x14 || funct5 == 0x18 || funct5 == 0x1c);
}

static bool fits(const struct sequence *s, const struct insn *insn, struct random *r)
{
    const struct insn_info *info = insn_info(insn->id);

    if (insn->id == INSN_illegal || insn->id == INSN_wfi ||
        (s->no_fp_to_x && is_fp_to_x(insn->raw)) || (s->no_ctzw && insn->id == INSN_ctzw))
        return false;
    if (s->kind == SEQUENCE_PLAIN)
        return is_computation(insn) && rounds(insn) && !touches(insn, BASE);
    if (s->kind == SEQUENCE_LOOP)
        return fits_loop(insn);
    if (s->kind == SEQUENCE_ROAM)
        return (is_computation(insn) || insn->id == INSN_auipc) && rounds(insn) &&
               !is_kept(s, insn);
    if (s->kind == SEQUENCE_WRITE)
        return is_computation(insn) && rounds(insn) && insn->len == 4 && insn->rd != COUNTER &&
               insn->rd != POINTER && insn->rd != OTHER;
    if (info->class == INSN_CLASS_SYSTEM || insn->id == INSN_jalr)
        return random_below(r, 16) == 0;
    if (info->class == INSN_CLASS_BRANCH || info->class == INSN_CLASS_JUMP)
        return insn->imm > 0 && insn->imm <= 40;
    return true;
}

/* A loop's accesses are by one register, and aligned. */
static uint32_t tame(const struct insn *insn)
{
    uint32_t word = (insn->raw & ~(31u << 15)) | POINTER << 15;

    switch ((enum insn_format)insn_info(insn->id)->format) {
    case INSN_FMT_I:
        return word & ~(7u << 20);
    case INSN_FMT_S:
        return word & ~(7u << 7);
    default:
        return word;
    }
}

/* An instruction, whose length is its own. */
static void pick(const struct sequence *s, struct random *r, const struct isa *isa,
                 struct insn *insn)
{
    do {
        uint32_t word = (uint32_t)random_next(r) & 0xffff;
        if (random_below(r, 4) != 0 || insn_is_compressed(word) == 0)
            word = random_word(1 + random_below(r, INSN_COUNT - 1), r);
        insn_decode(isa, word, insn);
        if (s->kind == SEQUENCE_LOOP && insn->len == 4 && accesses_memory(insn))
            insn_decode(isa, tame(insn), insn);
    } while (!fits(s, insn, r));
}

static void put(struct sequence *s, uint32_t word, unsigned length)
{
    memcpy(s->bytes + s->size, &word, length);
    s->size += length;
}

/* Registers apart from each other and from the one of inner loops. */
static void pick_roles(struct sequence *s, struct random *r)
{
    uint32_t used = 1u | 1u << OTHER | 1u << SPARE;
    uint8_t *role[] = {&s->counter, &s->base[0], &s->base[1], &s->base[2]};

    for (unsigned i = 0; i < sizeof(role) / sizeof(role[0]); i++) {
        unsigned reg;
        do
            reg = pick_register(r);
        while ((used >> reg & 1) != 0);
        used |= 1u << reg;
        *role[i] = (uint8_t)reg;
    }
}

static unsigned pick_base(const struct sequence *s, struct random *r)
{
    return s->base[random_below(r, ROAM_BASES)];
}

static int32_t roam_offset(struct random *r)
{
    switch (random_below(r, 8)) {
    case 0:
    case 1:
        return 8 * (int32_t)random_below(r, 5);
    case 2:
        return -8 * (int32_t)random_below(r, 5);
    case 3:
        return (int32_t)random_below(r, 128) - 64;
    case 4:
        return (int32_t)random_below(r, 4096) - 2048;
    default:
        return 0;
    }
}

static uint32_t access_word(const struct insn_info *info, unsigned reg, unsigned base, int32_t imm)
{
    switch ((enum insn_format)info->format) {
    case INSN_FMT_S:
        return rv_s(info->match, reg, imm, base);
    case INSN_FMT_I:
        return rv_i(info->match, reg, base, imm);
    default: /* cbo.zero */
        return rv_r(info->match, 0, base, 0);
    }
}

/* A load, store, or cbo.zero; one in 16 loads may write what it must not. */
static uint32_t roam_access(const struct sequence *s, struct random *r, const struct isa *isa)
{
    unsigned base = pick_base(s, r);
    struct insn insn;

    for (;;) {
        unsigned id = 1 + random_below(r, INSN_COUNT - 1);
        const struct insn_info *info = insn_info(id);
        if ((info->class < INSN_CLASS_LOAD || info->class > INSN_CLASS_FSTORE) &&
            id != INSN_cbo_zero)
            continue;
        unsigned reg = pick_register(r);
        uint32_t word = access_word(info, reg, base, roam_offset(r));
        insn_decode(isa, word, &insn);
        if (insn.id == id && (info->class != INSN_CLASS_LOAD || !is_kept(s, &insn) ||
                              (reg == base && random_below(r, 16) == 0)))
            return word;
    }
}

/* A base goes elsewhere. */
static void roam_move(struct sequence *s, struct random *r)
{
    static const int8_t steps[] = {1, 2, 4, 8, 8, 16, -8, -1};
    unsigned base = pick_base(s, r);

    switch (random_below(r, 8)) {
    case 0:
        put(s, rv_r(RV_ADD, base, pick_base(s, r), 0), 4);
        break;
    case 1:
        put(s, rv_i(RV_ANDI, base, base, -(1 << random_below(r, 5))), 4);
        break;
    case 2: /* by what may come from memory */
        put(s, rv_i(RV_ANDI, SPARE, pick_register(r), 2040), 4);
        put(s, rv_r(RV_ADD, base, pick_base(s, r), SPARE), 4);
        break;
    case 3:
        put(s, rv_i(RV_ADDI, base, base, (int32_t)random_below(r, 1024) - 512), 4);
        break;
    default:
        put(s, rv_i(RV_ADDI, base, base, steps[random_below(r, 8)]), 4);
    }
}

static uint32_t random_branch(struct random *r, int32_t distance)
{
    static const uint16_t branches[] = {INSN_beq, INSN_bne,  INSN_blt,
                                        INSN_bge, INSN_bltu, INSN_bgeu};

    return rv_b(insn_info(branches[random_below(r, 6)])->match, pick_register(r), pick_register(r),
                distance);
}

/* Ahead, into an instruction or behind the loop too; or a few times back. With a link the whole is
 * no loop to the translator, but what goes back inside of it is, which is then left again and
 * again.
 */
static void roam_jump(struct sequence *s, struct random *r)
{
    int32_t forward = 4 + 2 * (int32_t)random_below(r, 16);

    if (random_below(r, 8) == 0) {
        put(s, rv_j(random_below(r, 2) * SPARE, forward), 4);
    } else if (random_below(r, 4) == 0) {
        put(s, rv_i(RV_ADDI, OTHER, OTHER, -1), 4);
        put(s, rv_i(RV_ANDI, OTHER, OTHER, 3), 4);
        put(s, rv_b(RV_BNE, OTHER, 0, -4 * (int32_t)(1 + random_below(r, s->size / 4))), 4);
    } else {
        put(s, random_branch(r, random_below(r, 8) == 0 ? 200 : forward), 4);
    }
}

static void roam(struct sequence *s, struct random *r, const struct isa *isa)
{
    unsigned count = 1 + random_below(r, random_below(r, 4) == 0 ? ROAM_MOST : 12);
    struct insn insn;

    pick_roles(s, r);
    put(s, rv_i(RV_ADDI, s->counter, s->counter, -1), 4); /* where no jump goes by */
    while (count-- > 0 && s->size < 4 * ROAM_MOST) {
        unsigned what = random_below(r, 16);
        if (what < 6) {
            put(s, roam_access(s, r, isa), 4);
        } else if (what < 9) {
            roam_move(s, r);
        } else if (what < 11) {
            roam_jump(s, r);
        } else {
            pick(s, r, isa, &insn);
            put(s, insn.raw, insn.len);
        }
    }
    if (random_below(r, 4) != 0) {
        put(s, rv_b(RV_BNE, s->counter, 0, -(int32_t)s->size), 4);
    } else {
        put(s, rv_b(RV_BEQ, s->counter, 0, 8), 4);
        put(s, rv_j(0, -(int32_t)s->size), 4);
    }
    put(s, EBREAK, 4);
}

void generate(struct sequence *s, struct random *r, const struct isa *isa)
{
    unsigned count = 1 + random_below(r, SEQUENCE_MOST - (s->kind == SEQUENCE_WRITE ? 6 : 2));
    struct insn insn;

    memset(s->bytes, 0, sizeof(s->bytes));
    s->size = 0;
    if (s->kind == SEQUENCE_ROAM) {
        roam(s, r, isa);
        return;
    }
    while (count-- > 0) {
        pick(s, r, isa, &insn);
        put(s, insn.raw, insn.len);
    }
    if (s->kind == SEQUENCE_WRITE) {
        s->written = 4 * random_below(r, s->size / 4);
        pick(s, r, isa, &insn);
        s->other = insn.raw;
        put(s, rv_i(RV_LW, SPARE, POINTER, 0), 4);
        put(s, rv_s(insn_info(INSN_sw)->match, OTHER, 0, POINTER), 4);
        put(s, rv_i(RV_ADDI, OTHER, SPARE, 0), 4);
        put(s, insn_info(INSN_fence_i)->match, 4);
    }
    if (s->kind == SEQUENCE_LOOP || s->kind == SEQUENCE_WRITE) {
        put(s, rv_i(RV_ADDI, COUNTER, COUNTER, -1), 4);
        put(s, rv_b(RV_BNE, COUNTER, 0, -(int32_t)s->size), 4);
    }
    put(s, EBREAK, 4);
}
