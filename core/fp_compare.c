/* SPDX-License-Identifier: MIT */
/* Comparisons, minimum and maximum, classification. */
#include "core/fp_internal.h"

enum fclass_bit {
    FCLASS_NEG_INF,
    FCLASS_NEG_NORMAL,
    FCLASS_NEG_SUBNORMAL,
    FCLASS_NEG_ZERO,
    FCLASS_POS_ZERO,
    FCLASS_POS_SUBNORMAL,
    FCLASS_POS_NORMAL,
    FCLASS_POS_INF,
    FCLASS_SNAN,
    FCLASS_QNAN,
};

/* Raises NV for a signalling NaN, or for any NaN when the comparison is a signalling one. */
static bool unordered(const struct fp_desc *desc, uint64_t a, uint64_t b, bool signalling,
                      unsigned *flags)
{
    struct fp_num x = fp_unpack(desc, a), y = fp_unpack(desc, b);

    if (!fp_is_nan(x) && !fp_is_nan(y))
        return false;
    if (signalling || x.kind == FP_KIND_SNAN || y.kind == FP_KIND_SNAN)
        *flags |= FP_NV;
    return true;
}

/* Integers that are ordered as the numbers are; both zeros are 0. */
static int64_t order(const struct fp_desc *desc, uint64_t bits)
{
    int64_t magnitude = (int64_t)(bits & (desc->sign_mask - 1));

    return bits & desc->sign_mask ? -magnitude : magnitude;
}

bool fp_eq(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);

    return !unordered(desc, a, b, false, flags) && order(desc, a) == order(desc, b);
}

bool fp_lt(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);

    return !unordered(desc, a, b, true, flags) && order(desc, a) < order(desc, b);
}

bool fp_le(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);

    return !unordered(desc, a, b, true, flags) && order(desc, a) <= order(desc, b);
}

/* The smaller operand, or the larger one; -0 is less than +0, and a number goes before a NaN. */
static uint64_t pick(const struct fp_desc *desc, uint64_t a, uint64_t b, bool larger,
                     unsigned *flags)
{
    struct fp_num x = fp_unpack(desc, a), y = fp_unpack(desc, b);

    if (fp_is_nan(x) || fp_is_nan(y)) {
        uint64_t nan = fp_nan_result(desc, x, y, flags);
        if (fp_is_nan(x))
            return fp_is_nan(y) ? nan : b;
        return a;
    }
    bool less =
        order(desc, a) < order(desc, b) || (order(desc, a) == order(desc, b) && x.sign && !y.sign);
    return less != larger ? a : b;
}

uint64_t fp_min(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags)
{
    return pick(fp_desc(fmt), a, b, false, flags);
}

uint64_t fp_max(enum fp_format fmt, uint64_t a, uint64_t b, unsigned *flags)
{
    return pick(fp_desc(fmt), a, b, true, flags);
}

static enum fclass_bit class_of_magnitude(const struct fp_desc *desc, struct fp_num num)
{
    if (num.kind == FP_KIND_INF)
        return FCLASS_POS_INF;
    if (num.sig == 0)
        return FCLASS_POS_ZERO;
    return num.exp < 1 - desc->bias ? FCLASS_POS_SUBNORMAL : FCLASS_POS_NORMAL;
}

uint64_t fp_class(enum fp_format fmt, uint64_t a)
{
    const struct fp_desc *desc = fp_desc(fmt);
    struct fp_num num = fp_unpack(desc, a);

    if (fp_is_nan(num))
        return UINT64_C(1) << (num.kind == FP_KIND_SNAN ? FCLASS_SNAN : FCLASS_QNAN);
    unsigned bit = class_of_magnitude(desc, num);
    /* The classes of negative numbers are a mirror image: -infinity is bit 0, +infinity bit 7. */
    return UINT64_C(1) << (num.sign ? FCLASS_POS_INF - bit : bit);
}
