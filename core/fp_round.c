/* SPDX-License-Identifier: MIT */
/* The formats themselves: taking values apart, rounding and packing them, NaNs and NaN boxing. */
#include "core/fp_internal.h"

#define FORMAT(exp_width, frac_width)                                                              \
    {                                                                                              \
        .sign_mask = UINT64_C(1) << (exp_width + frac_width),                                      \
        .exp_mask = ((UINT64_C(1) << exp_width) - 1) << frac_width,                                \
        .frac_mask = (UINT64_C(1) << frac_width) - 1, .bias = (1 << (exp_width - 1)) - 1,          \
        .frac_bits = frac_width,                                                                   \
    }

static const struct fp_desc fp_descs[] = {
    [FP_S] = FORMAT(8, 23),
    [FP_D] = FORMAT(11, 52),
    [FP_H] = FORMAT(5, 10),
};

const struct fp_desc *fp_desc(enum fp_format fmt)
{
    return &fp_descs[fmt];
}

unsigned fp_clz(uint64_t x)
{
    unsigned zeros = 0;

    if (LIKELY(x >> 62 != 0)) /* sums and products seldom have more */
        return x >> 63 == 0;
    for (unsigned step = 32; step != 0; step /= 2) {
        if (x >> (64 - step) == 0) {
            zeros += step;
            x <<= step;
        }
    }
    return zeros;
}

static struct fp_num unpack_subnormal(struct fp_num num)
{
    if (num.sig == 0) {
        num.exp = FP_EXP_ZERO;
        return num;
    }
    unsigned shift = fp_clz(num.sig);
    num.sig <<= shift;
    num.exp -= (int32_t)shift;
    return num;
}

struct fp_num fp_unpack(const struct fp_desc *desc, uint64_t bits)
{
    uint64_t frac = bits & desc->frac_mask;
    uint64_t exp = bits & desc->exp_mask;
    struct fp_num num = {
        .sig = frac << (63 - desc->frac_bits),
        .exp = 1 - desc->bias,
        .kind = FP_KIND_FINITE,
        .sign = (bits & desc->sign_mask) != 0,
    };

    if (exp == 0)
        return unpack_subnormal(num);
    if (exp != desc->exp_mask) {
        num.sig |= UINT64_C(1) << 63;
        num.exp = (int32_t)(exp >> desc->frac_bits) - desc->bias;
    } else if (frac == 0) {
        num.kind = FP_KIND_INF;
    } else {
        num.kind = frac >> (desc->frac_bits - 1) ? FP_KIND_QNAN : FP_KIND_SNAN;
    }
    return num;
}

bool fp_rounds_up(enum fp_round rm, bool sign, bool odd, uint64_t rest)
{
    const uint64_t half = UINT64_C(1) << 63;

    switch (rm) {
    case FP_RNE:
        return rest > half || (rest == half && odd);
    case FP_RMM:
        return rest >= half;
    case FP_RDN:
        return sign && rest != 0;
    case FP_RUP:
        return !sign && rest != 0;
    case FP_RTZ:
    case FP_DYN:
        break;
    }
    return false;
}

static uint64_t overflow(const struct fp_desc *desc, bool sign, enum fp_round rm, unsigned *flags)
{
    bool to_inf = rm == FP_RNE || rm == FP_RMM || rm == (sign ? FP_RDN : FP_RUP);

    *flags |= FP_OF | FP_NX;
    return fp_pack_inf(desc, sign) - (to_inf ? 0 : 1);
}

/* `num` cut to the precision of the format and rounded, as if the exponent had no bounds. */
static uint64_t round_sig(const struct fp_desc *desc, struct fp_num num, enum fp_round rm)
{
    uint64_t kept = num.sig >> (63 - desc->frac_bits);
    uint64_t rest = num.sig << (desc->frac_bits + 1);

    return kept + fp_rounds_up(rm, num.sign, kept & 1, rest);
}

/* Below the normal range: rounds at the fixed unit of the subnormals. */
static uint64_t round_pack_tiny(const struct fp_desc *desc, struct fp_num num, enum fp_round rm,
                                unsigned *flags)
{
    int32_t emin = 1 - desc->bias;
    uint32_t shift = (uint32_t)(emin - num.exp);
    bool reaches_emin = shift == 1 && round_sig(desc, num, rm) >> (desc->frac_bits + 1) != 0;

    if (shift < 64)
        num.sig = num.sig >> shift | (num.sig << (64 - shift) != 0);
    else
        num.sig = num.sig != 0;
    if (num.sig << (desc->frac_bits + 1) != 0)
        *flags |= reaches_emin ? FP_NX : FP_NX | FP_UF;
    return fp_pack_zero(desc, num.sign) | round_sig(desc, num, rm);
}

uint64_t fp_round_pack(const struct fp_desc *desc, struct fp_num num, enum fp_round rm,
                       unsigned *flags)
{
    if (num.sig == 0)
        return fp_pack_zero(desc, num.sign);
    if (num.exp < 1 - desc->bias)
        return round_pack_tiny(desc, num, rm, flags);

    /* The leading bit of the significand adds the one that is missing from the exponent field,
     * and so does a carry out of the rounding. No exponent is above 2098, that of the largest
     * quotient, so that the sum fits in 64 bits and shows an overflow. */
    uint64_t field = (uint64_t)(num.exp + desc->bias - 1);
    uint64_t bits = (field << desc->frac_bits) + round_sig(desc, num, rm);
    if (bits >= desc->exp_mask)
        return overflow(desc, num.sign, rm, flags);
    if (num.sig << (desc->frac_bits + 1) != 0)
        *flags |= FP_NX;
    return fp_pack_zero(desc, num.sign) | bits;
}

uint64_t fp_canonical_nan(const struct fp_desc *desc)
{
    return desc->exp_mask | UINT64_C(1) << (desc->frac_bits - 1);
}

uint64_t fp_invalid(const struct fp_desc *desc, unsigned *flags)
{
    *flags |= FP_NV;
    return fp_canonical_nan(desc);
}

uint64_t fp_nan_result(const struct fp_desc *desc, struct fp_num a, struct fp_num b,
                       unsigned *flags)
{
    if (a.kind == FP_KIND_SNAN || b.kind == FP_KIND_SNAN)
        *flags |= FP_NV;
    return fp_canonical_nan(desc);
}

uint64_t fp_sign_bit(enum fp_format fmt)
{
    return fp_desc(fmt)->sign_mask;
}

/* Ones in the bits of an f register above a value of this format. */
static uint64_t box_mask(enum fp_format fmt)
{
    uint64_t sign = fp_desc(fmt)->sign_mask;

    return ~(sign | (sign - 1));
}

uint64_t fp_unbox(enum fp_format fmt, uint64_t reg)
{
    if (~reg & box_mask(fmt))
        return fp_canonical_nan(fp_desc(fmt));
    return reg & ~box_mask(fmt);
}

uint64_t fp_box(enum fp_format fmt, uint64_t value)
{
    return value | box_mask(fmt);
}
