/* SPDX-License-Identifier: MIT */
/* What the firmware takes a misaligned instruction for. */
#include "firmware/misaligned.h"
#include "tests/unit/fixture.h"

#define ADDRESS UINT64_C(0x80001003)

static void every_load_and_store_is_told_by_width_sign_and_register(void **state)
{
    static const struct {
        uint32_t raw;
        uint8_t size, write, sign, reg, reg_file, insn_len;
        unsigned source;
    } rows[] = {
        {0x00051283, 2, 0, 1, 5, EXIT_REG_X, 4, 0}, /* lh t0, 0(a0) */
        {0x00055283, 2, 0, 0, 5, EXIT_REG_X, 4, 0}, /* lhu */
        {0x00052283, 4, 0, 1, 5, EXIT_REG_X, 4, 0}, /* lw */
        {0x00056283, 4, 0, 0, 5, EXIT_REG_X, 4, 0}, /* lwu */
        {0x00053283, 8, 0, 0, 5, EXIT_REG_X, 4, 0}, /* ld */
        {0x00052287, 4, 0, 0, 5, EXIT_REG_F, 4, 0}, /* flw ft5, 0(a0) */
        {0x00053287, 8, 0, 0, 5, EXIT_REG_F, 4, 0}, /* fld */
        {0x00551023, 2, 1, 0, 0, EXIT_REG_X, 4, 5}, /* sh t0, 0(a0) */
        {0x00552023, 4, 1, 0, 0, EXIT_REG_X, 4, 5}, /* sw */
        {0x00553023, 8, 1, 0, 0, EXIT_REG_X, 4, 5}, /* sd */
        {0x00552027, 4, 1, 0, 0, EXIT_REG_F, 4, 5}, /* fsw ft5, 0(a0) */
        {0x00553027, 8, 1, 0, 0, EXIT_REG_F, 4, 5}, /* fsd */
        {0x6108, 8, 0, 0, 10, EXIT_REG_X, 2, 0},    /* c.ld a0, 0(a0) */
        {0xe10c, 8, 1, 0, 0, EXIT_REG_X, 2, 11},    /* c.sd a1, 0(a0) */
        {0x4502, 4, 0, 1, 10, EXIT_REG_X, 2, 0},    /* c.lwsp a0, 0(sp) */
        {0x2108, 8, 0, 0, 10, EXIT_REG_F, 2, 0},    /* c.fld fa0, 0(a0) */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct exit_mmio access;
        unsigned source;

        assert_true(misaligned_decode(&fixture_isa, rows[i].raw, ADDRESS, &access, &source));
        assert_int_equal(access.gva, ADDRESS);
        assert_int_equal(access.size, rows[i].size);
        assert_int_equal(access.write, rows[i].write);
        assert_int_equal(access.sign, rows[i].sign);
        assert_int_equal(access.reg_file, rows[i].reg_file);
        assert_int_equal(access.insn_len, rows[i].insn_len);
        if (rows[i].write)
            assert_int_equal(source, rows[i].source);
        else
            assert_int_equal(access.reg, rows[i].reg);
        assert_int_equal(access.done, 0);
    }
}

static void atomics_and_everything_else_are_not_taken_apart(void **state)
{
    static const uint32_t others[] = {
        0x100522af, /* lr.w t0, (a0) */
        0x185522af, /* sc.w */
        0x0002b52f, /* amoadd.d */
        0x0005200f, /* cbo.inval */
        0x00000013, /* nop */
        0x00000073, /* ecall */
        0xffffffff, 0x0000,
    };
    struct exit_mmio access;
    unsigned source;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(misaligned_decode(&fixture_isa, others[i], ADDRESS, &access, &source));
}

static void what_no_hart_has_is_not_decoded(void **state)
{
    struct isa isa = fixture_isa;
    struct exit_mmio access;
    unsigned source;

    (void)state;
    isa.ext &= ~(UINT64_C(1) << ISA_D);
    assert_false(misaligned_decode(&isa, 0x00053287, ADDRESS, &access, &source));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_load_and_store_is_told_by_width_sign_and_register),
        cmocka_unit_test(atomics_and_everything_else_are_not_taken_apart),
        cmocka_unit_test(what_no_hart_has_is_not_decoded),
    };

    return cmocka_run_group_tests_name("misaligned", tests, NULL, NULL);
}
