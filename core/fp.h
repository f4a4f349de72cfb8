/* SPDX-License-Identifier: MIT */
/*
 * IEEE 754 binary16, binary32 and binary64 in integer arithmetic, with RISC-V's choices: canonical
 * NaN, tininess detected after rounding, five rounding modes (Unpriv. "F", "D", "Zfh").
 * A value is its bit pattern in the low bits; flags are or-ed into *flags.
 */
#ifndef CORE_FP_H
#define CORE_FP_H

#include "core/types.h"

enum fp_round { FP_RNE = 0, FP_RTZ = 1, FP_RDN = 2, FP_RUP = 3, FP_RMM = 4, FP_DYN = 7 };

enum fp_flag { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 };

enum fp_format { FP_S = 0, FP_D = 1, FP_H = 2 }; /* as in the fmt field of an encoding */

/* The sign bit of a value of this format: for negation and sign injection. */
uint64_t fp_sign_bit(enum fp_format fmt);

uint64_t fp_add(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags);
uint64_t fp_sub(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags);
uint64_t fp_mul(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags);
uint64_t fp_div(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags);
uint64_t fp_sqrt(enum fp_format fmt, uint64_t a, enum fp_round rm, unsigned *flags);
/* a * b + c with one rounding; callers negate a and c for the other three forms. */
uint64_t fp_fma(enum fp_format fmt, uint64_t a, uint64_t b, uint64_t c, enum fp_round rm,
                unsigned *flags);

/* minimumNumber / maximumNumber as fmin, fmax of version 2.2. */
uint64_t fp_min(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags);
uint64_t fp_max(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags);

/* Comparisons: feq is quiet, flt and fle signal on any NaN. */
bool fp_eq(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags);
bool fp_lt(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags);
bool fp_le(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags);

/* The ten-bit mask of fclass. */
uint64_t fp_class(enum fp_format fmt, uint64_t a);

/* Between formats. */
uint64_t fp_convert(enum fp_format to, enum fp_format from, uint64_t a, enum fp_round rm,
                    unsigned *flags);

/* To integers of `bits` 32 or 64; saturating, NV on overflow and NaN. The result is sign-extended
 * from `bits`, as fcvt.w[u] and fcvt.l[u] write it to rd. */
uint64_t fp_to_int(enum fp_format fmt, uint64_t a, unsigned bits, bool is_signed, enum fp_round rm,
                   unsigned *flags);

/* From integers: the low `bits` of `value`. */
uint64_t fp_from_int(enum fp_format fmt, uint64_t value, unsigned bits, bool is_signed,
                     enum fp_round rm, unsigned *flags);

/* NaN boxing: the value of width fmt in a 64-bit f register, or the canonical NaN when it is not
 * properly boxed; and the other way round. */
uint64_t fp_unbox(enum fp_format fmt, uint64_t reg);
uint64_t fp_box(enum fp_format fmt, uint64_t value);

#endif
