/* SPDX-License-Identifier: MIT */
/*
 * What core/fp.h is compared with: an exact model, which covers every format and rounding mode, and
 * the build machine's own floating-point unit where it has the format and the mode. And the
 * operands on which they are compared.
 */
#ifndef TESTS_UNIT_FP_REFERENCE_H
#define TESTS_UNIT_FP_REFERENCE_H

#include "core/fp.h"

enum fp_op { FP_OP_ADD, FP_OP_SUB, FP_OP_MUL, FP_OP_DIV, FP_OP_SQRT, FP_OP_FMA, FP_OP_COUNT };

/* The layout of a format, for models and generators. */
struct fp_layout {
    unsigned exp_bits, frac_bits;
};
extern const struct fp_layout fp_layout[3];

uint64_t fp_layout_inf(enum fp_format fmt);       /* +infinity */
uint64_t fp_layout_canonical(enum fp_format fmt); /* the canonical NaN */
uint64_t fp_layout_sign(enum fp_format fmt);
bool fp_layout_is_nan(enum fp_format fmt, uint64_t bits);
bool fp_layout_is_snan(enum fp_format fmt, uint64_t bits);

/* The model: exact arithmetic on integers of 4480 bits, then one rounding by the definition. */
uint64_t fpmodel_arith(enum fp_op op, enum fp_format fmt, const uint64_t operand[3],
                       enum fp_round rm, unsigned *flags);
uint64_t fpmodel_convert(enum fp_format to, enum fp_format from, uint64_t a, enum fp_round rm,
                         unsigned *flags);
uint64_t fpmodel_to_int(enum fp_format fmt, uint64_t a, unsigned bits, bool is_signed,
                        enum fp_round rm, unsigned *flags);
uint64_t fpmodel_from_int(enum fp_format fmt, uint64_t value, unsigned bits, bool is_signed,
                          enum fp_round rm, unsigned *flags);

/* The host's FPU: false when it cannot do this. A NaN result is made canonical. */
bool fphost_arith(enum fp_op op, enum fp_format fmt, const uint64_t operand[3], enum fp_round rm,
                  uint64_t *result, unsigned *flags);
bool fphost_convert(enum fp_format to, enum fp_format from, uint64_t a, enum fp_round rm,
                    uint64_t *result, unsigned *flags);
/* To a signed 64-bit integer; the result is unspecified when *flags has FP_NV. */
bool fphost_to_long(enum fp_format fmt, uint64_t a, enum fp_round rm, uint64_t *result,
                    unsigned *flags);
bool fphost_from_int(enum fp_format fmt, uint64_t value, unsigned bits, bool is_signed,
                     enum fp_round rm, uint64_t *result, unsigned *flags);
/* The four relations of IEEE 754: -1, 0, 1, or 2 for unordered. */
bool fphost_relation(enum fp_format fmt, uint64_t a, uint64_t b, int *relation);

/* Operands: the boundary values of a format (`n` counts from 0; false at the end) ... */
bool fp_boundary_value(enum fp_format fmt, unsigned n, uint64_t *value);
/* ... and reproducible random ones, likely to be close to each other, to cancel, or to have a
 * result near the ends of the range. */
uint64_t fp_random_bits(uint64_t *seed);
void fp_random_operands(enum fp_format fmt, uint64_t *seed, uint64_t operand[3]);

#endif
