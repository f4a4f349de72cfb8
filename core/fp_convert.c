/* SPDX-License-Identifier: MIT */
/* Conversions: between formats, to integers and from integers. */
#include "core/fp_internal.h"

uint64_t fp_convert(enum fp_format to, enum fp_format from, uint64_t a, enum fp_round rm,
                    unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(to);
    struct fp_num num = fp_unpack(fp_desc(from), a);

    if (fp_is_nan(num))
        return fp_nan_result(desc, num, num, flags);
    if (num.kind == FP_KIND_INF)
        return fp_pack_inf(desc, num.sign);
    return fp_round_pack(desc, num, rm, flags);
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
    uint64_t sign = UINT64_C(1) << (bits - 1);

    value &= sign | (sign - 1);
    return (value ^ sign) - sign;
}

/* The largest magnitude that an integer type has on one side of zero. */
static uint64_t largest_magnitude(unsigned bits, bool is_signed, bool negative)
{
    uint64_t half = UINT64_C(1) << (bits - 1);

    if (is_signed)
        return negative ? half : half - 1;
    return negative ? 0 : half | (half - 1);
}

/* The magnitude of a number below 2^64, rounded to an integer; *inexact when that changed it. */
static uint64_t round_to_integer(struct fp_num num, enum fp_round rm, bool *inexact)
{
    uint64_t whole = 0, rest;

    if (num.exp < -1) {
        rest = num.sig != 0; /* under a half: only that it is not 0 counts */
    } else if (num.exp == -1) {
        rest = num.sig;
    } else if (num.exp < 63) {
        whole = num.sig >> (63 - num.exp);
        rest = num.sig << (num.exp + 1);
    } else {
        whole = num.sig;
        rest = 0;
    }
    *inexact = rest != 0;
    return whole + fp_rounds_up(rm, num.sign, whole & 1, rest);
}

uint64_t fp_to_int(enum fp_format fmt, uint64_t a, unsigned bits, bool is_signed, enum fp_round rm,
                   unsigned *flags)
{
    struct fp_num num = fp_unpack(fp_desc(fmt), a);
    bool negative = num.sign && !fp_is_nan(num);
    uint64_t limit = largest_magnitude(bits, is_signed, negative);
    uint64_t magnitude = limit;
    bool in_range = num.kind == FP_KIND_FINITE && num.exp < 64;
    bool inexact = false;

    if (in_range) {
        magnitude = round_to_integer(num, rm, &inexact);
        in_range = magnitude <= limit;
    }
    if (!in_range) {
        magnitude = limit;
        *flags |= FP_NV;
    } else if (inexact) {
        *flags |= FP_NX;
    }
    return sign_extend(negative ? 0 - magnitude : magnitude, bits);
}

uint64_t fp_from_int(enum fp_format fmt, uint64_t value, unsigned bits, bool is_signed,
                     enum fp_round rm, unsigned *flags)
{
    struct fp_num num = {.kind = FP_KIND_FINITE, .exp = 63, .sig = value};

    if (is_signed) {
        num.sig = sign_extend(value, bits);
        num.sign = num.sig >> 63 != 0;
        num.sig = num.sign ? 0 - num.sig : num.sig;
    } else if (bits == 32) {
        num.sig = (uint32_t)value;
    }
    if (num.sig != 0) {
        unsigned shift = fp_clz(num.sig);
        num.sig <<= shift;
        num.exp -= (int32_t)shift;
    }
    return fp_round_pack(fp_desc(fmt), num, rm, flags);
}
