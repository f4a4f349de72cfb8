/* SPDX-License-Identifier: MIT */
/* What the guest's harts can do: the set of extensions, the paging modes, the field widths. */
#ifndef CORE_ISA_H
#define CORE_ISA_H

#include "core/types.h"

enum isa_ext {
#define ISA(id, text) ISA_##id,
#include "core/isa.def"
#undef ISA
    ISA_COUNT
};

/* Bits of isa.satp_modes. Bare is always there. */
enum {
    SATP_MODES_SV39 = 1 << 0,
    SATP_MODES_SV48 = 1 << 1,
    SATP_MODES_SV57 = 1 << 2,
};

struct isa {
    uint64_t ext;        /* bit n: extension n of enum isa_ext */
    uint32_t satp_modes; /* SATP_MODES_* */
    uint32_t asid_bits;  /* ASIDLEN, 0..16 */
    uint32_t cbo_block;  /* bytes in a cache block (Zicbom, Zicboz): a power of two */
    uint32_t vlenb;      /* bytes in a vector register, 0 without V */
};

static inline bool isa_has(const struct isa *isa, enum isa_ext ext)
{
    return (isa->ext >> ext) & 1;
}

/* The name used in `riscv,isa-extensions`. */
const char *isa_name(enum isa_ext ext);

/*
 * Writes the `riscv,isa` string ("rv64imafdc_zicsr_...") and its terminating zero.
 * Returns its length without the zero, or ERR_RANGE when `size` is too small.
 */
int isa_string(const struct isa *isa, char *out, size_t size) MUST_CHECK;

#endif
