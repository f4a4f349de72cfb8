/* SPDX-License-Identifier: MIT */
/*
 * An exact model of IEEE 754 arithmetic: every finite operand, sum and product is an integer
 * multiple of 2^-2240 that fits in 4480 bits, so it is computed without error, and then rounded
 * once by the definition. Quotients and roots are cut off far below any rounding point, with a last
 * bit that says whether something was cut.
 */
#include "tests/unit/fp_reference.h"

#define LIMBS    70
#define UNIT_POS 2240 /* the bit that stands for 1 */

typedef unsigned __int128 u128;

struct exact {
    bool negative;
    uint64_t limb[LIMBS];
};

/* (-1)^negative * sig * 2^exp, or infinite. */
struct parts {
    bool negative, infinite;
    uint64_t sig;
    int exp;
};

const struct fp_layout fp_layout[3] = {[FP_S] = {8, 23}, [FP_D] = {11, 52}, [FP_H] = {5, 10}};

uint64_t fp_layout_inf(enum fp_format fmt)
{
    return ((UINT64_C(1) << fp_layout[fmt].exp_bits) - 1) << fp_layout[fmt].frac_bits;
}

uint64_t fp_layout_canonical(enum fp_format fmt)
{
    return fmt == FP_H ? 0x7e00 : fmt == FP_S ? 0x7fc00000 : UINT64_C(0x7ff8000000000000);
}

uint64_t fp_layout_sign(enum fp_format fmt)
{
    return fmt == FP_H ? 0x8000 : fmt == FP_S ? 0x80000000 : UINT64_C(1) << 63;
}

bool fp_layout_is_nan(enum fp_format fmt, uint64_t bits)
{
    return (bits & ~fp_layout_sign(fmt)) > fp_layout_inf(fmt);
}

bool fp_layout_is_snan(enum fp_format fmt, uint64_t bits)
{
    return fp_layout_is_nan(fmt, bits) && !(bits >> (fp_layout[fmt].frac_bits - 1) & 1);
}

static int emax(enum fp_format fmt)
{
    return (1 << (fp_layout[fmt].exp_bits - 1)) - 1;
}

static struct parts take_apart(enum fp_format fmt, uint64_t bits)
{
    unsigned frac_bits = fp_layout[fmt].frac_bits;
    uint64_t hidden = UINT64_C(1) << frac_bits;
    int field = (int)((bits & fp_layout_inf(fmt)) >> frac_bits);
    struct parts p = {.negative = (bits & fp_layout_sign(fmt)) != 0, .sig = bits & (hidden - 1)};

    p.infinite = field == 2 * emax(fmt) + 1;
    if (field != 0)
        p.sig += hidden;
    else
        field = 1;
    p.exp = field - emax(fmt) - (int)frac_bits;
    return p;
}

static struct exact make(bool negative, u128 sig, int exp)
{
    struct exact x = {.negative = negative};
    unsigned pos = (unsigned)(exp + UNIT_POS), limb = pos / 64, shift = pos % 64;

    x.limb[limb] = (uint64_t)sig << shift;
    x.limb[limb + 1] = (uint64_t)(sig >> (64 - shift));
    if (shift != 0)
        x.limb[limb + 2] = (uint64_t)(sig >> 64 >> (64 - shift));
    return x;
}

static bool is_zero(const struct exact *x)
{
    for (unsigned i = 0; i < LIMBS; i++) {
        if (x->limb[i] != 0)
            return false;
    }
    return true;
}

/* x += y for the two's complement view of the limbs: y negated when `subtract`. */
static void accumulate(struct exact *x, const struct exact *y, bool subtract)
{
    uint64_t carry = subtract;

    for (unsigned i = 0; i < LIMBS; i++) {
        u128 t = (u128)x->limb[i] + (subtract ? ~y->limb[i] : y->limb[i]) + carry;
        x->limb[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
}

static struct exact add(struct exact x, const struct exact *y, enum fp_round rm)
{
    bool same = x.negative == y->negative;

    accumulate(&x, y, !same);
    if (x.limb[LIMBS - 1] >> 63) { /* below zero: the other operand was the larger */
        struct exact zero = {.negative = y->negative};
        accumulate(&zero, &x, true);
        return zero;
    }
    if (!same && is_zero(&x))
        x.negative = rm == FP_RDN;
    return x;
}

static int highest_bit(const struct exact *x)
{
    for (int i = LIMBS - 1; i >= 0; i--) {
        if (x->limb[i] != 0)
            return i * 64 + 63 - __builtin_clzll(x->limb[i]);
    }
    return -1;
}

static bool any_below(const struct exact *x, int pos)
{
    for (int i = 0; i < pos / 64; i++) {
        if (x->limb[i] != 0)
            return true;
    }
    return pos % 64 != 0 && x->limb[pos / 64] << (64 - pos % 64) != 0;
}

/* The multiple of 2^pos (in units of bit 0) nearest to x in the sense of rm; the multiplier. */
static u128 round_at(const struct exact *x, int pos, enum fp_round rm, bool *inexact)
{
    unsigned limb = (unsigned)pos / 64, shift = (unsigned)pos % 64;
    u128 below = (u128)x->limb[limb + 1] << 64 | x->limb[limb];
    bool half = x->limb[(pos - 1) / 64] >> ((pos - 1) % 64) & 1;
    bool rest = any_below(x, pos - 1);

    below >>= shift;
    *inexact = half || rest;
    if (rm == FP_RNE && half && (rest || (below & 1)))
        return below + 1;
    if (rm == FP_RMM && half)
        return below + 1;
    if (rm == (x->negative ? FP_RDN : FP_RUP) && *inexact)
        return below + 1;
    return below;
}

static uint64_t overflowed(enum fp_format fmt, bool negative, enum fp_round rm, unsigned *flags)
{
    uint64_t inf = fp_layout_inf(fmt);
    uint64_t sign = negative ? fp_layout_sign(fmt) : 0;

    *flags |= FP_OF | FP_NX;
    if (rm == FP_RTZ || (rm == FP_RDN && !negative) || (rm == FP_RUP && negative))
        return sign | (inf - 1);
    return sign | inf;
}

static uint64_t round_to_format(enum fp_format fmt, const struct exact *x, enum fp_round rm,
                                unsigned *flags)
{
    int frac_bits = (int)fp_layout[fmt].frac_bits, emin = 1 - emax(fmt);
    uint64_t hidden = UINT64_C(1) << frac_bits;
    uint64_t sign = x->negative ? fp_layout_sign(fmt) : 0;
    int exp = highest_bit(x) - UNIT_POS;
    bool inexact;

    if (is_zero(x))
        return sign;
    bool carries = round_at(x, exp + UNIT_POS - frac_bits, rm, &inexact) == 2 * hidden;
    bool tiny = exp + carries < emin; /* after rounding with an unbounded exponent */

    int unit = (exp < emin ? emin : exp) - frac_bits;
    uint64_t sig = (uint64_t)round_at(x, unit + UNIT_POS, rm, &inexact);
    if (sig == 2 * hidden) {
        sig = hidden;
        unit++;
    }
    if (unit + frac_bits > emax(fmt))
        return overflowed(fmt, x->negative, rm, flags);
    if (inexact)
        *flags |= tiny ? FP_NX | FP_UF : FP_NX;
    if (sig < hidden)
        return sign | sig;
    return sign | (uint64_t)(unit + frac_bits + emax(fmt)) << frac_bits | (sig - hidden);
}

static uint64_t invalid(enum fp_format fmt, unsigned *flags)
{
    *flags |= FP_NV;
    return fp_layout_canonical(fmt);
}

static uint64_t infinity(enum fp_format fmt, bool negative)
{
    return fp_layout_inf(fmt) | (negative ? fp_layout_sign(fmt) : 0);
}

static uint64_t sum(enum fp_format fmt, struct parts a, struct parts b, enum fp_round rm,
                    unsigned *flags)
{
    if (a.infinite && b.infinite && a.negative != b.negative)
        return invalid(fmt, flags);
    if (a.infinite || b.infinite)
        return infinity(fmt, a.infinite ? a.negative : b.negative);
    struct exact x = make(a.negative, a.sig, a.exp), y = make(b.negative, b.sig, b.exp);
    x = add(x, &y, rm);
    return round_to_format(fmt, &x, rm, flags);
}

/* a * b + c, or a * b when c is NULL. */
static uint64_t fused(enum fp_format fmt, struct parts a, struct parts b, const struct parts *c,
                      enum fp_round rm, unsigned *flags)
{
    bool negative = a.negative != b.negative;

    if ((a.infinite && b.sig == 0) || (b.infinite && a.sig == 0))
        return invalid(fmt, flags);
    if (a.infinite || b.infinite) {
        if (c != NULL && c->infinite && c->negative != negative)
            return invalid(fmt, flags);
        return infinity(fmt, negative);
    }
    if (c != NULL && c->infinite)
        return infinity(fmt, c->negative);
    struct exact x = make(negative, (u128)a.sig * b.sig, a.exp + b.exp);
    if (c != NULL) {
        struct exact y = make(c->negative, c->sig, c->exp);
        x = add(x, &y, rm);
    }
    return round_to_format(fmt, &x, rm, flags);
}

static void normalise(struct parts *p)
{
    while (!(p->sig >> 52)) {
        p->sig <<= 1;
        p->exp--;
    }
}

static uint64_t quotient(enum fp_format fmt, struct parts a, struct parts b, enum fp_round rm,
                         unsigned *flags)
{
    bool negative = a.negative != b.negative;

    if ((a.infinite && b.infinite) || (a.sig == 0 && b.sig == 0))
        return invalid(fmt, flags);
    if (b.sig == 0 && !a.infinite)
        *flags |= FP_DZ;
    if (a.infinite || b.sig == 0)
        return infinity(fmt, negative);
    if (b.infinite || a.sig == 0)
        return negative ? fp_layout_sign(fmt) : 0;
    normalise(&a);
    normalise(&b);
    u128 dividend = (u128)a.sig << 70;
    u128 q = dividend / b.sig << 1 | (dividend % b.sig != 0);
    struct exact x = make(negative, q, a.exp - b.exp - 71);
    return round_to_format(fmt, &x, rm, flags);
}

static uint64_t root(enum fp_format fmt, struct parts a, enum fp_round rm, unsigned *flags)
{
    if (a.sig == 0)
        return a.negative ? fp_layout_sign(fmt) : 0;
    if (a.negative)
        return invalid(fmt, flags);
    if (a.infinite)
        return infinity(fmt, false);
    normalise(&a);
    unsigned scale = 70 + (a.exp & 1);
    u128 square = (u128)a.sig << scale, r = 0;
    for (u128 bit = (u128)1 << 63; bit != 0; bit >>= 1) {
        if ((r | bit) * (r | bit) <= square)
            r |= bit;
    }
    struct exact x = make(false, r << 1 | (r * r != square), (a.exp - (int)scale) / 2 - 1);
    return round_to_format(fmt, &x, rm, flags);
}

/* How many operands an operation has, and whether one of them is a NaN. */
static bool has_nan(enum fp_op op, enum fp_format fmt, const uint64_t operand[3], unsigned *flags)
{
    unsigned count = op == FP_OP_SQRT ? 1 : op == FP_OP_FMA ? 3 : 2;
    bool nan = false;

    for (unsigned i = 0; i < count; i++) {
        nan |= fp_layout_is_nan(fmt, operand[i]);
        if (fp_layout_is_snan(fmt, operand[i]))
            *flags |= FP_NV;
    }
    return nan;
}

uint64_t fpmodel_arith(enum fp_op op, enum fp_format fmt, const uint64_t operand[3],
                       enum fp_round rm, unsigned *flags)
{
    struct parts a = take_apart(fmt, operand[0]), b = take_apart(fmt, operand[1]);
    struct parts c = take_apart(fmt, operand[2]);
    uint64_t inf = fp_layout_inf(fmt), magnitude = ~fp_layout_sign(fmt);

    if (has_nan(op, fmt, operand, flags)) {
        uint64_t x = operand[0] & magnitude, y = operand[1] & magnitude;
        if (op == FP_OP_FMA && ((x == inf && y == 0) || (x == 0 && y == inf)))
            *flags |= FP_NV;
        return fp_layout_canonical(fmt);
    }
    switch (op) {
    case FP_OP_ADD:
        return sum(fmt, a, b, rm, flags);
    case FP_OP_SUB:
        b.negative = !b.negative;
        return sum(fmt, a, b, rm, flags);
    case FP_OP_MUL:
        return fused(fmt, a, b, NULL, rm, flags);
    case FP_OP_DIV:
        return quotient(fmt, a, b, rm, flags);
    case FP_OP_SQRT:
        return root(fmt, a, rm, flags);
    default:
        return fused(fmt, a, b, &c, rm, flags);
    }
}

uint64_t fpmodel_convert(enum fp_format to, enum fp_format from, uint64_t a, enum fp_round rm,
                         unsigned *flags)
{
    struct parts p = take_apart(from, a);

    if (fp_layout_is_nan(from, a)) {
        *flags |= fp_layout_is_snan(from, a) ? FP_NV : 0;
        return fp_layout_canonical(to);
    }
    if (p.infinite)
        return infinity(to, p.negative);
    struct exact x = make(p.negative, p.sig, p.exp);
    return round_to_format(to, &x, rm, flags);
}

static uint64_t saturated(unsigned bits, bool is_signed, bool negative)
{
    if (bits == 32 && is_signed)
        return (uint64_t)(negative ? INT32_MIN : INT32_MAX);
    if (is_signed)
        return (uint64_t)(negative ? INT64_MIN : INT64_MAX);
    return negative ? 0 : UINT64_MAX; /* for wu, 2^32-1 with its sign extended */
}

uint64_t fpmodel_to_int(enum fp_format fmt, uint64_t a, unsigned bits, bool is_signed,
                        enum fp_round rm, unsigned *flags)
{
    struct parts p = take_apart(fmt, a);
    bool negative = p.negative && !fp_layout_is_nan(fmt, a);
    struct exact x = make(p.negative, p.sig, p.exp);
    __int128 low = is_signed ? -((__int128)1 << (bits - 1)) : 0;
    __int128 high = is_signed ? -low - 1 : ((__int128)1 << bits) - 1;
    bool inexact;

    if (p.infinite || highest_bit(&x) > UNIT_POS + 80) {
        *flags |= FP_NV;
        return saturated(bits, is_signed, negative);
    }
    __int128 value = (__int128)round_at(&x, UNIT_POS, rm, &inexact);
    if (negative)
        value = -value;
    if (value < low || value > high) {
        *flags |= FP_NV;
        return saturated(bits, is_signed, negative);
    }
    if (inexact)
        *flags |= FP_NX;
    return bits == 32 ? (uint64_t)(int64_t)(int32_t)value : (uint64_t)value;
}

uint64_t fpmodel_from_int(enum fp_format fmt, uint64_t value, unsigned bits, bool is_signed,
                          enum fp_round rm, unsigned *flags)
{
    __int128 number = is_signed ? (__int128)(int64_t)value : (__int128)value;

    if (bits == 32)
        number = is_signed ? (__int128)(int32_t)value : (__int128)(uint32_t)value;
    struct exact x = make(number < 0, (u128)(number < 0 ? -number : number), 0);
    return round_to_format(fmt, &x, rm, flags);
}
