/* SPDX-License-Identifier: MIT */
/* Host instructions, as the translator writes them. */
#ifndef ENGINE_BT_EMIT_H
#define ENGINE_BT_EMIT_H

#include "core/insn.h"

/* Operands in the order of the assembler's. */
static inline uint32_t rv_r(uint32_t match, unsigned rd, unsigned rs1, unsigned rs2)
{
    return match | rd << 7 | rs1 << 15 | rs2 << 20;
}

static inline uint32_t rv_i(uint32_t match, unsigned rd, unsigned rs1, int32_t imm)
{
    return match | rd << 7 | rs1 << 15 | (uint32_t)imm << 20;
}

static inline uint32_t rv_s(uint32_t match, unsigned rs2, int32_t imm, unsigned rs1)
{
    uint32_t bits = (uint32_t)imm;

    return match | rs1 << 15 | rs2 << 20 | (bits & 31) << 7 | (bits >> 5) << 25;
}

static inline uint32_t rv_b(uint32_t match, unsigned rs1, unsigned rs2, int32_t offset)
{
    uint32_t bits = (uint32_t)offset;

    return match | rs1 << 15 | rs2 << 20 | (bits >> 11 & 1) << 7 | (bits >> 1 & 15) << 8 |
           (bits >> 5 & 63) << 25 | (bits >> 12 & 1) << 31;
}

static inline uint32_t rv_j(unsigned rd, int32_t offset)
{
    uint32_t bits = (uint32_t)offset;

    return 0x6f | rd << 7 | (bits >> 12 & 255) << 12 | (bits >> 11 & 1) << 20 |
           (bits >> 1 & 1023) << 21 | (bits >> 20 & 1) << 31;
}

enum { /* match values, from the same table that decodes the guest */
       RV_ADDI = 0x13,
       RV_ADDIW = 0x1b,
       RV_ANDI = 0x7013,
       RV_ORI = 0x6013,
       RV_SLLI = 0x1013,
       RV_SRLI = 0x5013,
       RV_SLTIU = 0x3013,
       RV_ADD = 0x33,
       RV_SUB = 0x40000033,
       RV_AND = 0x7033,
       RV_OR = 0x6033,
       RV_LUI = 0x37,
       RV_AUIPC = 0x17,
       RV_LBU = 0x4003,
       RV_LW = 0x2003,
       RV_LD = 0x3003,
       RV_SD = 0x3023,
       RV_JALR = 0x67,
       RV_BEQ = 0x63,
       RV_BNE = 0x1063,
       RV_BGEU = 0x7063,
       RV_NOP = RV_ADDI,
       RV_FENCE_RW_RW = 0x0330000f,
       RV_CBO_ZERO = 0x0040200f,
       RV_LR_W_AQRL = 0x1600202f,
       RV_LR_D_AQRL = 0x1600302f,
       RV_SC_W_AQRL = 0x1e00202f,
       RV_SC_D_AQRL = 0x1e00302f,
};

#endif
