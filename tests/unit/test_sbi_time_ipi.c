/* SPDX-License-Identifier: MIT */
/* Timer and IPI extensions, and hart masks (SBI v3.0 3.1, ch. 6 and 7). */
#include "tests/unit/sbi_call.h"

static struct sbiret set_timer(struct fixture *f, uint64_t value)
{
    return sbi_ecall(&f->vcpu[0], 0x54494D45, 0, value, 0, 0, 0, 0);
}

static int64_t send_ipi(struct fixture *f, uint64_t mask, uint64_t base)
{
    return sbi_ecall(&f->vcpu[0], 0x735049, 0, mask, base, 0, 0, 0).error;
}

/* Starts every hart and returns which ones have SSIP pending, clearing it. */
static uint64_t take_ipis(struct fixture *f)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < FIXTURE_HARTS; i++) {
        if (atomic_fetch_and(&f->vcpu[i].pending, ~SIP_SSIP) & SIP_SSIP)
            mask |= UINT64_C(1) << i;
        atomic_store(&f->vcpu[i].hsm, HSM_STARTED);
    }
    return mask;
}

static void set_timer_makes_stip_pending_at_the_time_and_not_before(void **state)
{
    struct fixture *f = *state;

    f->now = 10;
    assert_int_equal(set_timer(f, 20).error, 0);
    assert_int_equal(f->vcpu_deadline[0], 20);
    vcpu_update_timer(&f->vcpu[0]);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), 0);
    f->now = 20;
    vcpu_update_timer(&f->vcpu[0]);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), SIP_STIP);
}

static void set_timer_in_the_future_clears_stip_whether_masked_or_not(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        f->vcpu[0].priv.sie = i == 0 ? 0 : SIP_STIP;
        f->now = 100;
        set_timer(f, 50);
        assert_int_equal(atomic_load(&f->vcpu[0].pending), SIP_STIP);
        set_timer(f, 101);
        assert_int_equal(atomic_load(&f->vcpu[0].pending), 0);
        set_timer(f, 0);
        set_timer(f, UINT64_MAX);
        assert_int_equal(atomic_load(&f->vcpu[0].pending), 0);
        assert_int_equal(f->vcpu_deadline[0], UINT64_MAX);
    }
}

static void send_ipi_makes_ssip_pending_at_the_harts_of_the_mask_alone(void **state)
{
    struct fixture *f = *state;

    take_ipis(f);
    assert_int_equal(send_ipi(f, 0xa, 0), 0);
    assert_int_equal(take_ipis(f), 0xa);
    assert_int_equal(send_ipi(f, 0x3, 2), 0);
    assert_int_equal(take_ipis(f), 0xc);
    assert_int_equal(send_ipi(f, 0, 3), 0);
    assert_int_equal(take_ipis(f), 0);
}

static void a_mask_base_of_minus_1_means_all_harts_and_ignores_the_mask(void **state)
{
    struct fixture *f = *state;

    take_ipis(f);
    assert_int_equal(send_ipi(f, 0, UINT64_MAX), 0);
    assert_int_equal(take_ipis(f), 0xf);
    assert_int_equal(send_ipi(f, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(take_ipis(f), 0xf);
}

static void a_mask_with_a_hart_that_does_not_exist_is_invalid_and_reaches_none(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t mask, base;
    } bad[] = {
        {0x10, 0},
        {0x11, 0},
        {1, 4},
        {0, 4},
        {0x8, 1},
        {UINT64_C(1) << 63, 0},
        {1, 64},
        {1, UINT64_MAX - 1},
        {2, UINT64_MAX - 1}, /* wraps to hart 0 */
        {0x10, 3},
        {1, UINT64_C(1) << 32},
    };

    take_ipis(f);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(send_ipi(f, bad[i].mask, bad[i].base), -3);
        assert_int_equal(take_ipis(f), 0);
    }
}

static void hart_ids_may_have_gaps(void **state)
{
    struct fixture *f = *state;

    take_ipis(f);
    f->vm.vcpu[1] = NULL;
    assert_int_equal(send_ipi(f, 0, UINT64_MAX), 0);
    assert_int_equal(take_ipis(f), 0xd);
    assert_int_equal(send_ipi(f, 2, 0), -3);
    assert_int_equal(send_ipi(f, 3, 0), -3);
    assert_int_equal(take_ipis(f), 0);
    assert_int_equal(send_ipi(f, 5, 0), 0);
    assert_int_equal(take_ipis(f), 5);
}

static void an_ipi_to_a_stopped_hart_succeeds_and_is_not_kept_for_its_start(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(atomic_load(&f->vcpu[1].hsm), HSM_STOPPED);
    assert_int_equal(send_ipi(f, 3, 0), 0);
    assert_int_equal(take_ipis(f), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(set_timer_makes_stip_pending_at_the_time_and_not_before),
        TEST(set_timer_in_the_future_clears_stip_whether_masked_or_not),
        TEST(send_ipi_makes_ssip_pending_at_the_harts_of_the_mask_alone),
        TEST(a_mask_base_of_minus_1_means_all_harts_and_ignores_the_mask),
        TEST(a_mask_with_a_hart_that_does_not_exist_is_invalid_and_reaches_none),
        TEST(hart_ids_may_have_gaps),
        TEST(an_ipi_to_a_stopped_hart_succeeds_and_is_not_kept_for_its_start),
    };

    return cmocka_run_group_tests_name("sbi time and ipi", tests, NULL, NULL);
}
