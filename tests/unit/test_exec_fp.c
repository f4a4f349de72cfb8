/* SPDX-License-Identifier: MIT */
/* exec_fp: which instruction does what to the registers, fcsr and sstatus.FS. The arithmetic itself
 * is tested in test_fp.c. */
#include "core/csr.h"
#include "core/exec.h"
#include "core/fp.h"
#include "tests/unit/fixture.h"

#define PC       UINT64_C(0x80001000)
#define FS_CLEAN (UINT64_C(2) << 13)
#define ONE_S    UINT64_C(0xffffffff3f800000)
#define THIRD_S  UINT64_C(0xffffffff3eaaaaab) /* 1/3 to nearest */

/* Registers that the instructions made here use; all different. */
enum { RD = 10, RS1 = 11, RS2 = 12, RS3 = 13 };

#define SDH(stem)                                                                                  \
    {                                                                                              \
        INSN_##stem##_s, INSN_##stem##_d, INSN_##stem##_h                                          \
    }
#define FROM(type)                                                                                 \
    {                                                                                              \
        INSN_fcvt_s_##type, INSN_fcvt_d_##type, INSN_fcvt_h_##type                                 \
    }

static int setup(void **state)
{
    struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

    if (vcpu == NULL)
        return -1;
    vcpu->priv.sstatus = FS_CLEAN;
    vcpu->user.pc = PC;
    *state = vcpu;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* The encoding of an instruction with the registers above, where it has them, and rounding mode
 * `rm`, where it has one. */
static uint32_t encode(unsigned id, unsigned rm)
{
    const struct insn_info *info = insn_info(id);
    uint32_t operands = RD << 7 | rm << 12 | RS1 << 15 | RS2 << 20;

    if (info->format == INSN_FMT_R4)
        operands |= (uint32_t)RS3 << 27;
    return info->match | (operands & ~info->mask);
}

static enum exec_status run(struct vcpu *vcpu, unsigned id, unsigned rm, struct trap *trap)
{
    struct insn insn;

    insn_decode(&fixture_isa, encode(id, rm), &insn);
    assert_int_equal(insn.id, id);
    return exec_fp(vcpu, &insn, trap);
}

static void run_ok(struct vcpu *vcpu, unsigned id, unsigned rm)
{
    struct trap trap;

    assert_int_equal(run(vcpu, id, rm, &trap), EXEC_NEXT);
}

/* Runs it and finds an illegal-instruction exception and nothing changed. */
static void run_illegal(struct vcpu *vcpu, unsigned id, unsigned rm)
{
    struct vcpu_user before = vcpu->user;
    uint64_t sstatus = vcpu->priv.sstatus;
    struct trap trap = {0};

    assert_int_equal(run(vcpu, id, rm, &trap), EXEC_TRAP);
    assert_int_equal(trap.cause, CAUSE_ILLEGAL_INSN);
    assert_int_equal(trap.tval, encode(id, rm));
    assert_memory_equal(&before, &vcpu->user, sizeof(before));
    assert_int_equal(vcpu->priv.sstatus, sstatus);
}

/* The next instruction of the class after `id`; starts with INSN_illegal, ends with INSN_COUNT. */
static unsigned next_fp(unsigned id)
{
    do
        id++;
    while (id < INSN_COUNT && insn_info(id)->class != INSN_CLASS_FP);
    return id;
}

static bool has_rm(unsigned id)
{
    return (insn_info(id)->mask & 0x7000) == 0;
}

static void every_instruction_is_illegal_while_fs_is_off(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->priv.sstatus = ~SSTATUS_FS;
    for (unsigned id = next_fp(INSN_illegal); id < INSN_COUNT; id = next_fp(id))
        run_illegal(vcpu, id, FP_RNE);
}

static void every_instruction_advances_pc(void **state)
{
    struct vcpu *vcpu = *state;
    unsigned count = 0;

    for (unsigned id = next_fp(INSN_illegal); id < INSN_COUNT; id = next_fp(id), count++) {
        vcpu->user.pc = PC;
        run_ok(vcpu, id, FP_RNE);
        assert_int_equal(vcpu->user.pc, PC + 4);
    }
    assert_int_equal(count, 28 + 30 + 32); /* of F, D, Zfh */
}

static void reserved_rounding_modes_in_the_instruction_are_illegal(void **state)
{
    struct vcpu *vcpu = *state;

    for (unsigned id = next_fp(INSN_illegal); id < INSN_COUNT; id = next_fp(id)) {
        if (has_rm(id)) {
            run_illegal(vcpu, id, 5);
            run_illegal(vcpu, id, 6);
        }
    }
}

static void a_dynamic_rounding_mode_with_a_reserved_frm_is_illegal(void **state)
{
    struct vcpu *vcpu = *state;

    for (unsigned id = next_fp(INSN_illegal); id < INSN_COUNT; id = next_fp(id)) {
        for (uint64_t frm = 5; has_rm(id) && frm <= 7; frm++) {
            vcpu->user.fcsr = frm << 5;
            run_illegal(vcpu, id, FP_DYN);
        }
    }
}

static void a_reserved_frm_does_not_matter_to_what_does_not_use_it(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->user.fcsr = 7 << 5;
    for (unsigned id = next_fp(INSN_illegal); id < INSN_COUNT; id = next_fp(id))
        run_ok(vcpu, id, FP_RUP); /* where rm is free it is a static one */
}

static void the_rounding_mode_is_the_instructions_or_that_of_frm(void **state)
{
    struct vcpu *vcpu = *state;
    static const uint64_t tenth[] = {
        [FP_RNE] = 0x3dcccccd, [FP_RTZ] = 0x3dcccccc, [FP_RDN] = 0x3dcccccc,
        [FP_RUP] = 0x3dcccccd, [FP_RMM] = 0x3dcccccd,
    };

    vcpu->user.f[RS1] = ONE_S;
    vcpu->user.f[RS2] = fp_box(FP_S, 0x41200000); /* 10 */
    for (unsigned rm = FP_RNE; rm <= FP_RMM; rm++) {
        vcpu->user.fcsr = (rm == FP_RTZ ? 3u : 1u) << 5; /* not to be used */
        run_ok(vcpu, INSN_fdiv_s, rm);
        assert_int_equal(vcpu->user.f[RD], fp_box(FP_S, tenth[rm]));
        vcpu->user.fcsr = rm << 5;
        run_ok(vcpu, INSN_fdiv_s, FP_DYN);
        assert_int_equal(vcpu->user.f[RD], fp_box(FP_S, tenth[rm]));
    }
}

static void the_conversions_and_multiply_adds_round_by_their_mode_too(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->user.f[RS1] = fp_box(FP_S, 0x40200000); /* 2.5 */
    run_ok(vcpu, INSN_fcvt_w_s, FP_RNE);
    assert_int_equal(vcpu->user.x[RD], 2);
    run_ok(vcpu, INSN_fcvt_w_s, FP_RMM);
    assert_int_equal(vcpu->user.x[RD], 3);
    vcpu->user.x[RS1] = 0x1000001; /* 2^24 + 1 */
    run_ok(vcpu, INSN_fcvt_s_l, FP_RTZ);
    assert_int_equal(vcpu->user.f[RD], fp_box(FP_S, 0x4b800000));
    run_ok(vcpu, INSN_fcvt_s_l, FP_RUP);
    assert_int_equal(vcpu->user.f[RD], fp_box(FP_S, 0x4b800001));
    vcpu->user.f[RS1] = vcpu->user.f[RS2] = ONE_S;
    vcpu->user.f[RS3] = fp_box(FP_S, 1); /* the smallest subnormal */
    run_ok(vcpu, INSN_fmadd_s, FP_RUP);
    assert_int_equal(vcpu->user.f[RD], fp_box(FP_S, 0x3f800001));
    run_ok(vcpu, INSN_fmadd_s, FP_RDN);
    assert_int_equal(vcpu->user.f[RD], fp_box(FP_S, 0x3f800000));
}

static uint64_t number(enum fp_format fmt, int64_t value)
{
    unsigned flags = 0;

    return fp_box(fmt, fp_from_int(fmt, (uint64_t)value, 64, true, FP_RNE, &flags));
}

/* Instructions on small integers, in each format; the result goes to f or to x. */
static void each_instruction_computes_what_its_name_says(void **state)
{
    static const struct {
        unsigned id[3];
        int64_t a, b, c, x; /* f[rs1], f[rs2], f[rs3]; x[rs1] */
        int64_t f_result, x_result;
    } row[] = {
        {SDH(fadd), 5, 3, 0, 0, 8, 0},     {SDH(fsub), 5, 3, 0, 0, 2, 0},
        {SDH(fmul), 5, 3, 0, 0, 15, 0},    {SDH(fdiv), 6, 3, 0, 0, 2, 0},
        {SDH(fsqrt), 9, 0, 0, 0, 3, 0},    {SDH(fmadd), 2, 3, 1, 0, 7, 0},
        {SDH(fmsub), 2, 3, 1, 0, 5, 0},    {SDH(fnmsub), 2, 3, 1, 0, -5, 0},
        {SDH(fnmadd), 2, 3, 1, 0, -7, 0},  {SDH(fsgnj), 5, -3, 0, 0, -5, 0},
        {SDH(fsgnj), -5, 3, 0, 0, 5, 0},   {SDH(fsgnjn), 5, 3, 0, 0, -5, 0},
        {SDH(fsgnjn), -5, -3, 0, 0, 5, 0}, {SDH(fsgnjx), -5, -3, 0, 0, 5, 0},
        {SDH(fsgnjx), -5, 3, 0, 0, -5, 0}, {SDH(fmin), 5, 3, 0, 0, 3, 0},
        {SDH(fmax), 5, 3, 0, 0, 5, 0},     {SDH(feq), 5, 5, 0, 0, 0, 1},
        {SDH(feq), 5, 3, 0, 0, 0, 0},      {SDH(flt), 3, 5, 0, 0, 0, 1},
        {SDH(flt), 5, 5, 0, 0, 0, 0},      {SDH(fle), 5, 5, 0, 0, 0, 1},
        {SDH(fle), 5, 3, 0, 0, 0, 0},      {SDH(fclass), -5, 0, 0, 0, 0, 1 << 1},
        {SDH(fcvt_w), -7, 0, 0, 0, 0, -7}, {SDH(fcvt_wu), 7, 0, 0, 0, 0, 7},
        {SDH(fcvt_l), -7, 0, 0, 0, 0, -7}, {SDH(fcvt_lu), 7, 0, 0, 0, 0, 7},
        {FROM(w), 0, 0, 0, -7, -7, 0},     {FROM(wu), 0, 0, 0, 7, 7, 0},
        {FROM(l), 0, 0, 0, -7, -7, 0},     {FROM(lu), 0, 0, 0, 7, 7, 0},
    };
    struct vcpu *vcpu = *state;

    for (unsigned n = 0; n < ARRAY_SIZE(row) * 3; n++) {
        enum fp_format fmt = (enum fp_format)(n % 3);
        vcpu->user.f[RD] = number(fmt, 0);
        vcpu->user.x[RD] = 0;
        vcpu->user.f[RS1] = number(fmt, row[n / 3].a);
        vcpu->user.f[RS2] = number(fmt, row[n / 3].b);
        vcpu->user.f[RS3] = number(fmt, row[n / 3].c);
        vcpu->user.x[RS1] = (uint64_t)row[n / 3].x;
        run_ok(vcpu, row[n / 3].id[fmt], FP_RNE);
        assert_int_equal(vcpu->user.f[RD], number(fmt, row[n / 3].f_result));
        assert_int_equal(vcpu->user.x[RD], (uint64_t)row[n / 3].x_result);
        assert_int_equal(vcpu->user.fcsr, 0);
    }
}

static void conversions_between_formats_unbox_the_source_and_box_the_result(void **state)
{
    static const struct {
        unsigned id;
        enum fp_format to, from;
    } row[] = {
        {INSN_fcvt_s_d, FP_S, FP_D}, {INSN_fcvt_d_s, FP_D, FP_S}, {INSN_fcvt_s_h, FP_S, FP_H},
        {INSN_fcvt_h_s, FP_H, FP_S}, {INSN_fcvt_d_h, FP_D, FP_H}, {INSN_fcvt_h_d, FP_H, FP_D},
    };
    struct vcpu *vcpu = *state;

    for (unsigned n = 0; n < ARRAY_SIZE(row); n++) {
        vcpu->user.f[RS1] = number(row[n].from, -12);
        run_ok(vcpu, row[n].id, FP_RNE);
        assert_int_equal(vcpu->user.f[RD], number(row[n].to, -12));
    }
    vcpu->user.f[RS1] = 0x3f800000; /* 1.0 without its box */
    run_ok(vcpu, INSN_fcvt_d_s, FP_RNE);
    assert_int_equal(vcpu->user.f[RD], UINT64_C(0x7ff8000000000000));
}

static void integer_conversions_have_the_width_and_sign_of_their_name(void **state)
{
    static const struct {
        unsigned id;
        uint64_t in, out;
    } to_x[] =
        {
            /* 3e9 */
            {INSN_fcvt_w_d, UINT64_C(0x41e65a0bc0000000), 0x7fffffff},
            {INSN_fcvt_wu_d, UINT64_C(0x41e65a0bc0000000), UINT64_C(0xffffffffb2d05e00)},
            {INSN_fcvt_l_d, UINT64_C(0x41e65a0bc0000000), 3000000000},
            {INSN_fcvt_lu_d, UINT64_C(0x41e65a0bc0000000), 3000000000},
            /* 2^63 */
            {INSN_fcvt_l_d, UINT64_C(0x43e0000000000000), INT64_MAX},
            {INSN_fcvt_lu_d, UINT64_C(0x43e0000000000000), UINT64_C(1) << 63},
        },
      from_x[] = {
          {INSN_fcvt_d_w, UINT64_C(0x180000000), UINT64_C(0xc1e0000000000000)},
          {INSN_fcvt_d_wu, UINT64_C(0x180000000), UINT64_C(0x41e0000000000000)},
          {INSN_fcvt_d_l, UINT64_C(1) << 63, UINT64_C(0xc3e0000000000000)},
          {INSN_fcvt_d_lu, UINT64_C(1) << 63, UINT64_C(0x43e0000000000000)},
      };
    struct vcpu *vcpu = *state;

    for (unsigned n = 0; n < ARRAY_SIZE(to_x); n++) {
        vcpu->user.f[RS1] = to_x[n].in;
        run_ok(vcpu, to_x[n].id, FP_RNE);
        assert_int_equal(vcpu->user.x[RD], to_x[n].out);
    }
    for (unsigned n = 0; n < ARRAY_SIZE(from_x); n++) {
        vcpu->user.x[RS1] = from_x[n].in;
        run_ok(vcpu, from_x[n].id, FP_RNE);
        assert_int_equal(vcpu->user.f[RD], from_x[n].out);
    }
}

static void moves_copy_bits_whatever_they_mean(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->user.f[RS1] = UINT64_C(0x123456789abcdef0); /* not boxed for H and S */
    run_ok(vcpu, INSN_fmv_x_w, 0);
    assert_int_equal(vcpu->user.x[RD], UINT64_C(0xffffffff9abcdef0));
    run_ok(vcpu, INSN_fmv_x_h, 0);
    assert_int_equal(vcpu->user.x[RD], UINT64_C(0xffffffffffffdef0));
    run_ok(vcpu, INSN_fmv_x_d, 0);
    assert_int_equal(vcpu->user.x[RD], UINT64_C(0x123456789abcdef0));

    vcpu->user.x[RS1] = UINT64_C(0x123456787f800001); /* a signalling NaN in the low half */
    run_ok(vcpu, INSN_fmv_w_x, 0);
    assert_int_equal(vcpu->user.f[RD], UINT64_C(0xffffffff7f800001));
    run_ok(vcpu, INSN_fmv_h_x, 0);
    assert_int_equal(vcpu->user.f[RD], UINT64_C(0xffffffffffff0001));
    run_ok(vcpu, INSN_fmv_d_x, 0);
    assert_int_equal(vcpu->user.f[RD], UINT64_C(0x123456787f800001));
    assert_int_equal(vcpu->user.fcsr, 0);
}

static void an_operand_that_is_not_boxed_is_the_canonical_nan(void **state)
{
    static const unsigned of_two[] = {INSN_fadd_s, INSN_fsub_s, INSN_fmul_s, INSN_fdiv_s};
    const uint64_t nan = UINT64_C(0xffffffff7fc00000);
    struct vcpu *vcpu = *state;

    for (unsigned n = 0; n < ARRAY_SIZE(of_two) * 2; n++) {
        vcpu->user.f[RS1] = n & 1 ? ONE_S : 0x3f800000;
        vcpu->user.f[RS2] = n & 1 ? 0x3f800000 : ONE_S;
        run_ok(vcpu, of_two[n / 2], FP_RNE);
        assert_int_equal(vcpu->user.f[RD], nan);
    }
    vcpu->user.f[RS1] = vcpu->user.f[RS2] = ONE_S;
    vcpu->user.f[RS3] = UINT64_C(0xfffffffe3f800000);
    run_ok(vcpu, INSN_fmadd_s, FP_RNE);
    assert_int_equal(vcpu->user.f[RD], nan);
    vcpu->user.f[RS1] = 0xbf800000;
    run_ok(vcpu, INSN_fsgnj_s, 0);
    assert_int_equal(vcpu->user.f[RD], nan);
    run_ok(vcpu, INSN_fclass_s, 0);
    assert_int_equal(vcpu->user.x[RD], 1 << 9);
    assert_int_equal(vcpu->user.fcsr, 0); /* it is a quiet one */
}

static void sign_injection_keeps_the_payload_of_a_nan(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->user.f[RS1] = UINT64_C(0xffffffff7f800123);
    vcpu->user.f[RS2] = UINT64_C(0xffffffff80000000);
    run_ok(vcpu, INSN_fsgnj_s, 0);
    assert_int_equal(vcpu->user.f[RD], UINT64_C(0xffffffffff800123));
    assert_int_equal(vcpu->user.fcsr, 0);
}

static void flags_accumulate_in_fcsr_beside_frm(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->user.fcsr = FP_RUP << 5 | FP_OF;
    vcpu->user.f[RS1] = ONE_S;
    vcpu->user.f[RS2] = fp_box(FP_S, 0);
    run_ok(vcpu, INSN_fdiv_s, FP_RNE);
    assert_int_equal(vcpu->user.fcsr, FP_RUP << 5 | FP_OF | FP_DZ);
    vcpu->user.f[RS2] = fp_box(FP_S, 0x40400000); /* 3 */
    run_ok(vcpu, INSN_fdiv_s, FP_RNE);
    assert_int_equal(vcpu->user.f[RD], THIRD_S);
    assert_int_equal(vcpu->user.fcsr, FP_RUP << 5 | FP_OF | FP_DZ | FP_NX);
}

static void writing_an_f_register_makes_fs_dirty(void **state)
{
    struct vcpu *vcpu = *state;

    for (unsigned fs = 1; fs <= 3; fs++) {
        vcpu->priv.sstatus = SSTATUS_SUM | (uint64_t)fs << 13;
        vcpu->user.f[RS1] = vcpu->user.f[RS2] = ONE_S;
        run_ok(vcpu, INSN_fmul_s, FP_RNE);
        assert_int_equal(vcpu->priv.sstatus, SSTATUS_SUM | SSTATUS_FS);
    }
}

static void raising_a_flag_makes_fs_dirty_and_reading_alone_does_not(void **state)
{
    struct vcpu *vcpu = *state;

    vcpu->user.f[RS1] = ONE_S;
    vcpu->user.f[RS2] = ONE_S;
    run_ok(vcpu, INSN_flt_s, 0);
    assert_int_equal(vcpu->priv.sstatus, FS_CLEAN);
    vcpu->user.f[RS2] = 0; /* a NaN for want of a box */
    run_ok(vcpu, INSN_flt_s, 0);
    assert_int_equal(vcpu->user.fcsr, FP_NV);
    assert_int_equal(vcpu->priv.sstatus, SSTATUS_FS);
}

static void x0_stays_zero(void **state)
{
    struct vcpu *vcpu = *state;
    struct insn insn;
    struct trap trap;

    vcpu->user.f[RS1] = ONE_S;
    insn_decode(&fixture_isa, encode(INSN_fmv_x_w, 0) & ~(UINT32_C(31) << 7), &insn);
    assert_int_equal(exec_fp(vcpu, &insn, &trap), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[0], 0);
}

static void f0_is_a_register_like_the_others(void **state)
{
    struct vcpu *vcpu = *state;
    struct insn insn;
    struct trap trap;

    vcpu->user.x[RS1] = 42;
    insn_decode(&fixture_isa, encode(INSN_fmv_d_x, 0) & ~(UINT32_C(31) << 7), &insn);
    assert_int_equal(exec_fp(vcpu, &insn, &trap), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[0], 42);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_instruction_is_illegal_while_fs_is_off),
        TEST(every_instruction_advances_pc),
        TEST(reserved_rounding_modes_in_the_instruction_are_illegal),
        TEST(a_dynamic_rounding_mode_with_a_reserved_frm_is_illegal),
        TEST(a_reserved_frm_does_not_matter_to_what_does_not_use_it),
        TEST(the_rounding_mode_is_the_instructions_or_that_of_frm),
        TEST(the_conversions_and_multiply_adds_round_by_their_mode_too),
        TEST(each_instruction_computes_what_its_name_says),
        TEST(conversions_between_formats_unbox_the_source_and_box_the_result),
        TEST(integer_conversions_have_the_width_and_sign_of_their_name),
        TEST(moves_copy_bits_whatever_they_mean),
        TEST(an_operand_that_is_not_boxed_is_the_canonical_nan),
        TEST(sign_injection_keeps_the_payload_of_a_nan),
        TEST(flags_accumulate_in_fcsr_beside_frm),
        TEST(writing_an_f_register_makes_fs_dirty),
        TEST(raising_a_flag_makes_fs_dirty_and_reading_alone_does_not),
        TEST(x0_stays_zero),
        TEST(f0_is_a_register_like_the_others),
    };

    return cmocka_run_group_tests_name("exec_fp", tests, NULL, NULL);
}
