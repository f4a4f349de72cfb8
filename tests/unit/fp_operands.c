/* SPDX-License-Identifier: MIT */
/* Operands for floating-point tests: boundary values, and random ones where rounding goes wrong. */
#include "tests/unit/fp_reference.h"

/* A value by its exponent field and fraction. */
static uint64_t compose(enum fp_format fmt, int field, uint64_t frac)
{
    unsigned frac_bits = fp_layout[fmt].frac_bits;
    int max_field = (1 << fp_layout[fmt].exp_bits) - 1;

    if (field < 0)
        field = 0;
    if (field > max_field)
        field = max_field;
    return (uint64_t)field << frac_bits | (frac & ((UINT64_C(1) << frac_bits) - 1));
}

/* Magnitudes; fp_boundary_value adds the signs. */
static bool boundary_magnitude(enum fp_format fmt, unsigned n, uint64_t *value)
{
    int bias = (1 << (fp_layout[fmt].exp_bits - 1)) - 1, frac_bits = (int)fp_layout[fmt].frac_bits;
    uint64_t ones = UINT64_MAX, quiet = UINT64_C(1) << (frac_bits - 1);
    const struct {
        int field;
        uint64_t frac;
    } rows[] = {
        {0, 0},                    /* zero */
        {bias, 0},                 /* 1 */
        {0, 1},                    /* smallest subnormal */
        {0, ones},                 /* largest subnormal */
        {1, 0},                    /* smallest normal */
        {2 * bias, ones},          /* largest finite */
        {2 * bias + 1, 0},         /* infinity */
        {2 * bias + 1, quiet},     /* the canonical NaN, and with a payload */
        {2 * bias + 1, 1},         /* signalling NaN */
        {bias, 1},                 /* just above 1 */
        {bias - 1, ones},          /* just below 1 */
        {bias - 1, 0},             /* a half: ties of conversions to integers */
        {2 * bias + 1, ones},      /* quiet NaN with a payload */
        {2 * bias + 1, quiet - 1}, /* signalling NaN, largest payload */
        {0, quiet},
        {0, 2},
        {1, 1},
        {1, ones},
        {2, 0},
        {bias + 1, 0},
        {bias + 1, quiet},
        {bias, ones},
        {bias, quiet},
        {2 * bias, 0},
        {bias + frac_bits, 1},
        {bias + frac_bits + 1, 1},
        {bias - frac_bits, 0},
        {bias - frac_bits - 1, 0},
        {bias - frac_bits - 1, 1},
        {bias + 31, 0},
        {bias + 30, ones},
        {bias + 63, 0},
        {bias + 62, ones},
        {bias / 2, 0},
        {bias / 2, ones},
        {bias + bias / 2, ones},
    };

    if (n >= ARRAY_SIZE(rows))
        return false;
    *value = compose(fmt, rows[n].field, rows[n].frac);
    return true;
}

bool fp_boundary_value(enum fp_format fmt, unsigned n, uint64_t *value)
{
    if (!boundary_magnitude(fmt, n / 2, value))
        return false;
    if (n % 2 != 0)
        *value |= fp_layout_sign(fmt);
    return true;
}

/* splitmix64 by its definition: a Weyl sequence through a mixing function. */
uint64_t fp_random_bits(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Random bits, long runs of zeros or ones, or few ones: what makes ties and long carries. */
static uint64_t random_frac(enum fp_format fmt, uint64_t *seed)
{
    uint64_t r = fp_random_bits(seed), bits = fp_random_bits(seed);
    unsigned at = (unsigned)(r >> 32) % fp_layout[fmt].frac_bits;

    switch (r % 6) {
    case 0:
        return (UINT64_C(1) << at) - 1;
    case 1:
        return ~((UINT64_C(1) << at) - 1);
    case 2:
        return UINT64_C(1) << at | (bits & 3);
    case 3:
        return (bits & 7) - 4;
    default:
        return bits;
    }
}

/* A finite value with an exponent field near `field`. */
static uint64_t random_near(enum fp_format fmt, int field, uint64_t *seed)
{
    uint64_t r = fp_random_bits(seed);
    int max_field = (1 << fp_layout[fmt].exp_bits) - 2;
    int distance = (int)(r % 7) - 3;

    field += distance;
    field = field < 0 ? 0 : field > max_field ? max_field : field;
    return compose(fmt, field, random_frac(fmt, seed)) | (r >> 32 & 1 ? fp_layout_sign(fmt) : 0);
}

static uint64_t random_value(enum fp_format fmt, uint64_t *seed)
{
    uint64_t r = fp_random_bits(seed), value;

    if (r % 16 == 0 && fp_boundary_value(fmt, (unsigned)(r >> 32) % 72, &value))
        return value;
    return random_near(fmt, (int)(r >> 32) & ((1 << fp_layout[fmt].exp_bits) - 1), seed);
}

static int field_of(enum fp_format fmt, uint64_t value)
{
    return (int)((value & fp_layout_inf(fmt)) >> fp_layout[fmt].frac_bits);
}

void fp_random_operands(enum fp_format fmt, uint64_t *seed, uint64_t operand[3])
{
    uint64_t sign = fp_layout_sign(fmt), r = fp_random_bits(seed);
    int bias = (1 << (fp_layout[fmt].exp_bits - 1)) - 1, frac_bits = (int)fp_layout[fmt].frac_bits;
    uint64_t a = random_value(fmt, seed), b, c;
    int field = field_of(fmt, a), spread = (int)(r >> 40) % (2 * frac_bits) - frac_bits;

    switch (r % 8) {
    case 0: /* nearly equal in magnitude: sums cancel */
        b = (a ^ (r >> 8 & 1 ? sign : 0)) + (r >> 16 & 3);
        break;
    case 1: /* exponents apart by no more than a significand */
        b = random_near(fmt, field + spread, seed);
        break;
    case 2: /* products around the smallest normal number */
        b = random_near(fmt, bias - field + spread / 8, seed);
        break;
    case 3: /* products around the largest number */
        b = random_near(fmt, 3 * bias - field, seed);
        break;
    case 4: /* quotients around the smallest normal number */
        b = random_near(fmt, field + bias + spread / 8, seed);
        break;
    case 5: /* quotients around the largest number */
        b = random_near(fmt, field - bias, seed);
        break;
    default:
        b = random_value(fmt, seed);
        break;
    }
    int product = field + field_of(fmt, b) - bias;
    unsigned ignored = 0;
    switch (r >> 12 & 3) {
    case 0: /* the negated product, off by a few units */
        c = (fp_mul(fmt, a, b, FP_RNE, &ignored) ^ sign) + (r >> 20 & 3);
        break;
    case 1:
        c = random_near(fmt, product + spread, seed);
        break;
    case 2:
        c = random_near(fmt, product - frac_bits, seed);
        break;
    default:
        c = random_value(fmt, seed);
        break;
    }
    operand[0] = a;
    operand[1] = b & (sign | (sign - 1));
    operand[2] = c & (sign | (sign - 1));
}
