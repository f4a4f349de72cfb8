/* SPDX-License-Identifier: MIT */
/* Integer computation and control flow, against values worked out from the specification. */
#include "tests/unit/encode.h"
#include "tests/unit/fixture.h"

#define MIN64 UINT64_C(0x8000000000000000)
#define MAX64 UINT64_C(0x7fffffffffffffff)
#define ONES  UINT64_MAX
#define MIN32 UINT64_C(0xffffffff80000000) /* the least word, sign-extended */

/* x7 = x5 op x6, where `a` is x5 and `b` is x6; a row without rs2 ignores b. */
struct r_case {
    enum insn_id id;
    uint64_t a, b, result;
};

/* x7 = x5 op imm */
struct i_case {
    enum insn_id id;
    uint64_t a;
    int32_t imm;
    uint64_t result;
};

static const struct r_case rv64i[] = {
    {INSN_add, ONES, 1, 0},
    {INSN_sub, 0, 1, ONES},
    {INSN_sll, 1, 63, MIN64},
    {INSN_sll, 1, 64 + 3, 8}, /* the low six bits only */
    {INSN_srl, MIN64, 63, 1},
    {INSN_srl, MIN64, 64, MIN64},
    {INSN_sra, MIN64, 63, ONES},
    {INSN_sra, MIN64, 128, MIN64},
    {INSN_slt, ONES, 0, 1},
    {INSN_slt, 0, ONES, 0},
    {INSN_slt, MIN64, MAX64, 1},
    {INSN_sltu, ONES, 0, 0},
    {INSN_sltu, 0, ONES, 1},
    {INSN_sltu, 5, 5, 0},
    {INSN_xor, 0xff00, 0x0ff0, 0xf0f0},
    {INSN_or, 0xff00, 0x0ff0, 0xfff0},
    {INSN_and, 0xff00, 0x0ff0, 0x0f00},
    {INSN_addw, 0x7fffffff, 1, MIN32},
    {INSN_addw, 0x100000001, 1, 2},
    {INSN_subw, 0, 1, ONES},
    {INSN_subw, MIN32, 1, 0x7fffffff},
    {INSN_sllw, 1, 31, MIN32},
    {INSN_sllw, 1, 32 + 2, 4}, /* the low five bits only */
    {INSN_srlw, MIN32, 31, 1},
    {INSN_srlw, 0x80000000, 32, MIN32}, /* the word is sign-extended even when it stays */
    {INSN_srlw, 0x7f00000000000010, 4, 1},
    {INSN_sraw, 0x80000000, 31, ONES},
    {INSN_sraw, 0x80000000, 32, MIN32},
    {INSN_sraw, 0xffffffff40000000, 30, 1},
};

static const struct r_case m[] = {
    {INSN_mul, 3, ONES, (uint64_t)-3},
    {INSN_mul, MIN64, ONES, MIN64},
    {INSN_mulh, ONES, ONES, 0},
    {INSN_mulh, MIN64, MIN64, UINT64_C(1) << 62},
    {INSN_mulh, MIN64, MAX64, UINT64_C(0xc000000000000000)},
    {INSN_mulh, MAX64, MIN64, UINT64_C(0xc000000000000000)},
    {INSN_mulhu, ONES, ONES, ONES - 1},
    {INSN_mulhu, MIN64, 2, 1},
    {INSN_mulhsu, ONES, ONES, ONES},
    {INSN_mulhsu, MIN64, ONES, MIN64},
    {INSN_mulhsu, 1, ONES, 0},
    {INSN_mulhsu, 2, ONES, 1},
    {INSN_div, 7, (uint64_t)-2, (uint64_t)-3}, /* towards zero */
    {INSN_div, (uint64_t)-7, 2, (uint64_t)-3},
    {INSN_div, 5, 0, ONES},
    {INSN_div, 0, 0, ONES},
    {INSN_div, MIN64, ONES, MIN64},
    {INSN_divu, 5, 0, ONES},
    {INSN_divu, ONES, MIN64, 1},
    {INSN_divu, MIN64, ONES, 0},
    {INSN_rem, 7, (uint64_t)-2, 1}, /* the sign of the dividend */
    {INSN_rem, (uint64_t)-7, 2, ONES},
    {INSN_rem, (uint64_t)-7, 0, (uint64_t)-7},
    {INSN_rem, MIN64, ONES, 0},
    {INSN_remu, ONES, 0, ONES},
    {INSN_remu, MIN64, ONES, MIN64},
    {INSN_mulw, 0x10000, 0x8000, MIN32},
    {INSN_mulw, 0xffffffff00000003, 5, 15},
    {INSN_divw, 0x80000000, 0xffffffff, MIN32},
    {INSN_divw, 5, UINT64_C(0x100000000), ONES}, /* the divisor's word is 0 */
    {INSN_divw, 0xfffffff9, 2, (uint64_t)-3},
    {INSN_divuw, 0xffffffff, 0, ONES},
    {INSN_divuw, MIN32, 1, MIN32},
    {INSN_divuw, 0xfffffffe, 2, 0x7fffffff},
    {INSN_remw, 0x80000001, 0, 0xffffffff80000001},
    {INSN_remw, 0x80000000, ONES, 0},
    {INSN_remw, 0xfffffff9, 2, ONES},
    {INSN_remuw, 0x80000005, 0, 0xffffffff80000005},
    {INSN_remuw, 0xffffffffffffffff, 16, 15},
};

static const struct r_case zba[] = {
    {INSN_add_uw, MIN32, 1, 0x80000001},
    {INSN_sh1add, MIN64 + 3, 5, 11},
    {INSN_sh2add, 3, 5, 17},
    {INSN_sh3add, 3, 5, 29},
    {INSN_sh1add_uw, MIN32, 1, 0x100000001},
    {INSN_sh2add_uw, MIN32, 1, 0x200000001},
    {INSN_sh3add_uw, MIN32, 1, 0x400000001},
};

static const struct r_case zbb[] = {
    {INSN_andn, 0xff, 0x0f, 0xf0},
    {INSN_orn, 0x10, ONES - 1, 0x11},
    {INSN_xnor, 5, 3, ~UINT64_C(6)},
    {INSN_clz, 0, 0, 64},
    {INSN_clz, 1, 0, 63},
    {INSN_clz, MIN64, 0, 0},
    {INSN_clz, 0x00f0000000000000, 0, 8},
    {INSN_clzw, 0, 0, 32},
    {INSN_clzw, 0xffffffff00000001, 0, 31},
    {INSN_clzw, 0x80000000, 0, 0},
    {INSN_ctz, 0, 0, 64},
    {INSN_ctz, MIN64, 0, 63},
    {INSN_ctz, 0xff000, 0, 12},
    {INSN_ctzw, 0xffffffff00000000, 0, 32},
    {INSN_ctzw, 0x80000000, 0, 31},
    {INSN_cpop, ONES, 0, 64},
    {INSN_cpop, 0x8000000000000001, 0, 2},
    {INSN_cpop, 0, 0, 0},
    {INSN_cpopw, ONES, 0, 32},
    {INSN_max, ONES, 1, 1},
    {INSN_maxu, ONES, 1, ONES},
    {INSN_min, ONES, 1, ONES},
    {INSN_minu, ONES, 1, 1},
    {INSN_sext_b, 0x80, 0, 0xffffffffffffff80},
    {INSN_sext_b, 0x17f, 0, 0x7f},
    {INSN_sext_h, 0x18000, 0, 0xffffffffffff8000},
    {INSN_zext_h, ONES, 0, 0xffff},
    {INSN_rol, 0x8000000000000001, 1, 3},
    {INSN_rol, 0x1234, 64, 0x1234},
    {INSN_ror, 1, 1, MIN64},
    {INSN_ror, 0x1234, 0, 0x1234},
    {INSN_ror, 0x10, 64 + 4, 1},
    {INSN_rolw, 0x80000000, 1, 1},
    {INSN_rolw, 0x40000000, 1, MIN32},
    {INSN_rolw, 0x80000000, 32, MIN32},
    {INSN_rorw, 1, 1, MIN32},
    {INSN_rorw, 0xffffffff00000002, 1, 1},
    {INSN_rorw, 0x80000000, 0, MIN32},
    {INSN_orc_b, 0x0100200000800801, 0, 0xff00ff0000ffffff},
    {INSN_rev8, 0x0102030405060708, 0, 0x0807060504030201},
};

/* The square of a polynomial has every second bit; the reversed half starts at bit 63. */
static const struct r_case zbc[] = {
    {INSN_clmul, 3, 3, 5},
    {INSN_clmul, ONES, ONES, 0x5555555555555555},
    {INSN_clmulh, ONES, ONES, 0x5555555555555555},
    {INSN_clmulr, ONES, ONES, 0xaaaaaaaaaaaaaaaa},
    {INSN_clmulh, MIN64, 2, 1},
    {INSN_clmulr, MIN64, 1, 1},
    {INSN_clmul, 0x123, 0, 0},
};

static const struct r_case zbs[] = {
    {INSN_bclr, ONES, 63, MAX64},  {INSN_bclr, ONES, 64, ONES - 1}, {INSN_bext, MIN64, 63, 1},
    {INSN_bext, MIN64, 127, 1},    {INSN_bext, MIN64, 62, 0},       {INSN_binv, 0, 64, 1},
    {INSN_binv, MIN64 | 1, 63, 1}, {INSN_bset, 1, 63, MIN64 | 1},   {INSN_bset, 0, 65, 2},
};

static const struct i_case immediates[] = {
    {INSN_addi, 0, -1, ONES},
    {INSN_addi, 1, 2047, 2048},
    {INSN_slti, (uint64_t)-2, -1, 1},
    {INSN_slti, 0, -1, 0},
    {INSN_sltiu, 0, -1, 1}, /* sign-extended first, then unsigned */
    {INSN_sltiu, ONES, -1, 0},
    {INSN_xori, 0x55, -1, ~UINT64_C(0x55)},
    {INSN_ori, 0x0f, 0x70, 0x7f},
    {INSN_andi, ONES, -2048, ~UINT64_C(2047)},
    {INSN_slli, 1, 63, MIN64},
    {INSN_srli, MIN64, 63, 1},
    {INSN_srai, MIN64, 63, ONES},
    {INSN_addiw, 0x7fffffff, 1, MIN32},
    {INSN_addiw, MIN32 << 1, 0, 0}, /* sext.w */
    {INSN_slliw, 3, 31, MIN32},
    {INSN_srliw, ONES, 1, 0x7fffffff},
    {INSN_srliw, ONES, 0, ONES},
    {INSN_sraiw, 0x80000000, 31, ONES},
    {INSN_slli_uw, ONES, 4, 0xffffffff0},
    {INSN_slli_uw, ONES, 63, MIN64},
    {INSN_rori, 1, 63, 2},
    {INSN_roriw, 1, 31, 2},
    {INSN_bclri, ONES, 63, MAX64},
    {INSN_bexti, MIN64, 63, 1},
    {INSN_binvi, 0, 63, MIN64},
    {INSN_bseti, 0, 40, UINT64_C(1) << 40},
};

static bool covered[INSN_COUNT]; /* by a case of some table */

static void check(struct vcpu *vcpu, enum insn_id id, uint32_t raw, uint64_t result)
{
    uint64_t pc = vcpu->user.pc;

    covered[id] = true;
    run_expect(vcpu, raw, EXEC_NEXT);
    if (vcpu->user.x[7] != result)
        print_error("%s: %016llx\n", insn_info(id)->name, (unsigned long long)vcpu->user.x[7]);
    assert_int_equal(vcpu->user.x[7], result);
    assert_int_equal(vcpu->user.pc, pc + 4);
}

static void check_r(struct vcpu *vcpu, const struct r_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vcpu->user.x[5] = cases[i].a;
        vcpu->user.x[6] = cases[i].b;
        check(vcpu, cases[i].id, encode_r(cases[i].id, 7, 5, 6), cases[i].result);
    }
}

static void rv64i_register_operations_wrap_and_use_the_low_bits_of_shift_counts(void **state)
{
    struct fixture *f = *state;

    check_r(&f->vcpu[0], rv64i, ARRAY_SIZE(rv64i));
}

static void m_division_by_zero_and_overflow_give_the_values_of_the_specification(void **state)
{
    struct fixture *f = *state;

    check_r(&f->vcpu[0], m, ARRAY_SIZE(m));
}

static void zba_adds_shifted_and_zero_extended_addresses(void **state)
{
    struct fixture *f = *state;

    check_r(&f->vcpu[0], zba, ARRAY_SIZE(zba));
}

static void zbb_counts_extends_and_rotates(void **state)
{
    struct fixture *f = *state;

    check_r(&f->vcpu[0], zbb, ARRAY_SIZE(zbb));
}

static void zbc_multiplies_without_carries(void **state)
{
    struct fixture *f = *state;

    check_r(&f->vcpu[0], zbc, ARRAY_SIZE(zbc));
}

static void zbs_works_on_the_bit_that_the_low_six_bits_name(void **state)
{
    struct fixture *f = *state;

    check_r(&f->vcpu[0], zbs, ARRAY_SIZE(zbs));
}

static void immediates_are_sign_extended_and_shift_amounts_are_not(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(immediates); i++) {
        const struct i_case *c = &immediates[i];

        f->vcpu[0].user.x[5] = c->a;
        check(&f->vcpu[0], c->id, encode_i(c->id, 7, 5, c->imm), c->result);
    }
}

static void lui_and_auipc_sign_extend_their_upper_immediate(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    check(vcpu, INSN_lui, encode_u(INSN_lui, 7, 0x80000), MIN32);
    check(vcpu, INSN_lui, encode_u(INSN_lui, 7, 0x12345), 0x12345000);
    vcpu->user.pc = 0x80001234;
    check(vcpu, INSN_auipc, encode_u(INSN_auipc, 7, 0xfffff), 0x80000234);
}

/* Runs after the tables. */
static void every_computing_instruction_has_a_case(void **state)
{
    (void)state;
    for (unsigned id = 0; id < INSN_COUNT; id++) {
        if (insn_info(id)->class == INSN_CLASS_ALU && !covered[id])
            fail_msg("%s has none", insn_info(id)->name);
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void upper_products_agree_with_128_bit_arithmetic(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];
    uint64_t seed = 88172645463325252;

    for (unsigned i = 0; i < 2000; i++) {
        uint64_t a = next_random(&seed), b = next_random(&seed);
        __int128 sa = (int64_t)a, sb = (int64_t)b;
        unsigned __int128 ua = a, ub = b;

        vcpu->user.x[5] = a;
        vcpu->user.x[6] = b;
        check(vcpu, INSN_mulhu, encode_r(INSN_mulhu, 7, 5, 6), (uint64_t)(ua * ub >> 64));
        check(vcpu, INSN_mulh, encode_r(INSN_mulh, 7, 5, 6), (uint64_t)(sa * sb >> 64));
        check(vcpu, INSN_mulhsu, encode_r(INSN_mulhsu, 7, 5, 6),
              (uint64_t)((unsigned __int128)sa * ub >> 64));
    }
}

static void x0_stays_zero(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    run_expect(vcpu, encode_i(INSN_addi, 0, 0, 5), EXEC_NEXT);
    run_expect(vcpu, encode_j(0, 8), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[0], 0);
}

static void pc_advances_by_the_length_of_the_instruction(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    run_expect(vcpu, 0x0285, EXEC_NEXT); /* c.addi x5, 1 */
    assert_int_equal(vcpu->user.x[5], 1);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 2);
    run_expect(vcpu, 0x00128293, EXEC_NEXT); /* addi x5, x5, 1 */
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 6);
}

static void branches_compare_signed_or_unsigned_and_are_relative_to_themselves(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t a, b;
        bool taken;
    } cases[] = {
        {INSN_beq, 5, 5, true},      {INSN_beq, 5, 6, false},     {INSN_bne, 5, 6, true},
        {INSN_bne, 5, 5, false},     {INSN_blt, ONES, 0, true},   {INSN_blt, 0, ONES, false},
        {INSN_blt, 5, 5, false},     {INSN_bge, 0, ONES, true},   {INSN_bge, 5, 5, true},
        {INSN_bge, ONES, 0, false},  {INSN_bltu, ONES, 0, false}, {INSN_bltu, 0, ONES, true},
        {INSN_bltu, 5, 5, false},    {INSN_bgeu, ONES, 0, true},  {INSN_bgeu, 5, 5, true},
        {INSN_bgeu, 0, ONES, false},
    };
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        vcpu->user.pc = 0x80001000;
        vcpu->user.x[5] = cases[i].a;
        vcpu->user.x[6] = cases[i].b;
        run_expect(vcpu, encode_b(cases[i].id, 5, 6, -4096), EXEC_NEXT);
        assert_int_equal(vcpu->user.pc, cases[i].taken ? 0x80000000 : 0x80001004);
    }
}

static void jumps_link_the_next_instruction_and_jalr_clears_bit_0(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    vcpu->user.pc = 0x80001000;
    run_expect(vcpu, encode_j(1, -0x100000), EXEC_NEXT);
    assert_int_equal(vcpu->user.pc, 0x7ff01000);
    assert_int_equal(vcpu->user.x[1], 0x80001004);
    vcpu->user.x[5] = 0x80002001;
    run_expect(vcpu, encode_i(INSN_jalr, 5, 5, 6), EXEC_NEXT); /* rd and rs1 the same */
    assert_int_equal(vcpu->user.pc, 0x80002006);
    assert_int_equal(vcpu->user.x[5], 0x7ff01004);
    run_expect(vcpu, 0x9282, EXEC_NEXT); /* c.jalr x5 links behind two bytes */
    assert_int_equal(vcpu->user.pc, 0x7ff01004);
    assert_int_equal(vcpu->user.x[1], 0x80002008);
}

static void without_c_a_jump_to_a_target_that_is_not_4_aligned_traps_with_the_target(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];
    uint64_t pc = vcpu->user.pc;

    run_expect(vcpu, encode_j(1, 6), EXEC_NEXT);
    vcpu->user.pc = pc;
    f->vm.isa.ext &= ~(UINT64_C(1) << ISA_C);
    run_expect_trap(vcpu, encode_j(1, 6), CAUSE_INSN_MISALIGNED, pc + 6);
    run_expect_trap(vcpu, encode_b(INSN_beq, 0, 0, 6), CAUSE_INSN_MISALIGNED, pc + 6);
    vcpu->user.x[5] = 0x80000002;
    run_expect_trap(vcpu, encode_i(INSN_jalr, 1, 5, 1), CAUSE_INSN_MISALIGNED, 0x80000002);
    run_expect(vcpu, encode_b(INSN_bne, 0, 0, 6), EXEC_NEXT); /* not taken */
    vcpu->user.pc = pc;
    run_expect(vcpu, encode_j(1, 8), EXEC_NEXT);
    assert_int_equal(vcpu->user.pc, pc + 8);
}

static void illegal_instructions_trap_with_their_bits_in_tval(void **state)
{
    struct fixture *f = *state;
    struct insn insn = {.id = INSN_COUNT + 7, .len = 4, .raw = 0x1234567f};
    struct trap trap = {0};

    run_expect_trap(&f->vcpu[0], 0xffffffff, CAUSE_ILLEGAL_INSN, 0xffffffff);
    run_expect_trap(&f->vcpu[0], 0xabcd0000, CAUSE_ILLEGAL_INSN, 0);
    assert_int_equal(exec_insn(&f->vcpu[0], &insn, &trap), EXEC_TRAP); /* an engine's own number */
    assert_int_equal(trap.cause, CAUSE_ILLEGAL_INSN);
}

static void fences_are_done_and_fence_i_says_so(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    run_expect(vcpu, 0x0ff0000f, EXEC_NEXT);
    run_expect(vcpu, insn_info(INSN_pause)->match, EXEC_NEXT);
    run_expect(vcpu, insn_info(INSN_fence_i)->match, EXEC_CODE);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 12);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rv64i_register_operations_wrap_and_use_the_low_bits_of_shift_counts),
        TEST(m_division_by_zero_and_overflow_give_the_values_of_the_specification),
        TEST(zba_adds_shifted_and_zero_extended_addresses),
        TEST(zbb_counts_extends_and_rotates),
        TEST(zbc_multiplies_without_carries),
        TEST(zbs_works_on_the_bit_that_the_low_six_bits_name),
        TEST(immediates_are_sign_extended_and_shift_amounts_are_not),
        TEST(lui_and_auipc_sign_extend_their_upper_immediate),
        TEST(every_computing_instruction_has_a_case),
        TEST(upper_products_agree_with_128_bit_arithmetic),
        TEST(x0_stays_zero),
        TEST(pc_advances_by_the_length_of_the_instruction),
        TEST(branches_compare_signed_or_unsigned_and_are_relative_to_themselves),
        TEST(jumps_link_the_next_instruction_and_jalr_clears_bit_0),
        TEST(without_c_a_jump_to_a_target_that_is_not_4_aligned_traps_with_the_target),
        TEST(illegal_instructions_trap_with_their_bits_in_tval),
        TEST(fences_are_done_and_fence_i_says_so),
    };

    return cmocka_run_group_tests_name("exec_alu", tests, NULL, NULL);
}
