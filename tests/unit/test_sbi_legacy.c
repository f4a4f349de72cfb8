/* SPDX-License-Identifier: MIT */
/* Legacy extensions (SBI v3.0 ch. 5). */
#include "tests/unit/sbi_call.h"

#define MASK_OFFSET 0x3008
#define MASK        (FIXTURE_RAM + MASK_OFFSET)
#define VECTOR      (FIXTURE_RAM + 0x1000)
#define A1          UINT64_C(0xa1a1a1a1)

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    f->vm.engine = &fence_engine;
    f->vcpu[0].priv.stvec = VECTOR;
    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        atomic_store(&f->vcpu[i].hsm, HSM_STARTED);
    memset(&fence_log, 0, sizeof(fence_log));
    return 0;
}

/* A call that returns: a1 is preserved as well. Returns a0. */
static int64_t legacy(struct fixture *f, uint64_t eid, uint64_t a0)
{
    struct sbiret ret = sbi_ecall(&f->vcpu[0], eid, 12345, a0, A1, 0x2000, 0x77, 0);

    assert_int_equal(ret.value, A1);
    assert_int_equal(ret.action, ACTION_RESUME);
    return ret.error;
}

static void set_mask(struct fixture *f, uint64_t mask)
{
    memcpy(f->ram + MASK_OFFSET, &mask, sizeof(mask));
}

static uint64_t ipis(struct fixture *f)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < FIXTURE_HARTS; i++) {
        if (atomic_load(&f->vcpu[i].pending) & SIP_SSIP)
            mask |= UINT64_C(1) << i;
    }
    return mask;
}

static void set_timer_programs_the_deadline(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(legacy(f, 0, 500), 0);
    assert_int_equal(f->vcpu_deadline[0], 500);
    assert_int_equal(f->vcpu[0].priv.stimecmp, 500);
}

static void putchar_writes_one_byte(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(legacy(f, 1, UINT64_C(0xff00) | 'q'), 0);
    assert_string_equal(f->output, "q");
}

static void getchar_returns_the_byte_or_minus_1(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(legacy(f, 2, 0), -1);
    console_push(&f->vm.console, (const uint8_t *)"\xff", 1);
    assert_int_equal(legacy(f, 2, 0), 0xff);
    assert_int_equal(legacy(f, 2, 0), -1);
}

static void clear_ipi_clears_ssip_and_says_whether_it_was_pending(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(legacy(f, 3, 0), 0);
    atomic_store(&f->vcpu[0].pending, SIP_SSIP | SIP_SEIP);
    assert_true(legacy(f, 3, 0) > 0);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), SIP_SEIP);
}

static void send_ipi_reads_the_mask_from_virtual_memory(void **state)
{
    struct fixture *f = *state;

    set_mask(f, 0x5);
    assert_int_equal(legacy(f, 4, MASK), 0);
    assert_int_equal(ipis(f), 0x5);
}

static void a_null_mask_means_all_harts_and_bits_of_missing_harts_mean_none(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(legacy(f, 4, 0), 0);
    assert_int_equal(ipis(f), 0xf);
    set_mask(f, ~UINT64_C(0) - 1);
    assert_int_equal(legacy(f, 5, MASK), 0);
    assert_int_equal(fence_log.code, 1);
    assert_int_equal(fence_log.harts, 0xe);
}

static void remote_sfence_vma_takes_start_size_and_asid(void **state)
{
    struct fixture *f = *state;

    set_mask(f, 0x2);
    assert_int_equal(legacy(f, 6, MASK), 0);
    assert_int_equal(fence_log.harts, 2);
    assert_int_equal(fence_log.range.start, A1);
    assert_int_equal(fence_log.range.size, 0x2000);
    assert_true(fence_log.range.any_asid);
    assert_int_equal(legacy(f, 7, MASK), 0);
    assert_false(fence_log.range.any_asid);
    assert_int_equal(fence_log.range.asid, 0x77);
    assert_int_equal(fence_log.tlb, 2);
}

static void a_fault_on_the_mask_goes_to_the_supervisor_with_sepc_at_the_ecall(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    for (uint64_t eid = 4; eid <= 7; eid++) {
        uint64_t ecall_pc = FIXTURE_RAM + 0x100 * eid;
        vcpu->user.pc = ecall_pc;
        sbi_prepare(vcpu, eid, 0, (const uint64_t[6]){0x4000});
        uint64_t a0 = vcpu->user.x[10];
        assert_int_equal(sbi_handle(vcpu), ACTION_RESUME);
        assert_int_equal(vcpu->priv.sepc, ecall_pc);
        assert_int_equal(vcpu->priv.scause, CAUSE_LOAD_ACCESS);
        assert_int_equal(vcpu->priv.stval, 0x4000);
        assert_int_equal(vcpu->user.pc, VECTOR);
        assert_int_equal(vcpu->user.x[10], a0);
    }
    assert_int_equal(ipis(f), 0);
    assert_int_equal(fence_log.tlb + fence_log.code, 0);
}

static int untouched_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)value;
    fail_msg("read of %u bytes at %lu", size, (unsigned long)offset);
    return ERR_INVALID;
}

static int untouched_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    return untouched_read(ctx, offset, size, &value);
}

static void a_mask_in_a_device_is_an_access_fault(void **state)
{
    static const struct bus_region region = {.base = 0x4000,
                                             .size = 0x1000,
                                             .widths = BUS_ANY,
                                             .name = "device",
                                             .read = untouched_read,
                                             .write = untouched_write};
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    assert_int_equal(bus_add(&f->vm.bus, &region), 0);
    sbi_prepare(vcpu, 4, 0, (const uint64_t[6]){0x4000});
    assert_int_equal(sbi_handle(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->priv.scause, CAUSE_LOAD_ACCESS);
    assert_int_equal(vcpu->priv.stval, 0x4000);
    assert_int_equal(ipis(f), 0);
}

static void a_fault_that_cannot_be_delivered_parks_the_hart(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    vcpu->user.pc = VECTOR; /* the handler itself makes the call */
    for (unsigned i = 0; i < 2; i++) {
        sbi_prepare(vcpu, 4, 0, (const uint64_t[6]){0x4000});
        assert_int_equal(exit_handle(vcpu), i == 0 ? ACTION_RESUME : ACTION_PARK);
    }
    assert_int_equal(vcpu->priv.exit.reason, PARK_TRAP_LOOP);
}

static void shutdown_powers_off_and_does_not_return(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(sbi_ecall_noreturn(&f->vcpu[0], 8, 0, 0, 0, 0), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_OFF);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(set_timer_programs_the_deadline),
        TEST(putchar_writes_one_byte),
        TEST(getchar_returns_the_byte_or_minus_1),
        TEST(clear_ipi_clears_ssip_and_says_whether_it_was_pending),
        TEST(send_ipi_reads_the_mask_from_virtual_memory),
        TEST(a_null_mask_means_all_harts_and_bits_of_missing_harts_mean_none),
        TEST(remote_sfence_vma_takes_start_size_and_asid),
        TEST(a_fault_on_the_mask_goes_to_the_supervisor_with_sepc_at_the_ecall),
        TEST(a_mask_in_a_device_is_an_access_fault),
        TEST(a_fault_that_cannot_be_delivered_parks_the_hart),
        TEST(shutdown_powers_off_and_does_not_return),
    };

    return cmocka_run_group_tests_name("sbi legacy", tests, NULL, NULL);
}
