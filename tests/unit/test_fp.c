/* SPDX-License-Identifier: MIT */
/* core/fp.h against an exact model and against the host's FPU, on generated operands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/fp_reference.h"

#define RANDOM_ROUNDS 12000

static const enum fp_format all_formats[] = {FP_H, FP_S, FP_D};

static uint64_t run(enum fp_op op, enum fp_format fmt, const uint64_t x[3], enum fp_round rm,
                    unsigned *flags)
{
    switch (op) {
    case FP_OP_ADD:
        return fp_add(fmt, x[0], x[1], rm, flags);
    case FP_OP_SUB:
        return fp_sub(fmt, x[0], x[1], rm, flags);
    case FP_OP_MUL:
        return fp_mul(fmt, x[0], x[1], rm, flags);
    case FP_OP_DIV:
        return fp_div(fmt, x[0], x[1], rm, flags);
    case FP_OP_SQRT:
        return fp_sqrt(fmt, x[0], rm, flags);
    default:
        return fp_fma(fmt, x[0], x[1], x[2], rm, flags);
    }
}

static void expect(const char *source, const char *what, enum fp_format fmt, enum fp_round rm,
                   const uint64_t x[3], uint64_t got, unsigned got_flags, uint64_t want,
                   unsigned want_flags)
{
    if (got == want && got_flags == want_flags)
        return;
    fail_msg("%s, format %d, rm %d, of %jx %jx %jx: %jx flags %x, but %s says %jx flags %x", what,
             (int)fmt, (int)rm, (uintmax_t)x[0], (uintmax_t)x[1], (uintmax_t)x[2], (uintmax_t)got,
             got_flags, source, (uintmax_t)want, want_flags);
}

/* IEEE 754 leaves it open whether infinity times zero plus a quiet NaN is invalid, and hosts differ
 * from RISC-V there. */
static bool hosts_differ(enum fp_op op, enum fp_format fmt, const uint64_t x[3])
{
    uint64_t magnitude = ~fp_layout_sign(fmt), inf = fp_layout_inf(fmt);
    uint64_t a = x[0] & magnitude, b = x[1] & magnitude;

    return op == FP_OP_FMA && fp_layout_is_nan(fmt, x[2]) &&
           ((a == inf && b == 0) || (a == 0 && b == inf));
}

static void check_arith(enum fp_op op, enum fp_format fmt, const uint64_t x[3])
{
    static const char *const name[] = {"add", "sub", "mul", "div", "sqrt", "fma"};

    for (enum fp_round rm = FP_RNE; rm <= FP_RMM; rm++) {
        unsigned got_flags = 0, want_flags = 0, host_flags = 0;
        uint64_t got = run(op, fmt, x, rm, &got_flags), host;
        uint64_t want = fpmodel_arith(op, fmt, x, rm, &want_flags);
        expect("the model", name[op], fmt, rm, x, got, got_flags, want, want_flags);
        if (!hosts_differ(op, fmt, x) && fphost_arith(op, fmt, x, rm, &host, &host_flags))
            expect("the host", name[op], fmt, rm, x, got, got_flags, host, host_flags);
    }
}

static void check_random(enum fp_op op, enum fp_format fmt)
{
    uint64_t seed = 1 + (uint64_t)op * 3 + fmt, x[3];

    for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
        fp_random_operands(fmt, &seed, x);
        check_arith(op, fmt, x);
    }
}

/* Every boundary value with every other. */
static void check_dyadic(enum fp_op op)
{
    for (unsigned f = 0; f < ARRAY_SIZE(all_formats); f++) {
        enum fp_format fmt = all_formats[f];
        uint64_t x[3] = {0};
        for (unsigned i = 0; fp_boundary_value(fmt, i, &x[0]); i++) {
            for (unsigned j = 0; fp_boundary_value(fmt, j, &x[1]); j++)
                check_arith(op, fmt, x);
        }
        check_random(op, fmt);
    }
}

static void a_sum_is_the_exact_sum_rounded_once(void **state)
{
    (void)state;
    check_dyadic(FP_OP_ADD);
}

static void a_difference_is_the_exact_difference_rounded_once(void **state)
{
    (void)state;
    check_dyadic(FP_OP_SUB);
}

static void a_product_is_the_exact_product_rounded_once(void **state)
{
    (void)state;
    check_dyadic(FP_OP_MUL);
}

static void a_quotient_is_the_exact_quotient_rounded_once(void **state)
{
    (void)state;
    check_dyadic(FP_OP_DIV);
}

/* Also on squares and their neighbours, whose roots are exact or nearly so. */
static void a_root_is_the_exact_root_rounded_once(void **state)
{
    (void)state;
    for (unsigned f = 0; f < ARRAY_SIZE(all_formats); f++) {
        enum fp_format fmt = all_formats[f];
        uint64_t x[3] = {0}, seed = f;
        unsigned ignored = 0;
        for (unsigned i = 0; fp_boundary_value(fmt, i, &x[0]); i++)
            check_arith(FP_OP_SQRT, fmt, x);
        check_random(FP_OP_SQRT, fmt);
        for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
            uint64_t root = fp_random_bits(&seed) & (fp_layout_sign(fmt) - 1);
            root &= ~UINT64_C(0) << (fp_random_bits(&seed) % fp_layout[fmt].frac_bits);
            x[0] = fp_mul(fmt, root, root, FP_RNE, &ignored) + fp_random_bits(&seed) % 3 - 1;
            x[0] &= fp_layout_sign(fmt) - 1;
            check_arith(FP_OP_SQRT, fmt, x);
        }
    }
}

/* Every binary16 value: there are few enough. */
static void roots_of_all_halves_are_rounded_once(void **state)
{
    (void)state;
    for (uint64_t a = 0; a <= UINT16_MAX; a++)
        check_arith(FP_OP_SQRT, FP_H, (const uint64_t[3]){a});
}

static void a_fused_multiply_add_is_rounded_once(void **state)
{
    (void)state;
    for (unsigned f = 0; f < ARRAY_SIZE(all_formats); f++) {
        enum fp_format fmt = all_formats[f];
        uint64_t x[3];
        for (unsigned n = 0; n < 22 * 22 * 22; n++) {
            assert_true(fp_boundary_value(fmt, n % 22, &x[0]));
            assert_true(fp_boundary_value(fmt, n / 22 % 22, &x[1]));
            assert_true(fp_boundary_value(fmt, n / 22 / 22, &x[2]));
            check_arith(FP_OP_FMA, fmt, x);
        }
        check_random(FP_OP_FMA, fmt);
    }
}

static void check_convert(enum fp_format to, enum fp_format from, uint64_t a)
{
    uint64_t x[3] = {a};

    for (enum fp_round rm = FP_RNE; rm <= FP_RMM; rm++) {
        unsigned got_flags = 0, want_flags = 0, host_flags = 0;
        uint64_t got = fp_convert(to, from, a, rm, &got_flags), host;
        uint64_t want = fpmodel_convert(to, from, a, rm, &want_flags);
        expect("the model", "convert", to, rm, x, got, got_flags, want, want_flags);
        if (fphost_convert(to, from, a, rm, &host, &host_flags))
            expect("the host", "convert", to, rm, x, got, got_flags, host, host_flags);
    }
}

/* Random values of `from` whose magnitude suits `to`, half of them around its smallest normal. */
static uint64_t random_for_conversion(enum fp_format to, enum fp_format from, uint64_t *seed)
{
    uint64_t r = fp_random_bits(seed), inf = fp_layout_inf(from), x[3];
    unsigned frac_bits = fp_layout[from].frac_bits;
    enum fp_format narrow = fp_layout[to].exp_bits < fp_layout[from].exp_bits ? to : from;
    int range = 1 << (fp_layout[narrow].exp_bits - 1);
    int bias = (1 << (fp_layout[from].exp_bits - 1)) - 1;
    int field = bias + (r & 1 ? (int)(r >> 32 & 15) - range - 5 : (int)(r >> 32) % (range + 3));

    fp_random_operands(from, seed, x);
    return field < 0 ? x[0] : (x[0] & ~inf) | ((uint64_t)field << frac_bits & inf);
}

static void a_conversion_between_formats_is_rounded_once(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 9; n++) {
        enum fp_format to = all_formats[n / 3], from = all_formats[n % 3];
        uint64_t a, seed = n;
        for (unsigned i = 0; fp_boundary_value(from, i, &a); i++)
            check_convert(to, from, a);
        for (unsigned i = 0; i < RANDOM_ROUNDS && to != from; i++)
            check_convert(to, from, random_for_conversion(to, from, &seed));
    }
}

static void check_to_int(enum fp_format fmt, uint64_t a)
{
    uint64_t x[3] = {a};

    for (unsigned n = 0; n < 20; n++) {
        enum fp_round rm = (enum fp_round)(n / 4);
        unsigned bits = n & 1 ? 64 : 32, got_flags = 0, want_flags = 0, host_flags = 0;
        bool is_signed = (n & 2) != 0;
        uint64_t got = fp_to_int(fmt, a, bits, is_signed, rm, &got_flags), host;
        uint64_t want = fpmodel_to_int(fmt, a, bits, is_signed, rm, &want_flags);
        expect("the model", "to int", fmt, rm, x, got, got_flags, want, want_flags);
        if (bits == 64 && is_signed && fphost_to_long(fmt, a, rm, &host, &host_flags))
            expect("the host", "to int", fmt, rm, x, got_flags & FP_NV ? host : got, got_flags,
                   host, host_flags);
    }
}

static void a_conversion_to_an_integer_rounds_and_saturates(void **state)
{
    (void)state;
    for (unsigned f = 0; f < ARRAY_SIZE(all_formats); f++) {
        enum fp_format fmt = all_formats[f];
        unsigned frac_bits = fp_layout[fmt].frac_bits;
        uint64_t a, seed = f, bias = (UINT64_C(1) << (fp_layout[fmt].exp_bits - 1)) - 1;
        for (unsigned i = 0; fp_boundary_value(fmt, i, &a); i++)
            check_to_int(fmt, a);
        for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
            uint64_t x[3], field = bias - 3 + fp_random_bits(&seed) % 70;
            fp_random_operands(fmt, &seed, x);
            x[0] = (x[0] & ~fp_layout_inf(fmt)) | (field << frac_bits & fp_layout_inf(fmt));
            check_to_int(fmt, x[0]);
        }
    }
}

static void check_from_int(enum fp_format fmt, uint64_t value)
{
    uint64_t x[3] = {value};

    for (unsigned n = 0; n < 20; n++) {
        enum fp_round rm = (enum fp_round)(n / 4);
        unsigned bits = n & 1 ? 64 : 32, got_flags = 0, want_flags = 0, host_flags = 0;
        bool is_signed = (n & 2) != 0;
        uint64_t got = fp_from_int(fmt, value, bits, is_signed, rm, &got_flags), host;
        uint64_t want = fpmodel_from_int(fmt, value, bits, is_signed, rm, &want_flags);
        expect("the model", "from int", fmt, rm, x, got, got_flags, want, want_flags);
        if (fphost_from_int(fmt, value, bits, is_signed, rm, &host, &host_flags))
            expect("the host", "from int", fmt, rm, x, got, got_flags, host, host_flags);
    }
}

static void a_conversion_from_an_integer_is_rounded_once(void **state)
{
    (void)state;
    for (unsigned f = 0; f < ARRAY_SIZE(all_formats); f++) {
        uint64_t seed = f;
        for (unsigned shift = 0; shift < 64; shift++) {
            for (uint64_t near = 0; near < 5; near++)
                check_from_int(all_formats[f], (UINT64_C(1) << shift) + near - 2);
        }
        for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
            uint64_t value = fp_random_bits(&seed) >> (fp_random_bits(&seed) % 64);
            /* sparse low bits, so that ties are met */
            value &= ~UINT64_C(0) << (fp_random_bits(&seed) % 64) | (i & 1);
            check_from_int(all_formats[f], value);
        }
    }
}

static void check_compare(enum fp_format fmt, uint64_t a, uint64_t b, int relation)
{
    bool snan = fp_layout_is_snan(fmt, a) || fp_layout_is_snan(fmt, b);
    unsigned eq_flags = 0, lt_flags = 0, le_flags = 0;

    assert_int_equal(fp_eq(fmt, a, b, &eq_flags), relation == 0);
    assert_int_equal(fp_lt(fmt, a, b, &lt_flags), relation == -1);
    assert_int_equal(fp_le(fmt, a, b, &le_flags), relation == -1 || relation == 0);
    assert_int_equal(eq_flags, snan ? FP_NV : 0);
    assert_int_equal(lt_flags, relation == 2 ? FP_NV : 0);
    assert_int_equal(le_flags, relation == 2 ? FP_NV : 0);
}

/* The relation of any two values is that of their exact images in binary64. */
static int relation_of(enum fp_format fmt, uint64_t a, uint64_t b)
{
    unsigned flags = 0;
    int relation = 2;

    assert_true(fphost_relation(FP_D, fpmodel_convert(FP_D, fmt, a, FP_RNE, &flags),
                                fpmodel_convert(FP_D, fmt, b, FP_RNE, &flags), &relation));
    return relation;
}

/* fmin and fmax by the text of version 2.2: minimumNumber and maximumNumber of IEEE 754-2019. */
static void check_min_max(enum fp_format fmt, uint64_t a, uint64_t b, int relation)
{
    bool a_nan = fp_layout_is_nan(fmt, a), b_nan = fp_layout_is_nan(fmt, b);
    bool snan = fp_layout_is_snan(fmt, a) || fp_layout_is_snan(fmt, b);
    uint64_t least = a, greatest = b;
    unsigned min_flags = 0, max_flags = 0;

    if (a_nan || b_nan)
        least = greatest = !b_nan ? b : !a_nan ? a : fp_layout_canonical(fmt);
    else if (relation == 1 || (relation == 0 && (b & fp_layout_sign(fmt))))
        least = b, greatest = a;
    assert_int_equal(fp_min(fmt, a, b, &min_flags), least);
    assert_int_equal(fp_max(fmt, a, b, &max_flags), greatest);
    assert_int_equal(min_flags, snan ? FP_NV : 0);
    assert_int_equal(max_flags, snan ? FP_NV : 0);
}

static void for_each_pair(void (*check)(enum fp_format fmt, uint64_t a, uint64_t b, int relation))
{
    for (unsigned f = 0; f < ARRAY_SIZE(all_formats); f++) {
        enum fp_format fmt = all_formats[f];
        uint64_t x[3], seed = f;
        for (unsigned i = 0; fp_boundary_value(fmt, i, &x[0]); i++) {
            for (unsigned j = 0; fp_boundary_value(fmt, j, &x[1]); j++)
                check(fmt, x[0], x[1], relation_of(fmt, x[0], x[1]));
        }
        for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
            fp_random_operands(fmt, &seed, x);
            check(fmt, x[0], x[1], relation_of(fmt, x[0], x[1]));
        }
    }
}

static void feq_is_quiet_and_flt_and_fle_signal_on_any_nan(void **state)
{
    (void)state;
    for_each_pair(check_compare);
}

static void fmin_and_fmax_prefer_numbers_and_order_the_zeros(void **state)
{
    (void)state;
    for_each_pair(check_min_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_the_exact_sum_rounded_once),
        cmocka_unit_test(a_difference_is_the_exact_difference_rounded_once),
        cmocka_unit_test(a_product_is_the_exact_product_rounded_once),
        cmocka_unit_test(a_quotient_is_the_exact_quotient_rounded_once),
        cmocka_unit_test(a_root_is_the_exact_root_rounded_once),
        cmocka_unit_test(roots_of_all_halves_are_rounded_once),
        cmocka_unit_test(a_fused_multiply_add_is_rounded_once),
        cmocka_unit_test(a_conversion_between_formats_is_rounded_once),
        cmocka_unit_test(a_conversion_to_an_integer_rounds_and_saturates),
        cmocka_unit_test(a_conversion_from_an_integer_is_rounded_once),
        cmocka_unit_test(feq_is_quiet_and_flt_and_fle_signal_on_any_nan),
        cmocka_unit_test(fmin_and_fmax_prefer_numbers_and_order_the_zeros),
    };

    return cmocka_run_group_tests_name("fp", tests, NULL, NULL);
}
