/* SPDX-License-Identifier: MIT */
/* Records that come from outside, a snapshot or a shared page, and what csr_sanitize leaves. */
#include "core/csr.h"
#include "core/trap.h"
#include "tests/unit/fixture.h"

#define ONES (~UINT64_C(0))

static struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    return &f->vcpu[0];
}

static void sanitize_forces_every_register_to_a_legal_value(void **state)
{
    struct vcpu *vcpu = hart(state);

    memset(&vcpu->user, 0xff, sizeof(vcpu->user));
    memset(&vcpu->vec, 0xff, sizeof(vcpu->vec));
    memset(&vcpu->priv, 0xff, sizeof(vcpu->priv));
    csr_sanitize(vcpu);
    assert_int_equal(vcpu->user.x[0], 0);
    assert_int_equal(vcpu->user.x[1], ONES);
    assert_int_equal(vcpu->user.pc, ONES - 1);
    assert_int_equal(vcpu->user.fcsr, 0xff);
    assert_int_equal(vcpu->vec.vl | vcpu->vec.vtype | vcpu->vec.vcsr | vcpu->vec.vstart, 0);
    assert_int_equal(vcpu->priv.hartid, 0);
    assert_int_equal(vcpu->priv.mode, PRIV_S);
    assert_int_equal(vcpu->priv.virt, 0);
    assert_int_equal(vcpu->priv.hsm, HSM_STOPPED);
    assert_int_equal(vcpu->priv.sstatus, UINT64_C(0x2000c6122));
    assert_int_equal(vcpu->priv.sie, 0x222);
    assert_int_equal(vcpu->priv.sip, SIP_SSIP);
    assert_int_equal(vcpu->priv.stvec, ONES - 3);
    assert_int_equal(vcpu->priv.sepc, ONES - 1);
    assert_int_equal(vcpu->priv.satp, 0);
    assert_int_equal(vcpu->priv.scounteren, 7);
    assert_int_equal(vcpu->priv.senvcfg, 0xf1);
    assert_int_equal(vcpu->priv.hsm_start, ONES - 1);
    assert_int_equal(vcpu->priv.hsm_satp, 0);
    assert_int_equal(vcpu->priv.suspend_retentive, 1);
    assert_int_equal(vcpu->priv.reserved, 0);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_NONE);
}

static void sanitize_keeps_what_is_legal(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.fcsr = 0x65;
    vcpu->priv.mode = PRIV_U;
    vcpu->priv.hsm = HSM_SUSPENDED;
    vcpu->priv.satp = SATP_MODE_SV48 << 60 | UINT64_C(7) << 44 | 0x80123;
    vcpu->priv.stvec = 0x80000101;
    vcpu->priv.stimecmp = 1234;
    vcpu->priv.cycle = 55;
    vcpu->priv.exit = (struct exit_record){
        .kind = EXIT_MMIO, .mmio = {.gpa = 0x10000000, .size = 4, .reg = 31, .insn_len = 2}};
    struct vcpu before = *vcpu;
    csr_sanitize(vcpu);
    assert_memory_equal(&before.user, &vcpu->user, sizeof(before.user));
    assert_memory_equal(&before.priv, &vcpu->priv, sizeof(before.priv));
}

static void sanitize_gives_a_hart_its_own_id_and_a_state_it_can_leave(void **state)
{
    struct fixture *f = *state;
    static const uint8_t settled[] = {
        [HSM_STARTED] = HSM_STARTED,
        [HSM_STOPPED] = HSM_STOPPED,
        [HSM_START_PENDING] = HSM_START_PENDING,
        [HSM_STOP_PENDING] = HSM_STOPPED,
        [HSM_SUSPENDED] = HSM_SUSPENDED,
        [HSM_SUSPEND_PENDING] = HSM_SUSPENDED,
        [HSM_RESUME_PENDING] = HSM_SUSPENDED,
    };

    for (uint8_t hsm = 0; hsm < ARRAY_SIZE(settled); hsm++) {
        f->vcpu[2].priv.hartid = 4000000000u;
        f->vcpu[2].priv.hsm = hsm;
        csr_sanitize(&f->vcpu[2]);
        assert_int_equal(f->vcpu[2].priv.hartid, 2);
        assert_int_equal(f->vcpu[2].priv.hsm, settled[hsm]);
    }
}

static void sanitize_leaves_the_sbi_deadline_without_sstc(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->vm->isa.ext &= ~(UINT64_C(1) << ISA_SSTC);
    vcpu->priv.stimecmp = 99;
    csr_sanitize(vcpu);
    assert_int_equal(vcpu->priv.stimecmp, 99);
}

static void sanitize_drops_an_access_that_no_engine_decodes(void **state)
{
    static const struct exit_mmio good = {.size = 4, .reg = 5, .insn_len = 4};
    struct exit_mmio bad[11];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        bad[i] = good;
    bad[0].size = 3;
    bad[1].size = 16;
    bad[2].reg = 32;
    bad[3].reg_file = 2;
    bad[4].insn_len = 3;
    bad[5].write = 2;
    bad[6].done = 2;
    bad[7].size = 0;
    bad[8].reg_file = EXIT_REG_F;
    bad[8].size = 1; /* there is no flb */
    bad[9].sign = 2;
    bad[10].failed = 2;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct exit_record record = {.kind = EXIT_MMIO, .mmio = bad[i]};
        exit_sanitize(&record);
        assert_int_equal(record.kind, EXIT_NONE);
    }
    struct exit_record record = {.kind = EXIT_MMIO, .mmio = good};
    exit_sanitize(&record);
    assert_int_equal(record.kind, EXIT_MMIO);
    record = (struct exit_record){.kind = EXIT_COUNT};
    exit_sanitize(&record);
    assert_int_equal(record.kind, EXIT_NONE);
    record = (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_REASONS};
    exit_sanitize(&record);
    assert_int_equal(record.kind, EXIT_NONE);
}

static void sanitize_keeps_nothing_that_an_exit_does_not_have(void **state)
{
    struct exit_record record = {.kind = EXIT_WFI, .reserved = 7, .mmio = {.gpa = 5, .reg = 40}};
    static const struct exit_record wfi = {.kind = EXIT_WFI};

    (void)state;
    exit_sanitize(&record);
    assert_memory_equal(&record, &wfi, sizeof(record));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(sanitize_forces_every_register_to_a_legal_value),
        TEST(sanitize_keeps_what_is_legal),
        TEST(sanitize_gives_a_hart_its_own_id_and_a_state_it_can_leave),
        TEST(sanitize_leaves_the_sbi_deadline_without_sstc),
        TEST(sanitize_drops_an_access_that_no_engine_decodes),
        TEST(sanitize_keeps_nothing_that_an_exit_does_not_have),
    };

    return cmocka_run_group_tests_name("sanitize", tests, NULL, NULL);
}
