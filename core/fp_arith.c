/* SPDX-License-Identifier: MIT */
/*
 * Addition, multiplication and their fusion. Exact intermediate results are 128 bits wide, which
 * holds the product of two binary64 significands; what alignment shifts out is kept as a sticky
 * lowest bit.
 */
#include "core/fp_internal.h"

/* (-1)^sign * hi:lo * 2^(exp - 127). The leading bit may be anywhere. */
struct wide {
    uint64_t hi;
    uint64_t lo;
    int32_t exp;
    bool sign;
};

static inline struct wide widen(struct fp_num num)
{
    return (struct wide){.hi = num.sig, .exp = num.exp, .sign = num.sign};
}

static inline struct fp_num narrow(struct wide w)
{
    struct fp_num num = {.kind = FP_KIND_FINITE, .sign = w.sign, .exp = w.exp};

    if (w.hi == 0) {
        w.hi = w.lo;
        w.lo = 0;
        num.exp -= 64;
    }
    if (w.hi == 0)
        return num;
    unsigned shift = fp_clz(w.hi);
    if (shift != 0) {
        w.hi = w.hi << shift | w.lo >> (64 - shift);
        w.lo <<= shift;
    }
    num.exp -= (int32_t)shift;
    num.sig = w.hi | (w.lo != 0);
    return num;
}

/* Same value with the exponent raised by `n`; bits shifted out stick to the lowest one. */
static inline struct wide shift_right(struct wide w, uint32_t n)
{
    w.exp += (int32_t)n;
    if (n >= 64) {
        w.lo = w.hi | (w.lo != 0);
        w.hi = 0;
        n -= 64;
    }
    if (n >= 64) {
        w.lo = w.lo != 0;
    } else if (n != 0) {
        bool sticky = w.lo << (64 - n) != 0;
        w.lo = w.hi << (64 - n) | w.lo >> n | sticky;
        w.hi >>= n;
    }
    return w;
}

static inline struct wide product(struct fp_num a, struct fp_num b)
{
    uint64_t a1 = a.sig >> 32, a0 = (uint32_t)a.sig;
    uint64_t b1 = b.sig >> 32, b0 = (uint32_t)b.sig;
    uint64_t mid = a1 * b0 + (a0 * b0 >> 32);
    uint64_t mid2 = a0 * b1 + (uint32_t)mid;

    return (struct wide){
        .hi = a1 * b1 + (mid >> 32) + (mid2 >> 32),
        .lo = a.sig * b.sig,
        .exp = a.exp + b.exp + 1,
        .sign = a.sign != b.sign,
    };
}

/* x - y for magnitudes in either order, which have the same exponent. */
static inline struct wide difference(struct wide x, struct wide y)
{
    bool borrow = x.lo < y.lo;
    struct wide r = {.hi = x.hi - y.hi - borrow, .lo = x.lo - y.lo, .exp = x.exp, .sign = x.sign};

    if (x.hi < y.hi || (x.hi == y.hi && borrow)) {
        r.sign = y.sign;
        r.lo = 0 - r.lo;
        r.hi = 0 - r.hi - (r.lo != 0);
    }
    return r;
}

/*
 * x + y. At least the lowest 21 bits of both are 0, so that the headroom for the carry costs
 * nothing, and no bit is lost where more than one leading bit can cancel (exponents that differ by
 * 2 at most).
 */
static inline struct wide sum(struct wide x, struct wide y, enum fp_round rm)
{
    bool zero_sign = x.sign == y.sign ? x.sign : rm == FP_RDN;

    if (x.exp < y.exp) {
        struct wide larger = y;
        y = x;
        x = larger;
    }
    y = shift_right(y, (uint32_t)(x.exp - y.exp) + 1);
    x = shift_right(x, 1);
    if (x.sign != y.sign) {
        x = difference(x, y);
    } else {
        x.lo += y.lo;
        x.hi += y.hi + (x.lo < y.lo);
    }
    if (x.hi == 0 && x.lo == 0)
        x.sign = zero_sign;
    return x;
}

/* a + b where one is an infinity or a NaN. */
static uint64_t special_sum(const struct fp_desc *desc, struct fp_num a, struct fp_num b,
                            unsigned *flags)
{
    if (fp_is_nan(a) || fp_is_nan(b))
        return fp_nan_result(desc, a, b, flags);
    if (a.kind == b.kind && a.sign != b.sign)
        return fp_invalid(desc, flags);
    return fp_pack_inf(desc, a.kind == FP_KIND_INF ? a.sign : b.sign);
}

static bool is_inf_times_zero(struct fp_num a, struct fp_num b)
{
    return (a.kind == FP_KIND_INF && fp_is_zero(b)) || (fp_is_zero(a) && b.kind == FP_KIND_INF);
}

/* a * b where one is an infinity or a NaN. */
static uint64_t special_product(const struct fp_desc *desc, struct fp_num a, struct fp_num b,
                                unsigned *flags)
{
    if (is_inf_times_zero(a, b))
        return fp_invalid(desc, flags);
    if (fp_is_nan(a) || fp_is_nan(b))
        return fp_nan_result(desc, a, b, flags);
    return fp_pack_inf(desc, a.sign != b.sign);
}

/* a * b + c where one is an infinity or a NaN. Infinity times zero is invalid even when c is a
 * quiet NaN (Unpriv. "Single-Precision Floating-Point Computational Instructions"). */
static uint64_t special_fma(const struct fp_desc *desc, struct fp_num a, struct fp_num b,
                            struct fp_num c, unsigned *flags)
{
    uint64_t bits = 0; /* any finite product: c decides */

    if (a.kind != FP_KIND_FINITE || b.kind != FP_KIND_FINITE)
        bits = special_product(desc, a, b, flags);
    return special_sum(desc, fp_unpack(desc, bits), c, flags);
}

static uint64_t add(const struct fp_desc *desc, uint64_t a, uint64_t b, enum fp_round rm,
                    unsigned *flags)
{
    struct fp_num x = fp_unpack(desc, a), y = fp_unpack(desc, b);

    if (x.kind != FP_KIND_FINITE || y.kind != FP_KIND_FINITE)
        return special_sum(desc, x, y, flags);
    return fp_round_pack(desc, narrow(sum(widen(x), widen(y), rm)), rm, flags);
}

uint64_t fp_add(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags)
{
    return add(fp_desc(fmt), a, b, rm, flags);
}

uint64_t fp_sub(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);

    return add(desc, a, b ^ desc->sign_mask, rm, flags);
}

uint64_t fp_mul(enum fp_format fmt, uint64_t a, uint64_t b, enum fp_round rm, unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);
    struct fp_num x = fp_unpack(desc, a), y = fp_unpack(desc, b);

    if (x.kind != FP_KIND_FINITE || y.kind != FP_KIND_FINITE)
        return special_product(desc, x, y, flags);
    return fp_round_pack(desc, narrow(product(x, y)), rm, flags);
}

uint64_t fp_fma(enum fp_format fmt, uint64_t a, uint64_t b, uint64_t c, enum fp_round rm,
                unsigned *flags)
{
    const struct fp_desc *desc = fp_desc(fmt);
    struct fp_num x = fp_unpack(desc, a), y = fp_unpack(desc, b), z = fp_unpack(desc, c);

    if (x.kind != FP_KIND_FINITE || y.kind != FP_KIND_FINITE || z.kind != FP_KIND_FINITE)
        return special_fma(desc, x, y, z, flags);
    return fp_round_pack(desc, narrow(sum(product(x, y), widen(z), rm)), rm, flags);
}
