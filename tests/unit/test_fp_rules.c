/* SPDX-License-Identifier: MIT */
/* core/fp.h by hand: the tables of the specification, and what IEEE 754 leaves to RISC-V. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/fp.h"

/* fcvt.w[u], fcvt.l[u]: Unpriv. table "Domains of float-to-integer conversions and behavior for
 * invalid inputs". */
static void invalid_conversions_to_integers_give_the_results_of_the_table(void **state)
{
    static const struct {
        unsigned bits;
        bool is_signed;
        uint64_t low, high;
    } row[] = {
        {32, true, UINT64_C(0xffffffff80000000), 0x7fffffff},
        {32, false, 0, UINT64_MAX},
        {64, true, UINT64_C(1) << 63, INT64_MAX},
        {64, false, 0, UINT64_MAX},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(row); n++) {
        static const uint64_t too_low[] = {0xff800000, 0xff7fffff}; /* -inf, -max */
        static const uint64_t too_high[] = {0x7f800000, 0x7f7fffff, 0x7fc00000, 0xffc00000,
                                            0x7f800001}; /* +inf, +max, NaNs of either sign */
        for (unsigned i = 0; i < ARRAY_SIZE(too_low); i++) {
            unsigned flags = 0;
            assert_int_equal(
                fp_to_int(FP_S, too_low[i], row[n].bits, row[n].is_signed, FP_RTZ, &flags),
                row[n].low);
            assert_int_equal(flags, FP_NV);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(too_high); i++) {
            unsigned flags = 0;
            assert_int_equal(
                fp_to_int(FP_S, too_high[i], row[n].bits, row[n].is_signed, FP_RTZ, &flags),
                row[n].high);
            assert_int_equal(flags, FP_NV);
        }
    }
}

static void a_negative_fraction_that_rounds_to_zero_is_a_valid_unsigned_integer(void **state)
{
    unsigned flags = 0;

    (void)state;
    assert_int_equal(fp_to_int(FP_S, 0xbf400000, 32, false, FP_RTZ, &flags), 0); /* -0.75 */
    assert_int_equal(flags, FP_NX);
    flags = 0;
    assert_int_equal(fp_to_int(FP_S, 0xbf400000, 32, false, FP_RNE, &flags), 0); /* to -1 */
    assert_int_equal(flags, FP_NV);
}

static void fclass_sets_the_one_bit_of_the_table(void **state)
{
    static const struct {
        enum fp_format fmt;
        uint64_t value;
        unsigned bit;
    } row[] = {
        {FP_S, 0xff800000, 0},
        {FP_S, 0xff7fffff, 1},
        {FP_S, 0x80800000, 1},
        {FP_S, 0x807fffff, 2},
        {FP_S, 0x80000001, 2},
        {FP_S, 0x80000000, 3},
        {FP_S, 0x00000000, 4},
        {FP_S, 0x00000001, 5},
        {FP_S, 0x007fffff, 5},
        {FP_S, 0x00800000, 6},
        {FP_S, 0x7f7fffff, 6},
        {FP_S, 0x7f800000, 7},
        {FP_S, 0x7f800001, 8},
        {FP_S, 0xffbfffff, 8},
        {FP_S, 0x7fc00000, 9},
        {FP_S, 0xffffffff, 9},
        {FP_H, 0xfc00, 0},
        {FP_H, 0x83ff, 2},
        {FP_H, 0x0400, 6},
        {FP_H, 0x7d00, 8},
        {FP_H, 0x7e00, 9},
        {FP_D, UINT64_C(0xbff0000000000000), 1},
        {FP_D, UINT64_C(0x800fffffffffffff), 2},
        {FP_D, UINT64_C(0x0010000000000000), 6},
        {FP_D, UINT64_C(0x7ff7ffffffffffff), 8},
        {FP_D, UINT64_C(0xfff8000000000000), 9},
    };
    (void)state;
    for (unsigned n = 0; n < ARRAY_SIZE(row); n++)
        assert_int_equal(fp_class(row[n].fmt, row[n].value), 1u << row[n].bit);
}

/* A hair below 2^-126, the smallest normal number, rounds to it at 24 bits of precision already;
 * (1 - 2^-24) * 2^-126 does so only by the coarser unit of the subnormals. */
static void tininess_is_detected_after_rounding(void **state)
{
    unsigned flags = 0;

    (void)state;
    assert_int_equal(fp_convert(FP_S, FP_D, UINT64_C(0x380fffffffffffff), FP_RNE, &flags),
                     0x00800000);
    assert_int_equal(flags, FP_NX);
    flags = 0;
    assert_int_equal(fp_convert(FP_S, FP_D, UINT64_C(0x380fffffe0000000), FP_RNE, &flags),
                     0x00800000);
    assert_int_equal(flags, FP_NX | FP_UF);
}

static void an_exact_subnormal_result_does_not_underflow(void **state)
{
    unsigned flags = 0;

    (void)state;
    assert_int_equal(fp_mul(FP_S, 0x00800000, 0x3f000000, FP_RNE, &flags), 0x00400000);
    assert_int_equal(flags, 0);
}

static void infinity_times_zero_is_invalid_even_when_a_quiet_nan_is_added(void **state)
{
    unsigned flags = 0;

    (void)state;
    assert_int_equal(fp_fma(FP_S, 0x7f800000, 0, 0x7fc00000, FP_RNE, &flags), 0x7fc00000);
    assert_int_equal(flags, FP_NV);
    flags = 0;
    assert_int_equal(fp_fma(FP_S, 0x3f800000, 0, 0x7fc00001, FP_RNE, &flags), 0x7fc00000);
    assert_int_equal(flags, 0);
}

static void a_nan_result_is_the_canonical_one_without_payload_or_sign(void **state)
{
    unsigned flags = 0;

    (void)state;
    assert_int_equal(fp_add(FP_D, UINT64_C(0xfff8000000001234), 0, FP_RNE, &flags),
                     UINT64_C(0x7ff8000000000000));
    assert_int_equal(fp_convert(FP_H, FP_S, 0xffc12345, FP_RNE, &flags), 0x7e00);
    assert_int_equal(flags, 0);
}

static void flags_accumulate_and_are_never_cleared(void **state)
{
    unsigned flags = FP_DZ;

    (void)state;
    fp_add(FP_S, 0x3f800000, 0x3f800000, FP_RNE, &flags);
    assert_int_equal(flags, FP_DZ);
    fp_add(FP_S, 0x3f800000, 0x00000001, FP_RNE, &flags);
    assert_int_equal(flags, FP_DZ | FP_NX);
}

static void an_improperly_boxed_value_reads_as_the_canonical_nan(void **state)
{
    (void)state;
    assert_int_equal(fp_unbox(FP_S, UINT64_C(0xffffffff3f800000)), 0x3f800000);
    assert_int_equal(fp_unbox(FP_S, UINT64_C(0xfffffffe3f800000)), 0x7fc00000);
    assert_int_equal(fp_unbox(FP_S, 0x3f800000), 0x7fc00000);
    assert_int_equal(fp_unbox(FP_H, UINT64_C(0xffffffffffff3c00)), 0x3c00);
    assert_int_equal(fp_unbox(FP_H, UINT64_C(0xfffffffffffe3c00)), 0x7e00);
    assert_int_equal(fp_unbox(FP_H, UINT64_C(0x7fffffffffff3c00)), 0x7e00);
    assert_int_equal(fp_unbox(FP_D, 0x3f800000), 0x3f800000);
}

static void boxing_fills_the_upper_bits_with_ones(void **state)
{
    (void)state;
    assert_int_equal(fp_box(FP_H, 0x3c00), UINT64_C(0xffffffffffff3c00));
    assert_int_equal(fp_box(FP_S, 0x3f800000), UINT64_C(0xffffffff3f800000));
    assert_int_equal(fp_box(FP_D, 0x3f800000), 0x3f800000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_conversions_to_integers_give_the_results_of_the_table),
        cmocka_unit_test(a_negative_fraction_that_rounds_to_zero_is_a_valid_unsigned_integer),
        cmocka_unit_test(fclass_sets_the_one_bit_of_the_table),
        cmocka_unit_test(tininess_is_detected_after_rounding),
        cmocka_unit_test(an_exact_subnormal_result_does_not_underflow),
        cmocka_unit_test(infinity_times_zero_is_invalid_even_when_a_quiet_nan_is_added),
        cmocka_unit_test(a_nan_result_is_the_canonical_one_without_payload_or_sign),
        cmocka_unit_test(flags_accumulate_and_are_never_cleared),
        cmocka_unit_test(an_improperly_boxed_value_reads_as_the_canonical_nan),
        cmocka_unit_test(boxing_fills_the_upper_bits_with_ones),
    };

    return cmocka_run_group_tests_name("fp_rules", tests, NULL, NULL);
}
