/* SPDX-License-Identifier: MIT */
/* AMO, LR and SC, and cache-block operations: results, atomicity, permissions and causes. */
#include <pthread.h>

#include "core/csr.h"
#include "core/mmu.h"
#include "tests/unit/encode.h"
#include "tests/unit/exec_fixture.h"

#define ONES UINT64_MAX

static void amos_return_the_old_value_sign_extended_and_store_the_new_one(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t memory, operand, result, after;
    } cases[] = {
        {INSN_amoswap_w, 0x1111111180000000, 5, 0xffffffff80000000, 0x1111111100000005},
        {INSN_amoadd_w, 0x11111111ffffffff, 2, ONES, 0x1111111100000001},
        {INSN_amoxor_w, 0xff00, 0x0ff0, 0xff00, 0xf0f0},
        {INSN_amoand_w, 0xff00, 0x0ff0, 0xff00, 0x0f00},
        {INSN_amoor_w, 0xff00, 0x0ff0, 0xff00, 0xfff0},
        {INSN_amomin_w, 0xffffffff, 1, ONES, 0xffffffff},
        {INSN_amomin_w, 5, 0x7fffffff80000000, 5, 0x80000000}, /* only the low word of rs2 */
        {INSN_amomax_w, 0xffffffff, 1, ONES, 1},
        {INSN_amominu_w, 0xffffffff, 1, ONES, 1},
        {INSN_amomaxu_w, 0xffffffff, 1, ONES, 0xffffffff},
        {INSN_amomaxu_w, 1, 0xf00000000, 1, 1},
        {INSN_amoswap_d, 7, ONES, 7, ONES},
        {INSN_amoadd_d, ONES, 2, ONES, 1},
        {INSN_amoxor_d, ONES, 1, ONES, ONES - 1},
        {INSN_amoand_d, ONES, 6, ONES, 6},
        {INSN_amoor_d, 8, 1, 8, 9},
        {INSN_amomin_d, ONES, 1, ONES, ONES},
        {INSN_amomax_d, ONES, 1, ONES, 1},
        {INSN_amominu_d, ONES, 1, ONES, 1},
        {INSN_amomaxu_d, ONES, 1, ONES, ONES},
    };
    struct vcpu *vcpu = hart(state);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        *word_at(state, DATA) = cases[i].memory;
        vcpu->user.x[6] = cases[i].operand;
        run_expect(vcpu, encode_r(cases[i].id, 6, 5, 6), EXEC_NEXT); /* rd and rs2 the same */
        assert_int_equal(vcpu->user.x[6], cases[i].result);
        assert_int_equal(*word_at(state, DATA), cases[i].after);
    }
}

static void an_amo_at_the_upper_word_leaves_the_lower_one(void **state)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x00000001ffffffff;
    vcpu->user.x[5] = DATA + 4;
    vcpu->user.x[6] = 1;
    run_expect(vcpu, encode_r(INSN_amoadd_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 0x00000002ffffffff);
}

enum { ADDERS = 2, ADDITIONS = 20000 };

static void *add_many(void *arg)
{
    struct vcpu *vcpu = arg;

    for (unsigned i = 0; i < ADDITIONS; i++) {
        struct trap trap;

        vcpu->user.x[5] = DATA;
        vcpu->user.x[6] = 1;
        if (run(vcpu, encode_r(INSN_amoadd_d, 0, 5, 6), &trap) != EXEC_NEXT)
            return NULL;
        do {
            if (run(vcpu, encode_r(INSN_lr_d, 7, 5, 0), &trap) != EXEC_NEXT)
                return NULL;
            vcpu->user.x[7]++;
            if (run(vcpu, encode_r(INSN_sc_d, 8, 5, 7), &trap) != EXEC_NEXT)
                return NULL;
        } while (vcpu->user.x[8] != 0);
    }
    return NULL;
}

static void amo_and_lr_sc_of_two_harts_lose_no_update(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[ADDERS];

    for (unsigned i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, add_many, &f->vcpu[i]), 0);
    for (unsigned i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(*word_at(state, DATA), 2 * ADDERS * ADDITIONS);
}

static void sc_stores_when_the_reservation_holds_and_then_it_is_gone(void **state)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x1111111180000000;
    vcpu->user.x[6] = 5;
    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 0xffffffff80000000);
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 0);
    assert_int_equal(*word_at(state, DATA), 0x1111111100000005);
    vcpu->user.x[6] = 6;
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 0x1111111100000005);
    run_expect(vcpu, encode_r(INSN_lr_d, 7, 5, 0), EXEC_NEXT);
    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 0);
    assert_int_equal(*word_at(state, DATA), 6);
}

static void sc_fails_without_a_reservation_of_its_own_address_and_size(void **state)
{
    struct vcpu *vcpu = hart(state);

    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT); /* none at all */
    assert_int_equal(vcpu->user.x[7], 1);

    vcpu->user.x[6] = 5;
    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    vcpu->user.x[5] = DATA + 4; /* the word beside it */
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    vcpu->user.x[5] = DATA;
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT); /* that SC ended it too */
    assert_int_equal(vcpu->user.x[7], 1);

    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT); /* another size */
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 0);
}

static void sc_fails_when_another_hart_has_written_in_between(void **state)
{
    struct vcpu *vcpu = hart(state);

    run_expect(vcpu, encode_r(INSN_lr_d, 7, 5, 0), EXEC_NEXT);
    *word_at(state, DATA) = 9;
    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 9);
}

static void misaligned_atomics_trap_as_load_for_lr_and_as_store_for_the_rest(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA + 4;

    vcpu->user.x[5] = va;
    run_expect_trap(vcpu, encode_r(INSN_lr_d, 7, 5, 0), CAUSE_LOAD_MISALIGNED, va);
    run_expect_trap(vcpu, encode_r(INSN_sc_d, 7, 5, 6), CAUSE_STORE_MISALIGNED, va);
    run_expect_trap(vcpu, encode_r(INSN_amoadd_d, 7, 5, 6), CAUSE_STORE_MISALIGNED, va);
    run_expect(vcpu, encode_r(INSN_amoadd_w, 7, 5, 6), EXEC_NEXT);
    vcpu->user.x[5] = va + 2;
    run_expect_trap(vcpu, encode_r(INSN_lr_w, 7, 5, 0), CAUSE_LOAD_MISALIGNED, va + 2);
    run_expect_trap(vcpu, encode_r(INSN_amoor_w, 7, 5, 6), CAUSE_STORE_MISALIGNED, va + 2);
}

static void atomics_on_a_device_are_access_faults(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = DEVICE + 8;
    run_expect_trap(vcpu, encode_r(INSN_lr_w, 7, 5, 0), CAUSE_LOAD_ACCESS, DEVICE + 8);
    run_expect_trap(vcpu, encode_r(INSN_sc_w, 7, 5, 6), CAUSE_STORE_ACCESS, DEVICE + 8);
    run_expect_trap(vcpu, encode_r(INSN_amoswap_w, 7, 5, 6), CAUSE_STORE_ACCESS, DEVICE + 8);
}

static void atomics_need_the_permission_of_a_store_and_lr_that_of_a_load(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA - FIXTURE_RAM;

    map_ram(state, PTE_AD | PTE_R);
    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    run_expect_trap(vcpu, encode_r(INSN_sc_w, 7, 5, 6), CAUSE_STORE_PAGE, va);
    run_expect_trap(vcpu, encode_r(INSN_amoadd_w, 7, 5, 6), CAUSE_STORE_PAGE, va);
    map_ram(state, PTE_AD | PTE_X);
    run_expect_trap(vcpu, encode_r(INSN_lr_w, 7, 5, 0), CAUSE_LOAD_PAGE, va);
}

/* ---- cache blocks ---- */

static const enum insn_id management[] = {INSN_cbo_clean, INSN_cbo_flush, INSN_cbo_inval};

static void cbo_zero_clears_the_block_around_the_address(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint8_t *block = f->ram + (DATA - FIXTURE_RAM);

    memset(block - 64, 0xff, 192);
    vcpu->user.x[5] = DATA + 37;
    run_expect(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), EXEC_NEXT);
    assert_int_equal(block[-1], 0xff);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(block[i], 0);
    assert_int_equal(block[64], 0xff);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4);
}

static void cbo_zero_is_a_store_and_its_fault_names_the_address_in_rs1(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA - FIXTURE_RAM + 37;

    map_ram(state, PTE_AD | PTE_R);
    vcpu->user.x[5] = va;
    run_expect_trap(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), CAUSE_STORE_PAGE, va);
}

static void cbo_zero_of_a_device_or_of_nothing_is_an_access_fault(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = DEVICE + 5;
    run_expect_trap(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), CAUSE_STORE_ACCESS, DEVICE + 5);
    vcpu->user.x[5] = HOLE + 5;
    run_expect_trap(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), CAUSE_STORE_ACCESS, HOLE + 5);
}

static void block_management_changes_no_memory_and_needs_load_or_store_permission(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA - FIXTURE_RAM + 3;

    *word_at(state, DATA) = 0x1234;
    for (size_t i = 0; i < ARRAY_SIZE(management); i++) {
        uint32_t raw = encode_r(management[i], 0, 5, 0);

        map_ram(state, PTE_AD | PTE_R);
        vcpu->user.x[5] = va;
        run_expect(vcpu, raw, EXEC_NEXT);
        assert_int_equal(*word_at(state, DATA), 0x1234);
        map_ram(state, PTE_AD | PTE_X);
        vcpu->user.x[5] = va;
        run_expect_trap(vcpu, raw, CAUSE_STORE_PAGE, va);
        vcpu->priv.satp = 0;
        vcpu->user.x[5] = HOLE + 3;
        run_expect_trap(vcpu, raw, CAUSE_STORE_ACCESS, HOLE + 3);
    }
}

static void cache_block_operations_in_user_mode_need_their_bit_in_senvcfg(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t bit;
    } cases[] = {
        {INSN_cbo_zero, SENVCFG_CBZE},      {INSN_cbo_clean, SENVCFG_CBCFE},
        {INSN_cbo_flush, SENVCFG_CBCFE},    {INSN_cbo_inval, UINT64_C(1) << 4}, /* as flush */
        {INSN_cbo_inval, UINT64_C(3) << 4},
    };
    struct vcpu *vcpu = hart(state);

    vcpu->priv.mode = PRIV_U;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t raw = encode_r(cases[i].id, 0, 5, 0);

        vcpu->priv.senvcfg = (SENVCFG_CBIE | SENVCFG_CBCFE | SENVCFG_CBZE);
        vcpu->priv.senvcfg &= ~(cases[i].id == INSN_cbo_inval ? SENVCFG_CBIE : cases[i].bit);
        run_expect_trap(vcpu, raw, CAUSE_ILLEGAL_INSN, raw);
        vcpu->priv.senvcfg = cases[i].bit;
        run_expect(vcpu, raw, EXEC_NEXT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, exec_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(amos_return_the_old_value_sign_extended_and_store_the_new_one),
        TEST(an_amo_at_the_upper_word_leaves_the_lower_one),
        TEST(amo_and_lr_sc_of_two_harts_lose_no_update),
        TEST(sc_stores_when_the_reservation_holds_and_then_it_is_gone),
        TEST(sc_fails_without_a_reservation_of_its_own_address_and_size),
        TEST(sc_fails_when_another_hart_has_written_in_between),
        TEST(misaligned_atomics_trap_as_load_for_lr_and_as_store_for_the_rest),
        TEST(atomics_on_a_device_are_access_faults),
        TEST(atomics_need_the_permission_of_a_store_and_lr_that_of_a_load),
        TEST(cbo_zero_clears_the_block_around_the_address),
        TEST(cbo_zero_is_a_store_and_its_fault_names_the_address_in_rs1),
        TEST(cbo_zero_of_a_device_or_of_nothing_is_an_access_fault),
        TEST(block_management_changes_no_memory_and_needs_load_or_store_permission),
        TEST(cache_block_operations_in_user_mode_need_their_bit_in_senvcfg),
    };

    return cmocka_run_group_tests_name("exec_atomic", tests, NULL, NULL);
}
