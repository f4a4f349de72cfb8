/* SPDX-License-Identifier: MIT */
/*
 * Compressed instructions (Unpriv. "C"), each as the base instruction that it stands for. A row
 * says where the registers are and which immediate layout applies. Hints need no rows: they expand
 * to instructions that write x0 or change nothing.
 */
#include "core/insn.h"

/* Where an operand's register number comes from. */
enum c_reg {
    X0,  /* always x0 */
    RA,  /* always x1 */
    SP,  /* always x2 */
    HI,  /* bits 11..7 */
    LO,  /* bits 6..2 */
    HI3, /* bits 9..7, x8..x15 */
    LO3, /* bits 4..2, x8..x15 */
};

/* Immediate layouts, named for the instruction that has them. */
enum c_imm {
    IMM_NONE,
    IMM_CI,       /* c.addi, c.addiw, c.li, c.andi */
    IMM_SHAMT,    /* shifts */
    IMM_LUI,      /* c.lui */
    IMM_ADDI16SP, /* c.addi16sp */
    IMM_ADDI4SPN, /* c.addi4spn */
    IMM_LWSP,
    IMM_LDSP,
    IMM_SWSP,
    IMM_SDSP,
    IMM_LW, /* and c.sw */
    IMM_LD, /* and c.sd */
    IMM_J,
    IMM_B,
};

/* `count` bits of the instruction from bit `from` up go to bit `to` of the immediate. */
struct piece {
    uint8_t from, count, to;
};

#define MAX_PIECES 8

struct layout {
    uint8_t sign; /* bit of the immediate that is its sign, 0: unsigned */
    struct piece piece[MAX_PIECES];
};

static const struct layout layouts[] = {
    [IMM_NONE] = {0, {{0, 0, 0}}},
    [IMM_CI] = {5, {{12, 1, 5}, {2, 5, 0}}},
    [IMM_SHAMT] = {0, {{12, 1, 5}, {2, 5, 0}}},
    [IMM_LUI] = {17, {{12, 1, 17}, {2, 5, 12}}},
    [IMM_ADDI16SP] = {9, {{12, 1, 9}, {6, 1, 4}, {5, 1, 6}, {3, 2, 7}, {2, 1, 5}}},
    [IMM_ADDI4SPN] = {0, {{11, 2, 4}, {7, 4, 6}, {6, 1, 2}, {5, 1, 3}}},
    [IMM_LWSP] = {0, {{12, 1, 5}, {4, 3, 2}, {2, 2, 6}}},
    [IMM_LDSP] = {0, {{12, 1, 5}, {5, 2, 3}, {2, 3, 6}}},
    [IMM_SWSP] = {0, {{9, 4, 2}, {7, 2, 6}}},
    [IMM_SDSP] = {0, {{10, 3, 3}, {7, 3, 6}}},
    [IMM_LW] = {0, {{10, 3, 3}, {6, 1, 2}, {5, 1, 6}}},
    [IMM_LD] = {0, {{10, 3, 3}, {5, 2, 6}}},
    [IMM_J] = {11,
               {{12, 1, 11},
                {11, 1, 4},
                {9, 2, 8},
                {8, 1, 10},
                {7, 1, 6},
                {6, 1, 7},
                {3, 3, 1},
                {2, 1, 5}}},
    [IMM_B] = {8, {{12, 1, 8}, {10, 2, 3}, {5, 2, 6}, {3, 2, 1}, {2, 1, 5}}},
};

struct c_row {
    uint16_t mask, match;
    uint16_t nonzero; /* reserved when these bits are all zero; 0: no such rule */
    uint16_t id;      /* enum insn_id */
    uint8_t ext;      /* enum isa_ext needed beside C */
    uint8_t rd, rs1, rs2, imm;
};

static const struct c_row quadrant0[] = {
    {0xe003, 0x0000, 0x1fe0, INSN_addi, ISA_C, LO3, SP, X0, IMM_ADDI4SPN}, /* c.addi4spn */
    {0xe003, 0x2000, 0, INSN_fld, ISA_D, LO3, HI3, X0, IMM_LD},            /* c.fld */
    {0xe003, 0x4000, 0, INSN_lw, ISA_C, LO3, HI3, X0, IMM_LW},             /* c.lw */
    {0xe003, 0x6000, 0, INSN_ld, ISA_C, LO3, HI3, X0, IMM_LD},             /* c.ld */
    {0xe003, 0xa000, 0, INSN_fsd, ISA_D, X0, HI3, LO3, IMM_LD},            /* c.fsd */
    {0xe003, 0xc000, 0, INSN_sw, ISA_C, X0, HI3, LO3, IMM_LW},             /* c.sw */
    {0xe003, 0xe000, 0, INSN_sd, ISA_C, X0, HI3, LO3, IMM_LD},             /* c.sd */
};

static const struct c_row quadrant1[] = {
    {0xe003, 0x0001, 0, INSN_addi, ISA_C, HI, HI, X0, IMM_CI},            /* c.addi, c.nop */
    {0xe003, 0x2001, 0x0f80, INSN_addiw, ISA_C, HI, HI, X0, IMM_CI},      /* c.addiw */
    {0xe003, 0x4001, 0, INSN_addi, ISA_C, HI, X0, X0, IMM_CI},            /* c.li */
    {0xef83, 0x6101, 0x107c, INSN_addi, ISA_C, SP, SP, X0, IMM_ADDI16SP}, /* c.addi16sp */
    {0xe003, 0x6001, 0x107c, INSN_lui, ISA_C, HI, X0, X0, IMM_LUI},       /* c.lui */
    {0xec03, 0x8001, 0, INSN_srli, ISA_C, HI3, HI3, X0, IMM_SHAMT},       /* c.srli */
    {0xec03, 0x8401, 0, INSN_srai, ISA_C, HI3, HI3, X0, IMM_SHAMT},       /* c.srai */
    {0xec03, 0x8801, 0, INSN_andi, ISA_C, HI3, HI3, X0, IMM_CI},          /* c.andi */
    {0xfc63, 0x8c01, 0, INSN_sub, ISA_C, HI3, HI3, LO3, IMM_NONE},        /* c.sub */
    {0xfc63, 0x8c21, 0, INSN_xor, ISA_C, HI3, HI3, LO3, IMM_NONE},        /* c.xor */
    {0xfc63, 0x8c41, 0, INSN_or, ISA_C, HI3, HI3, LO3, IMM_NONE},         /* c.or */
    {0xfc63, 0x8c61, 0, INSN_and, ISA_C, HI3, HI3, LO3, IMM_NONE},        /* c.and */
    {0xfc63, 0x9c01, 0, INSN_subw, ISA_C, HI3, HI3, LO3, IMM_NONE},       /* c.subw */
    {0xfc63, 0x9c21, 0, INSN_addw, ISA_C, HI3, HI3, LO3, IMM_NONE},       /* c.addw */
    {0xe003, 0xa001, 0, INSN_jal, ISA_C, X0, X0, X0, IMM_J},              /* c.j */
    {0xe003, 0xc001, 0, INSN_beq, ISA_C, X0, HI3, X0, IMM_B},             /* c.beqz */
    {0xe003, 0xe001, 0, INSN_bne, ISA_C, X0, HI3, X0, IMM_B},             /* c.bnez */
};

static const struct c_row quadrant2[] = {
    {0xe003, 0x0002, 0, INSN_slli, ISA_C, HI, HI, X0, IMM_SHAMT},     /* c.slli */
    {0xe003, 0x2002, 0, INSN_fld, ISA_D, HI, SP, X0, IMM_LDSP},       /* c.fldsp */
    {0xe003, 0x4002, 0x0f80, INSN_lw, ISA_C, HI, SP, X0, IMM_LWSP},   /* c.lwsp */
    {0xe003, 0x6002, 0x0f80, INSN_ld, ISA_C, HI, SP, X0, IMM_LDSP},   /* c.ldsp */
    {0xf07f, 0x8002, 0x0f80, INSN_jalr, ISA_C, X0, HI, X0, IMM_NONE}, /* c.jr */
    {0xf003, 0x8002, 0x007c, INSN_add, ISA_C, HI, X0, LO, IMM_NONE},  /* c.mv */
    {0xffff, 0x9002, 0, INSN_ebreak, ISA_C, X0, X0, X0, IMM_NONE},    /* c.ebreak */
    {0xf07f, 0x9002, 0x0f80, INSN_jalr, ISA_C, RA, HI, X0, IMM_NONE}, /* c.jalr */
    {0xf003, 0x9002, 0x007c, INSN_add, ISA_C, HI, HI, LO, IMM_NONE},  /* c.add */
    {0xe003, 0xa002, 0, INSN_fsd, ISA_D, X0, SP, LO, IMM_SDSP},       /* c.fsdsp */
    {0xe003, 0xc002, 0, INSN_sw, ISA_C, X0, SP, LO, IMM_SWSP},        /* c.swsp */
    {0xe003, 0xe002, 0, INSN_sd, ISA_C, X0, SP, LO, IMM_SDSP},        /* c.sdsp */
};

static const struct {
    const struct c_row *rows;
    size_t count;
} quadrants[] = {
    {quadrant0, ARRAY_SIZE(quadrant0)},
    {quadrant1, ARRAY_SIZE(quadrant1)},
    {quadrant2, ARRAY_SIZE(quadrant2)},
};

static const struct c_row *find(const struct isa *isa, uint32_t raw)
{
    const struct c_row *row = quadrants[raw & 3].rows;
    const struct c_row *end = row + quadrants[raw & 3].count;

    for (; row < end; row++) {
        if ((raw & row->mask) == row->match && (row->nonzero == 0 || (raw & row->nonzero) != 0))
            return isa_has(isa, (enum isa_ext)row->ext) ? row : NULL;
    }
    return NULL;
}

static uint8_t reg(enum c_reg where, uint32_t raw)
{
    switch (where) {
    case X0:
        return 0;
    case RA:
        return 1;
    case SP:
        return 2;
    case HI:
        return (raw >> 7) & 31;
    case LO:
        return (raw >> 2) & 31;
    case HI3:
        return 8 + ((raw >> 7) & 7);
    case LO3:
        return 8 + ((raw >> 2) & 7);
    }
    return 0;
}

static int32_t immediate(const struct layout *layout, uint32_t raw)
{
    uint32_t imm = 0, sign = UINT32_C(1) << layout->sign;

    for (unsigned i = 0; i < MAX_PIECES; i++) {
        const struct piece *piece = &layout->piece[i];

        imm |= ((raw >> piece->from) & ((UINT32_C(1) << piece->count) - 1)) << piece->to;
    }
    return layout->sign != 0 ? (int32_t)((imm ^ sign) - sign) : (int32_t)imm;
}

void insn_decode_compressed(const struct isa *isa, struct insn *out)
{
    const struct c_row *row = isa_has(isa, ISA_C) ? find(isa, out->raw) : NULL;

    if (row == NULL)
        return;
    out->id = row->id;
    out->rd = reg((enum c_reg)row->rd, out->raw);
    out->rs1 = reg((enum c_reg)row->rs1, out->raw);
    out->rs2 = reg((enum c_reg)row->rs2, out->raw);
    out->imm = immediate(&layouts[row->imm], out->raw);
}
