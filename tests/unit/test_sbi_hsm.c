/* SPDX-License-Identifier: MIT */
/* Hart state management (SBI v3.0 ch. 9). */
#include "core/csr.h"
#include "core/sbi/hsm.h"
#include "tests/unit/sbi_call.h"

#define ENTRY         (FIXTURE_RAM + 0x2000)
#define NON_RETENTIVE UINT64_C(0x80000000)

static struct sbiret hsm(struct fixture *f, unsigned hart, uint64_t fid, uint64_t a0, uint64_t a1,
                         uint64_t a2)
{
    return sbi_ecall(&f->vcpu[hart], 0x48534D, fid, a0, a1, a2, 0, 0);
}

static int64_t start(struct fixture *f, uint64_t hartid, uint64_t addr)
{
    return hsm(f, 0, 0, hartid, addr, 0x0babe).error;
}

static void started_harts_enter_with_the_registers_of_the_table(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[2];

    vcpu->priv.satp = SATP_MODE_SV39 << 60 | 5;
    vcpu->priv.sstatus |= SSTATUS_SIE;
    vcpu->priv.mode = PRIV_U;
    vcpu->reservation.valid = true;
    assert_false(vcpu_has_wakeup(vcpu));
    assert_false(hsm_settle(vcpu));
    assert_int_equal(start(f, 2, ENTRY), 0);
    assert_true(f->kicks[2] > 0);
    assert_true(vcpu_has_wakeup(vcpu));
    assert_true(hsm_settle(vcpu));
    assert_int_equal(atomic_load(&vcpu->hsm), HSM_STARTED);
    assert_int_equal(vcpu->user.pc, ENTRY);
    assert_int_equal(vcpu->user.x[10], 2);
    assert_int_equal(vcpu->user.x[11], 0x0babe);
    assert_int_equal(vcpu->priv.satp, 0);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_SIE, 0);
    assert_int_equal(vcpu->priv.mode, PRIV_S);
    assert_false(vcpu->reservation.valid);
}

static void start_of_a_hart_that_does_not_exist_is_an_invalid_parameter(void **state)
{
    assert_int_equal(start(*state, 4, ENTRY), -3);
    assert_int_equal(start(*state, UINT64_MAX, ENTRY), -3);
    assert_int_equal(start(*state, UINT64_C(0x100000001), ENTRY), -3); /* no truncation to 1 */
}

static void start_outside_ram_is_an_invalid_address(void **state)
{
    struct fixture *f = *state;
    static const uint64_t bad[] = {
        0,          0x10000000, FIXTURE_RAM - 2, FIXTURE_RAM + FIXTURE_RAM_SIZE,
        UINT64_MAX, ENTRY + 1,  UINT64_MAX - 1,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(start(f, 1, bad[i]), -5);
    assert_int_equal(atomic_load(&f->vcpu[1].hsm), HSM_STOPPED);
    assert_int_equal(start(f, 1, FIXTURE_RAM + FIXTURE_RAM_SIZE - 2), 0);
}

static void start_of_a_hart_that_is_not_stopped_is_already_available(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(start(f, 0, ENTRY), -6);
    for (uint32_t other = HSM_START_PENDING; other <= HSM_RESUME_PENDING; other++) {
        atomic_store(&f->vcpu[1].hsm, other);
        f->vcpu[1].priv.hsm_start = 42;
        assert_int_equal(start(f, 1, ENTRY), -6);
        assert_int_equal(atomic_load(&f->vcpu[1].hsm), other);
        assert_int_equal(f->vcpu[1].priv.hsm_start, 42);
    }
}

static void stop_does_not_return_and_leaves_no_interrupt_for_the_next_start(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    vcpu->priv.sie = SIP_ALL;
    vcpu->priv.stimecmp = 0;
    atomic_store(&vcpu->pending, SIP_SSIP | SIP_STIP);
    assert_int_equal(sbi_ecall_noreturn(vcpu, 0x48534D, 1, 0, 0, 0), ACTION_WAIT);
    assert_int_equal(atomic_load(&vcpu->hsm), HSM_STOPPED);
    assert_int_equal(atomic_load(&vcpu->pending), 0);
    assert_int_equal(vcpu->priv.sie, 0);
    assert_int_equal(f->vcpu_deadline[0], UINT64_MAX);
    assert_false(vcpu_has_wakeup(vcpu));
    assert_false(hsm_settle(vcpu));
}

static void a_stopped_hart_can_be_started_again(void **state)
{
    struct fixture *f = *state;

    atomic_store(&f->vcpu[1].hsm, HSM_STARTED);
    assert_int_equal(sbi_ecall_noreturn(&f->vcpu[1], 0x48534D, 1, 0, 0, 0), ACTION_WAIT);
    assert_int_equal(start(f, 1, ENTRY), 0);
    assert_true(hsm_settle(&f->vcpu[1]));
    assert_int_equal(f->vcpu[1].user.pc, ENTRY);
}

static void only_a_started_hart_can_stop_or_suspend(void **state)
{
    struct fixture *f = *state;

    for (uint32_t from = HSM_STARTED + 1; from < 10; from++) {
        atomic_store(&f->vcpu[1].hsm, from);
        assert_int_equal(hsm(f, 1, 1, 0, 0, 0).error, -1);
        assert_int_equal(hsm(f, 1, 3, 0, 0, 0).error, -1);
        assert_int_equal(atomic_load(&f->vcpu[1].hsm), from);
    }
}

static void status_is_the_state_of_the_hart(void **state)
{
    struct fixture *f = *state;

    for (uint32_t s = HSM_STARTED; s <= HSM_RESUME_PENDING; s++) {
        atomic_store(&f->vcpu[3].hsm, s);
        struct sbiret ret = hsm(f, 0, 2, 3, 0, 0);
        assert_int_equal(ret.error, 0);
        assert_int_equal(ret.value, s);
    }
    assert_int_equal(hsm(f, 0, 2, 4, 0, 0).error, -3);
    assert_int_equal(hsm(f, 0, 2, UINT64_C(0x100000000), 0, 0).error, -3);
}

static void retentive_suspension_returns_success_when_an_interrupt_is_pending(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    vcpu->priv.sie = SIP_SSIP;
    struct sbiret ret = hsm(f, 0, 3, 0, 0, 0);
    assert_int_equal(ret.action, ACTION_WAIT);
    assert_int_equal(ret.error, 0);
    assert_int_equal(atomic_load(&vcpu->hsm), HSM_SUSPENDED);
    assert_false(hsm_settle(vcpu));
    struct vcpu_user before = vcpu->user;
    vcpu_set_pending(vcpu, SIP_SSIP, true);
    assert_true(vcpu_has_wakeup(vcpu));
    assert_true(hsm_settle(vcpu));
    assert_int_equal(atomic_load(&vcpu->hsm), HSM_STARTED);
    assert_memory_equal(&before, &vcpu->user, sizeof(before));
}

static void non_retentive_suspension_resumes_at_resume_addr(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];

    vcpu->priv.sie = SIP_STIP;
    vcpu->priv.satp = SATP_MODE_SV39 << 60 | 5;
    vcpu->priv.sstatus |= SSTATUS_SIE;
    vcpu->priv.stimecmp = 100;
    assert_int_equal(sbi_ecall_noreturn(vcpu, 0x48534D, 3, NON_RETENTIVE, ENTRY, 77), ACTION_WAIT);
    assert_false(hsm_settle(vcpu));
    f->now = 100;
    assert_true(hsm_settle(vcpu));
    assert_int_equal(vcpu->user.pc, ENTRY);
    assert_int_equal(vcpu->user.x[10], 0);
    assert_int_equal(vcpu->user.x[11], 77);
    assert_int_equal(vcpu->priv.satp, 0);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_SIE, 0);
}

static void a_request_of_the_host_does_not_end_a_suspension(void **state)
{
    struct fixture *f = *state;

    hsm(f, 0, 3, 0, 0, 0);
    vcpu_request(&f->vcpu[0], VCPU_REQ_EVENT);
    assert_false(hsm_settle(&f->vcpu[0]));
    assert_false(vcpu_has_wakeup(&f->vcpu[0])); /* or the host would spin */
    assert_int_equal(atomic_load(&f->vcpu[0].hsm), HSM_SUSPENDED);
}

static void reserved_and_platform_suspend_types_are_invalid_parameters(void **state)
{
    struct fixture *f = *state;
    static const uint64_t bad[] = {1,          0x0fffffff, 0x10000000, 0x7fffffff,
                                   0x80000001, 0x8fffffff, 0x90000000, 0xffffffff};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(hsm(f, 0, 3, bad[i], ENTRY, 0).error, -3);
        assert_int_equal(atomic_load(&f->vcpu[0].hsm), HSM_STARTED);
    }
}

static void suspend_type_is_32_bits_wide(void **state)
{
    struct sbiret ret = hsm(*state, 0, 3, UINT64_C(0xdeadbeef00000000), 0, 0);

    assert_int_equal(ret.error, 0);
    assert_int_equal(ret.action, ACTION_WAIT);
}

static void non_retentive_suspension_checks_resume_addr_and_retentive_does_not(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(hsm(f, 0, 3, NON_RETENTIVE, 0x1000, 0).error, -5);
    assert_int_equal(atomic_load(&f->vcpu[0].hsm), HSM_STARTED);
    assert_int_equal(hsm(f, 0, 3, 0, 0x1001, 0).error, 0);
}

/* A board's harts need not be numbered without holes; VMs' are. */
static void hart_id_without_a_hart_is_an_invalid_parameter(void **state)
{
    struct fixture *f = *state;

    f->vm.vcpu[1] = NULL;
    assert_int_equal(start(f, 1, ENTRY), -3);
    assert_int_equal(hsm(f, 0, 2, 1, 0, 0).error, -3);
    assert_int_equal(sbi_ecall(&f->vcpu[0], 0x735049, 0, 3, 0, 0, 0, 0).error, -3);
    assert_int_equal(sbi_ecall(&f->vcpu[0], 0x735049, 0, 5, 0, 0, 0, 0).error, 0);
    assert_int_equal(sbi_ecall(&f->vcpu[0], 0x735049, 0, 0, UINT64_MAX, 0, 0, 0).error, 0);
    assert_int_equal(sbi_ecall(&f->vcpu[0], 0x52464E43, 0, 0, UINT64_MAX, 0, 0, 0).error, 0);
    vm_request_stop(&f->vm, VM_OFF, 0);
    assert_true(f->kicks[2] > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(started_harts_enter_with_the_registers_of_the_table),
        TEST(start_of_a_hart_that_does_not_exist_is_an_invalid_parameter),
        TEST(hart_id_without_a_hart_is_an_invalid_parameter),
        TEST(start_outside_ram_is_an_invalid_address),
        TEST(start_of_a_hart_that_is_not_stopped_is_already_available),
        TEST(stop_does_not_return_and_leaves_no_interrupt_for_the_next_start),
        TEST(a_stopped_hart_can_be_started_again),
        TEST(only_a_started_hart_can_stop_or_suspend),
        TEST(status_is_the_state_of_the_hart),
        TEST(retentive_suspension_returns_success_when_an_interrupt_is_pending),
        TEST(non_retentive_suspension_resumes_at_resume_addr),
        TEST(a_request_of_the_host_does_not_end_a_suspension),
        TEST(reserved_and_platform_suspend_types_are_invalid_parameters),
        TEST(suspend_type_is_32_bits_wide),
        TEST(non_retentive_suspension_checks_resume_addr_and_retentive_does_not),
    };

    return cmocka_run_group_tests_name("sbi hsm", tests, NULL, NULL);
}
