/* SPDX-License-Identifier: MIT */
/* Decode of 32-bit instructions by the rows of insn.def, and the rows themselves. */
#include "core/insn.h"

const struct insn_info insn_rows[INSN_COUNT] = {
    [INSN_illegal] = {.name = "illegal"},
#define INSN(id, text, mask, match, format, class, ext, width, sign)                               \
    [INSN_##                                                                                       \
        id] = {mask, match, text, INSN_FMT_##format, INSN_CLASS_##class, ISA_##ext, width, sign},
#include "core/insn.def"
};

/* FIRST_<opcode>: the first row of a major opcode, counted by giving the number back at once. */
enum first_row {
    FIRST_none,
#define OPCODE(name, bits) FIRST_##name, BEFORE_##name = FIRST_##name - 1,
#define INSN(id, ...)      ROW_##id,
#include "core/insn.def"
};

/* Indexed by major opcode (bits 6..2); 0, which is the illegal row, where nothing is. */
static const uint16_t first_row[32] = {
#define OPCODE(name, bits) [(bits) >> 2] = FIRST_##name,
#include "core/insn.def"
};

static bool offered(const struct isa *isa, unsigned id)
{
    /* Conversions between half and double need both extensions (Unpriv. "Zfh"). */
    if ((id == INSN_fcvt_d_h || id == INSN_fcvt_h_d) && !isa_has(isa, ISA_D))
        return false;
    return isa_has(isa, (enum isa_ext)insn_rows[id].ext);
}

static unsigned find(const struct isa *isa, uint32_t raw)
{
    uint32_t opcode = raw & 0x7f;
    unsigned id = first_row[opcode >> 2];

    for (; id < INSN_COUNT && (insn_rows[id].match & 0x7f) == opcode; id++) {
        if ((raw & insn_rows[id].mask) == insn_rows[id].match && offered(isa, id))
            return id;
    }
    return INSN_illegal;
}

/* Bits hi..lo of raw. */
static uint32_t bits(uint32_t raw, unsigned hi, unsigned lo)
{
    return (raw >> lo) & ((UINT32_C(2) << (hi - lo)) - 1);
}

/* All ones from bit n up when the instruction's bit 31, the sign of every immediate, is set. */
static uint32_t sign_from(uint32_t raw, unsigned n)
{
    return (UINT32_C(0) - (raw >> 31)) << n;
}

/* Unpriv. 2.3 "Immediate Encoding Variants". */
static int32_t immediate(enum insn_format format, uint32_t raw)
{
    uint32_t imm = 0;

    switch (format) {
    case INSN_FMT_I:
        imm = sign_from(raw, 11) | bits(raw, 30, 20);
        break;
    case INSN_FMT_SH:
        imm = bits(raw, 25, 20);
        break;
    case INSN_FMT_S:
        imm = sign_from(raw, 11) | bits(raw, 30, 25) << 5 | bits(raw, 11, 7);
        break;
    case INSN_FMT_B:
        imm = sign_from(raw, 12) | bits(raw, 7, 7) << 11 | bits(raw, 30, 25) << 5 |
              bits(raw, 11, 8) << 1;
        break;
    case INSN_FMT_U:
        imm = raw & 0xfffff000;
        break;
    case INSN_FMT_J:
        imm = sign_from(raw, 20) | bits(raw, 19, 12) << 12 | bits(raw, 20, 20) << 11 |
              bits(raw, 30, 21) << 1;
        break;
    case INSN_FMT_CSR:
        imm = bits(raw, 31, 20);
        break;
    case INSN_FMT_NONE:
    case INSN_FMT_R:
    case INSN_FMT_R4:
    case INSN_FMT_R1:
        break;
    }
    return (int32_t)imm;
}

/* Which register fields a format has. */
enum { HAS_RD = 1, HAS_RS1 = 2, HAS_RS2 = 4 };

static const uint8_t registers[] = {
    [INSN_FMT_NONE] = 0,
    [INSN_FMT_R] = HAS_RD | HAS_RS1 | HAS_RS2,
    [INSN_FMT_R4] = HAS_RD | HAS_RS1 | HAS_RS2,
    [INSN_FMT_R1] = HAS_RD | HAS_RS1 | HAS_RS2,
    [INSN_FMT_I] = HAS_RD | HAS_RS1,
    [INSN_FMT_SH] = HAS_RD | HAS_RS1,
    [INSN_FMT_S] = HAS_RS1 | HAS_RS2,
    [INSN_FMT_B] = HAS_RS1 | HAS_RS2,
    [INSN_FMT_U] = HAS_RD,
    [INSN_FMT_J] = HAS_RD,
    [INSN_FMT_CSR] = HAS_RD | HAS_RS1,
};

void insn_decode(const struct isa *isa, uint32_t raw, struct insn *out)
{
    enum insn_format format;
    unsigned has;

    if (insn_is_compressed(raw)) {
        *out = (struct insn){.id = INSN_illegal, .len = 2, .raw = raw & 0xffff};
        insn_decode_compressed(isa, out);
        return;
    }
    *out = (struct insn){.id = (uint16_t)find(isa, raw), .len = 4, .raw = raw};
    format = (enum insn_format)insn_rows[out->id].format;
    has = registers[format];
    out->rd = has & HAS_RD ? (uint8_t)bits(raw, 11, 7) : 0;
    out->rs1 = has & HAS_RS1 ? (uint8_t)bits(raw, 19, 15) : 0;
    out->rs2 = has & HAS_RS2 ? (uint8_t)bits(raw, 24, 20) : 0;
    out->imm = immediate(format, raw);
}
