/* SPDX-License-Identifier: MIT */
/* Loads and stores of x and f registers: values, faults and MMIO exits. */
#include "core/csr.h"
#include "core/mmu.h"
#include "tests/unit/encode.h"
#include "tests/unit/exec_fixture.h"

#define ONES UINT64_MAX

static void loads_extend_as_their_width_and_sign_say(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t value;
    } cases[] = {
        {INSN_lb, UINT64_C(0xffffffffffffff88)}, {INSN_lbu, 0x88},
        {INSN_lh, UINT64_C(0xffffffffffff8788)}, {INSN_lhu, 0x8788},
        {INSN_lw, UINT64_C(0xffffffff85868788)}, {INSN_lwu, 0x85868788},
        {INSN_ld, UINT64_C(0x8182838485868788)},
    };
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x8182838485868788;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        vcpu->user.x[5] = DATA + 8;
        run_expect(vcpu, encode_i(cases[i].id, 7, 5, -8), EXEC_NEXT);
        assert_int_equal(vcpu->user.x[7], cases[i].value);
    }
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4 * ARRAY_SIZE(cases));
    run_expect(vcpu, encode_i(INSN_ld, 0, 5, -8), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[0], 0);
}

static void stores_write_their_width_and_no_more(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t memory;
    } cases[] = {
        {INSN_sb, UINT64_C(0xffffffffffffff88)},
        {INSN_sh, UINT64_C(0xffffffffffff8788)},
        {INSN_sw, UINT64_C(0xffffffff85868788)},
        {INSN_sd, UINT64_C(0x8182838485868788)},
    };
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[6] = 0x8182838485868788;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        *word_at(state, DATA - 16) = ONES;
        run_expect(vcpu, encode_s(cases[i].id, 5, 6, -16), EXEC_NEXT);
        assert_int_equal(*word_at(state, DATA - 16), cases[i].memory);
    }
}

static void faults_of_loads_and_stores_name_the_address(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = HOLE;
    run_expect_trap(vcpu, encode_i(INSN_lw, 7, 5, 4), CAUSE_LOAD_ACCESS, HOLE + 4);
    run_expect_trap(vcpu, encode_s(INSN_sw, 5, 7, 4), CAUSE_STORE_ACCESS, HOLE + 4);
}

static void floating_point_loads_are_nan_boxed_and_make_fs_dirty(void **state)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x8182838485868788;
    run_expect(vcpu, encode_i(INSN_flh, 1, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[1], 0xffffffffffff8788);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_FS, SSTATUS_FS);
    run_expect(vcpu, encode_i(INSN_flw, 0, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[0], 0xffffffff85868788);
    run_expect(vcpu, encode_i(INSN_fld, 31, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[31], 0x8182838485868788);
}

static void floating_point_stores_write_the_low_bits_boxed_or_not_and_leave_fs(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t fs = vcpu->priv.sstatus & SSTATUS_FS;

    vcpu->user.f[3] = 0x1112131415161718;
    *word_at(state, DATA) = 0;
    run_expect(vcpu, encode_s(INSN_fsh, 5, 3, 0), EXEC_NEXT);
    assert_int_equal(*word_at(state, DATA), 0x1718);
    run_expect(vcpu, encode_s(INSN_fsw, 5, 3, 0), EXEC_NEXT);
    assert_int_equal(*word_at(state, DATA), 0x15161718);
    run_expect(vcpu, encode_s(INSN_fsd, 5, 3, 0), EXEC_NEXT);
    assert_int_equal(*word_at(state, DATA), 0x1112131415161718);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_FS, fs);
}

static void floating_point_accesses_are_illegal_while_fs_is_off(void **state)
{
    static const enum insn_id loads[] = {INSN_flh, INSN_flw, INSN_fld};
    static const enum insn_id stores[] = {INSN_fsh, INSN_fsw, INSN_fsd};
    struct vcpu *vcpu = hart(state);

    vcpu->priv.sstatus &= ~SSTATUS_FS;
    vcpu->user.x[5] = HOLE; /* FS is looked at before the address */
    for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
        uint32_t load = encode_i(loads[i], 1, 5, 0), store = encode_s(stores[i], 5, 1, 0);

        run_expect_trap(vcpu, load, CAUSE_ILLEGAL_INSN, load);
        run_expect_trap(vcpu, store, CAUSE_ILLEGAL_INSN, store);
    }
    run_expect_trap(vcpu, 0x2280, CAUSE_ILLEGAL_INSN, 0x2280); /* c.fld f8, 0(x13) */
}

static void a_load_from_a_device_becomes_an_exit_with_pc_at_the_load(void **state)
{
    struct vcpu *vcpu = hart(state);
    const struct exit_mmio *mmio = &vcpu->priv.exit.mmio;

    memset(&vcpu->priv.exit, 0xa5, sizeof(vcpu->priv.exit));
    vcpu->user.x[5] = DEVICE + 8;
    run_expect(vcpu, encode_i(INSN_lh, 7, 5, -4), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_MMIO);
    assert_int_equal(mmio->gpa, DEVICE + 4);
    assert_int_equal(mmio->gva, DEVICE + 4);
    assert_int_equal(mmio->size, 2);
    assert_int_equal(mmio->write, 0);
    assert_int_equal(mmio->data, 0);
    assert_int_equal(mmio->sign, 1);
    assert_int_equal(mmio->reg, 7);
    assert_int_equal(mmio->reg_file, EXIT_REG_X);
    assert_int_equal(mmio->insn_len, 4);
    assert_int_equal(mmio->done | mmio->failed, 0);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM);
    run_expect(vcpu, encode_i(INSN_lwu, 7, 5, 0), EXEC_EXIT);
    assert_int_equal(mmio->sign, 0);
}

static void a_store_to_a_device_becomes_an_exit_with_the_value(void **state)
{
    struct vcpu *vcpu = hart(state);
    const struct exit_mmio *mmio = &vcpu->priv.exit.mmio;

    vcpu->user.x[10] = DEVICE;
    vcpu->user.x[11] = 0x8182838485868788;
    run_expect(vcpu, 0xc14c, EXEC_EXIT); /* c.sw x11, 4(x10) */
    assert_int_equal(mmio->gpa, DEVICE + 4);
    assert_int_equal(mmio->write, 1);
    assert_int_equal(mmio->size, 4);
    assert_int_equal(mmio->data, 0x85868788);
    assert_int_equal(mmio->insn_len, 2);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM);
    assert_int_equal(vcpu->priv.exit.insn, 0xc14c);
}

static void a_floating_point_load_from_a_device_names_the_f_register(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = DEVICE;
    run_expect(vcpu, encode_i(INSN_flw, 9, 5, 0), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.mmio.reg_file, EXIT_REG_F);
    assert_int_equal(vcpu->priv.exit.mmio.reg, 9);
    assert_int_equal(vcpu->priv.exit.mmio.size, 4);
    assert_int_equal(vcpu->priv.exit.mmio.sign, 0);
}

static void the_exit_carries_the_virtual_address_beside_the_physical_one(void **state)
{
    struct vcpu *vcpu = hart(state);

    map_ram(state, PTE_AD | PTE_R | PTE_W);
    *word_at(state, FIXTURE_RAM + 0x1000 + 8) = PTE_AD | PTE_R | PTE_W; /* 1 GiB: physical 0 */
    vcpu->user.x[5] = GIB(1) + DEVICE;
    run_expect(vcpu, encode_i(INSN_lw, 7, 5, 0), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.mmio.gpa, DEVICE);
    assert_int_equal(vcpu->priv.exit.mmio.gva, GIB(1) + DEVICE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, exec_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loads_extend_as_their_width_and_sign_say),
        TEST(stores_write_their_width_and_no_more),
        TEST(faults_of_loads_and_stores_name_the_address),
        TEST(floating_point_loads_are_nan_boxed_and_make_fs_dirty),
        TEST(floating_point_stores_write_the_low_bits_boxed_or_not_and_leave_fs),
        TEST(floating_point_accesses_are_illegal_while_fs_is_off),
        TEST(a_load_from_a_device_becomes_an_exit_with_pc_at_the_load),
        TEST(a_store_to_a_device_becomes_an_exit_with_the_value),
        TEST(a_floating_point_load_from_a_device_names_the_f_register),
        TEST(the_exit_carries_the_virtual_address_beside_the_physical_one),
    };

    return cmocka_run_group_tests_name("exec_mem", tests, NULL, NULL);
}
