/* SPDX-License-Identifier: MIT */
/* Remote fences (SBI v3.0 ch. 8). */
#include "tests/unit/sbi_call.h"

#define PAGE UINT64_C(0x1000)

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    f->vm.engine = &fence_engine;
    memset(&fence_log, 0, sizeof(fence_log));
    return 0;
}

static int64_t rfence(void **state, uint64_t fid, uint64_t mask, uint64_t base, uint64_t start,
                      uint64_t size, uint64_t asid)
{
    struct fixture *f = *state;

    return sbi_ecall(&f->vcpu[0], 0x52464E43, fid, mask, base, start, size, asid).error;
}

static void fence_i_flushes_the_code_of_the_harts_in_the_mask(void **state)
{
    assert_int_equal(rfence(state, 0, 0x5, 1, 0, 0, 0), 0);
    assert_int_equal(fence_log.code, 1);
    assert_int_equal(fence_log.tlb, 0);
    assert_int_equal(fence_log.harts, 0xa);
}

static void sfence_vma_covers_the_range_in_every_address_space(void **state)
{
    assert_int_equal(rfence(state, 1, 0x3, 0, 5 * PAGE, 2 * PAGE, 99), 0);
    assert_int_equal(fence_log.tlb, 1);
    assert_int_equal(fence_log.harts, 3);
    assert_int_equal(fence_log.range.start, 5 * PAGE);
    assert_int_equal(fence_log.range.size, 2 * PAGE);
    assert_true(fence_log.range.any_asid);
}

static void sfence_vma_asid_covers_the_given_asid_only(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(rfence(state, 2, 1, 0, PAGE, PAGE, 0x1234), 0);
    assert_false(fence_log.range.any_asid);
    assert_int_equal(fence_log.range.asid, 0x1234);
    f->vm.isa.asid_bits = 9; /* bits above ASIDLEN are ignored */
    assert_int_equal(rfence(state, 2, 1, 0, PAGE, PAGE, UINT64_C(0xffff1234)), 0);
    assert_int_equal(fence_log.range.asid, 0x34);
}

static void start_and_size_0_or_size_minus_1_mean_the_whole_address_space(void **state)
{
    for (uint64_t fid = 1; fid <= 2; fid++) {
        memset(&fence_log, 0, sizeof(fence_log));
        assert_int_equal(rfence(state, fid, 1, 0, 0, 0, 0), 0);
        assert_int_equal(fence_log.range.start, 0);
        assert_int_equal(fence_log.range.size, UINT64_MAX);
        memset(&fence_log, 0, sizeof(fence_log));
        assert_int_equal(rfence(state, fid, 1, 0, PAGE, UINT64_MAX, 0), 0);
        assert_int_equal(fence_log.tlb, 1);
        assert_int_equal(fence_log.range.start, 0);
        assert_int_equal(fence_log.range.size, UINT64_MAX);
    }
}

static void a_range_that_wraps_is_an_invalid_address(void **state)
{
    assert_int_equal(rfence(state, 1, 1, 0, UINT64_MAX - PAGE, 2 * PAGE, 0), -5);
    assert_int_equal(rfence(state, 2, 1, 0, PAGE, UINT64_MAX - 1, 0), -5);
    assert_int_equal(rfence(state, 1, 1, 0, 0 - PAGE, PAGE + 1, 0), -5);
    assert_int_equal(fence_log.tlb, 0);
}

static void a_range_may_end_with_the_last_byte_of_the_address_space(void **state)
{
    assert_int_equal(rfence(state, 1, 1, 0, 0 - PAGE, PAGE, 0), 0);
    assert_int_equal(fence_log.range.start, 0 - PAGE);
    assert_int_equal(fence_log.range.size, PAGE);
}

static void an_empty_range_fences_nothing(void **state)
{
    assert_int_equal(rfence(state, 1, 1, 0, PAGE, 0, 0), 0);
    assert_int_equal(fence_log.tlb, 0);
}

static void a_hart_that_does_not_exist_is_an_invalid_parameter(void **state)
{
    for (uint64_t fid = 0; fid <= 2; fid++) {
        assert_int_equal(rfence(state, fid, 0x10, 0, 0, 0, 0), -3);
        assert_int_equal(rfence(state, fid, 1, 4, 0, 0, 0), -3);
    }
    assert_int_equal(fence_log.tlb + fence_log.code, 0);
}

static void hfences_are_not_supported_without_the_hypervisor_extension(void **state)
{
    for (uint64_t fid = 3; fid <= 6; fid++)
        assert_int_equal(rfence(state, fid, 1, 0, 0, 0, 0), -2);
    assert_int_equal(fence_log.tlb + fence_log.code, 0);
}

static void without_an_engine_each_hart_gets_a_request(void **state)
{
    struct fixture *f = *state;

    f->vm.engine = NULL;
    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        atomic_store(&f->vcpu[i].requests, 0);
    assert_int_equal(rfence(state, 0, 2, 0, 0, 0, 0), 0);
    assert_int_equal(rfence(state, 1, 4, 0, 0, 0, 0), 0);
    assert_int_equal(atomic_load(&f->vcpu[0].requests), 0);
    assert_int_equal(atomic_load(&f->vcpu[1].requests), VCPU_REQ_CODE);
    assert_int_equal(atomic_load(&f->vcpu[2].requests), VCPU_REQ_TLB);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(fence_i_flushes_the_code_of_the_harts_in_the_mask),
        TEST(sfence_vma_covers_the_range_in_every_address_space),
        TEST(sfence_vma_asid_covers_the_given_asid_only),
        TEST(start_and_size_0_or_size_minus_1_mean_the_whole_address_space),
        TEST(a_range_that_wraps_is_an_invalid_address),
        TEST(a_range_may_end_with_the_last_byte_of_the_address_space),
        TEST(an_empty_range_fences_nothing),
        TEST(a_hart_that_does_not_exist_is_an_invalid_parameter),
        TEST(hfences_are_not_supported_without_the_hypervisor_extension),
        TEST(without_an_engine_each_hart_gets_a_request),
    };

    return cmocka_run_group_tests_name("sbi rfence", tests, NULL, NULL);
}
