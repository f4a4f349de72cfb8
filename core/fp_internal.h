/* SPDX-License-Identifier: MIT */
/* What the files fp_*.c share: numbers taken apart, and the one place that rounds them. */
#ifndef CORE_FP_INTERNAL_H
#define CORE_FP_INTERNAL_H

#include "core/fp.h"

/* An interchange format of IEEE 754: sign, exponent field, trailing significand field. */
struct fp_desc {
    uint64_t sign_mask;
    uint64_t exp_mask; /* all ones in the exponent field is +infinity too */
    uint64_t frac_mask;
    int32_t bias; /* and the largest exponent; the smallest of a normal number is 1 - bias */
    uint32_t frac_bits;
};

enum fp_kind { FP_KIND_FINITE, FP_KIND_INF, FP_KIND_QNAN, FP_KIND_SNAN };

/*
 * A number taken apart. A finite one is (-1)^sign * sig * 2^(exp - 63), where sig has bit 63 set
 * or is 0; bit 0 may stand for "and some more" when the value goes to fp_round_pack. The other
 * kinds use sign alone.
 */
struct fp_num {
    uint64_t sig;
    int32_t exp;
    uint8_t kind; /* enum fp_kind */
    bool sign;
};

/* The exponent of a zero: below that of any product, so that alignment treats it as the smaller. */
#define FP_EXP_ZERO (-(1 << 16))

const struct fp_desc *fp_desc(enum fp_format fmt);

static inline bool fp_is_nan(struct fp_num num)
{
    return num.kind >= FP_KIND_QNAN;
}

static inline bool fp_is_zero(struct fp_num num)
{
    return num.kind == FP_KIND_FINITE && num.sig == 0;
}

/* Leading zeros of `x`, which is not 0. In C because the builtin is a libgcc call without Zbb. */
unsigned fp_clz(uint64_t x);

struct fp_num fp_unpack(const struct fp_desc *desc, uint64_t bits);

/*
 * Whether rounding to an integral multiple of the unit moves away from zero. `odd` is the lowest
 * bit kept, `rest` the part cut off, in 2^-64 units with bit 0 sticky.
 */
bool fp_rounds_up(enum fp_round rm, bool sign, bool odd, uint64_t rest);

/* Rounds a finite number to the format and packs it; raises NX, UF, OF. */
uint64_t fp_round_pack(const struct fp_desc *desc, struct fp_num num, enum fp_round rm,
                       unsigned *flags);

static inline uint64_t fp_pack_zero(const struct fp_desc *desc, bool sign)
{
    return sign ? desc->sign_mask : 0;
}

static inline uint64_t fp_pack_inf(const struct fp_desc *desc, bool sign)
{
    return fp_pack_zero(desc, sign) | desc->exp_mask;
}

/* The canonical NaN (Unpriv. "NaN Generation and Propagation"). */
uint64_t fp_canonical_nan(const struct fp_desc *desc);

/* The result of an operation that has none: raises NV. */
uint64_t fp_invalid(const struct fp_desc *desc, unsigned *flags);

/* The result of an operation with a NaN among `a` and `b`: raises NV if one is signalling. */
uint64_t fp_nan_result(const struct fp_desc *desc, struct fp_num a, struct fp_num b,
                       unsigned *flags);

#endif
