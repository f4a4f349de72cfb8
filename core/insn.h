/* SPDX-License-Identifier: MIT */
/*
 * Instruction decode from one table (insn.def): it serves exec, MMIO emulation, the interpreter's
 * cache and the translator. A compressed instruction decodes to the base instruction it stands for,
 * with length 2.
 */
#ifndef CORE_INSN_H
#define CORE_INSN_H

#include "core/isa.h"
#include "core/types.h"

/* What kind of thing an instruction is. */
enum insn_class {
    INSN_CLASS_ILLEGAL,
    INSN_CLASS_ALU,    /* integer computation, rd only */
    INSN_CLASS_BRANCH, /* conditional */
    INSN_CLASS_JUMP,   /* jal, jalr */
    INSN_CLASS_LOAD,
    INSN_CLASS_STORE,
    INSN_CLASS_FLOAD,
    INSN_CLASS_FSTORE,
    INSN_CLASS_LR,
    INSN_CLASS_SC,
    INSN_CLASS_AMO,
    INSN_CLASS_CSR,
    INSN_CLASS_FP,
    INSN_CLASS_FENCE, /* fence, fence.i, pause */
    INSN_CLASS_CBO,
    INSN_CLASS_SYSTEM, /* ecall, ebreak, sret, wfi, sfence.vma */
};

/* Operand layout of the encoding. */
enum insn_format {
    INSN_FMT_NONE,
    INSN_FMT_R,   /* rd rs1 rs2 */
    INSN_FMT_R4,  /* rd rs1 rs2 rs3 (rs3 is raw bits 31..27) */
    INSN_FMT_R1,  /* rd rs1 (the bits of rs2 are part of the opcode; insn.rs2 holds them) */
    INSN_FMT_I,   /* rd rs1 imm */
    INSN_FMT_SH,  /* rd rs1 shamt in imm */
    INSN_FMT_S,   /* rs1 rs2 imm */
    INSN_FMT_B,   /* rs1 rs2 imm */
    INSN_FMT_U,   /* rd imm (already shifted by 12, sign-extended) */
    INSN_FMT_J,   /* rd imm */
    INSN_FMT_CSR, /* rd rs1 (register or 5-bit immediate), imm = CSR number */
};

enum insn_id {
    INSN_illegal,
#define INSN(id, ...) INSN_##id,
#include "core/insn.def"
    INSN_COUNT
};

/* One decoded instruction: 16 bytes, so that decode results can be cached in bulk. */
struct insn {
    uint16_t id; /* enum insn_id; engines may use numbers from INSN_COUNT up for their own */
    uint8_t len; /* 2 or 4 */
    uint8_t rd;
    uint8_t rs1;
    uint8_t rs2;
    uint16_t aux; /* the engine's */
    int32_t imm;
    uint32_t raw; /* as fetched; a compressed one zero-extended */
};

_Static_assert(sizeof(struct insn) == 16, "decode caches rely on it");

struct insn_info {
    uint32_t mask, match;
    char name[11];  /* as binutils prints it: "amoadd.w" (without .aq/.rl) */
    uint8_t format; /* enum insn_format */
    uint8_t class;  /* enum insn_class */
    uint8_t ext;    /* enum isa_ext that brings it */
    uint8_t width;  /* log2 of the access in bytes, for LOAD .. AMO */
    uint8_t sign;   /* load: sign-extends */
};

/*
 * Decodes the instruction whose first 16 bits are the low half of `raw`. What `isa` does not offer
 * is illegal. Always fills `out` (id INSN_illegal, len from the low two bits, raw).
 */
void insn_decode(const struct isa *isa, uint32_t raw, struct insn *out);

/* The compressed half of insn_decode (insn_c.c): `out` is zeroed but for len and raw (16 bits). */
void insn_decode_compressed(const struct isa *isa, struct insn *out);

extern const struct insn_info insn_rows[INSN_COUNT];

/* The row of an enum insn_id; that of INSN_illegal for any other number. */
static inline const struct insn_info *insn_info(unsigned id)
{
    return &insn_rows[id < INSN_COUNT ? id : INSN_illegal];
}

static inline bool insn_is_compressed(uint32_t raw)
{
    return (raw & 3) != 3;
}

#endif
