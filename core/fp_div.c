/* SPDX-License-Identifier: MIT */
/* Division and square root: the correctly rounded results follow from a truncated quotient or root
 * with at least one bit more than the format has, and whether there was a remainder. */
#include "core/fp_internal.h"

/*
 * One digit of long division in base 2^32: the digit of (rem * 2^32) / b, where b has bit 63 set
 * and rem < b; *rem becomes the remainder. Estimated by the high half of b, the digit is at most
 * two too large (Knuth, The Art of Computer Programming, 4.3.1, theorem B), hence at most 2^32 + 1,
 * and its product with the low half fits.
 */
static uint64_t quotient_digit(uint64_t *rem, uint64_t b)
{
    uint64_t b1 = b >> 32, b0 = (uint32_t)b;
    uint64_t digit = *rem / b1;
    uint64_t rest = *rem % b1;

    while (digit * b0 > rest << 32) {
        digit--;
        rest += b1;
        if (rest >> 32 != 0)
            break;
    }
    *rem = (*rem << 32) - digit * b;
    return digit;
}

static struct fp_num quotient(struct fp_num a, struct fp_num b)
{
    struct fp_num q = {.kind = FP_KIND_FINITE, .sign = a.sign != b.sign, .exp = a.exp - b.exp - 1};
    uint64_t rem = a.sig;

    if (rem >= b.sig) {
        rem >>= 1; /* the lowest bit of a significand just unpacked is 0 */
        q.exp++;
    }
    q.sig = quotient_digit(&rem, b.sig) << 32;
    q.sig |= quotient_digit(&rem, b.sig);
    q.sig |= rem != 0;
    return q;
}

/* a / b where one is a zero, an infinity or a NaN. */
static uint64_t special_quotient(const struct fp_desc *desc, struct fp_num a, struct fp_num b,
                                 unsigned *flags)
{
    bool sign = a.sign != b.sign;

    if (fp_is_nan(a) || fp_is_nan(b))
        return fp_nan_result(desc, a, b, flags);
    if ((a.kind == FP_KIND_INF && b.kind == FP_KIND_INF) || (fp_is_zero(a) && fp_is_zero(b)))
        return fp_invalid(desc, flags);
    if (fp_is_zero(a) || b.kind == FP_KIND_INF)
        return fp_pack_zero(desc, sign);
    if (a.kind != FP_KIND_INF)
        *flags |= FP_DZ;
    return fp_pack_inf(desc, sign);
}

uint64_t fp_div(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);
    struct fp_num x = fp_unpack(desc, a), y = fp_unpack(desc, b);

    if (x.kind != FP_KIND_FINITE || y.kind != FP_KIND_FINITE || x.sig == 0 || y.sig == 0)
        return special_quotient(desc, x, y, flags);
    return fp_round_pack(desc, quotient(x, y), rm, flags);
}

/*
 * The root of a positive number, bit by bit, in fixed point with 60 fraction bits. With m the
 * number scaled to [1, 4) by an even power of two, and k bits of the root found, rem is
 * (m - root^2) * 2^k; the next bit b belongs to the root when root^2 + 2*root*b + b^2 <= m.
 */
static struct fp_num square_root(const struct fp_desc *desc, struct fp_num a)
{
    bool odd = a.exp & 1;
    uint64_t root = UINT64_C(1) << 60;
    uint64_t rem = (a.sig >> (odd ? 2 : 3)) - root;
    uint64_t last = root >> (desc->frac_bits + 1);

    for (uint64_t bit = root >> 1; bit >= last; bit >>= 1) {
        uint64_t step = 2 * root + bit;
        rem *= 2;
        if (rem >= step) {
            rem -= step;
            root += bit;
        }
    }
    return (struct fp_num){
        .kind = FP_KIND_FINITE, .exp = (a.exp - odd) / 2, .sig = root << 3 | (rem != 0)};
}

uint64_t fp_sqrt(enum fp_format fmt, uint64_t a, enum fp_round rm, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);
    struct fp_num x = fp_unpack(desc, a);

    if (fp_is_nan(x))
        return fp_nan_result(desc, x, x, flags);
    if (fp_is_zero(x))
        return a;
    if (x.sign)
        return fp_invalid(desc, flags);
    if (x.kind == FP_KIND_INF)
        return a;
    return fp_round_pack(desc, square_root(desc, x), rm, flags);
}
