/* SPDX-License-Identifier: MIT */
/* Trap delivery, interrupt priority and sret (Priv. 12.1.1-12.1.3, 12.1.7-12.1.9, 3.3.2). */
#include "core/csr.h"
#include "core/trap.h"
#include "tests/unit/fixture.h"

#define VECTOR (FIXTURE_RAM + 0x1000)

static struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    f->vcpu[0].priv.stvec = VECTOR;
    return &f->vcpu[0];
}

static int deliver(struct vcpu *vcpu, uint64_t cause, uint64_t tval)
{
    struct trap trap = {.cause = cause, .tval = tval};

    return trap_deliver(vcpu, &trap);
}

static void a_trap_writes_sepc_scause_stval_and_enters_s_mode_at_stvec(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.mode = PRIV_U;
    vcpu->user.pc = 0x1234;
    assert_int_equal(deliver(vcpu, CAUSE_LOAD_PAGE, 0xdeadbeef), 0);
    assert_int_equal(vcpu->priv.sepc, 0x1234);
    assert_int_equal(vcpu->priv.scause, 13);
    assert_int_equal(vcpu->priv.stval, 0xdeadbeef);
    assert_int_equal(vcpu->priv.mode, PRIV_S);
    assert_int_equal(vcpu->user.pc, VECTOR);
    assert_int_equal(vcpu->traps, 1);
}

static void a_trap_stacks_mode_in_spp_and_sie_in_spie_and_clears_sie(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 4; i++) {
        bool s_mode = i & 1, sie = i & 2;
        vcpu->user.pc = FIXTURE_RAM;
        vcpu->priv.mode = s_mode ? PRIV_S : PRIV_U;
        vcpu->priv.sstatus = SSTATUS_UXL_64 | SSTATUS_SUM | (sie ? SSTATUS_SIE : SSTATUS_SPIE) |
                             (s_mode ? 0 : SSTATUS_SPP);
        assert_int_equal(deliver(vcpu, CAUSE_BREAKPOINT, 0), 0);
        assert_int_equal(vcpu->priv.sstatus, SSTATUS_UXL_64 | SSTATUS_SUM |
                                                 (s_mode ? SSTATUS_SPP : 0) |
                                                 (sie ? SSTATUS_SPIE : 0));
    }
}

static void a_vectored_stvec_moves_interrupts_by_four_times_the_cause_and_no_exception(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.stvec = VECTOR | 1;
    assert_int_equal(deliver(vcpu, CAUSE_INTERRUPT | IRQ_SEI, 0), 0);
    assert_int_equal(vcpu->user.pc, VECTOR + 36);
    assert_int_equal(vcpu->priv.scause, UINT64_C(1) << 63 | 9);
    vcpu->user.pc = FIXTURE_RAM;
    assert_int_equal(deliver(vcpu, CAUSE_STORE_PAGE, 0), 0);
    assert_int_equal(vcpu->user.pc, VECTOR);
    vcpu->priv.stvec = VECTOR;
    assert_int_equal(deliver(vcpu, CAUSE_INTERRUPT | IRQ_SEI, 0), 0);
    assert_int_equal(vcpu->user.pc, VECTOR);
}

static void a_trap_drops_the_reservation(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->reservation.valid = true;
    assert_int_equal(deliver(vcpu, CAUSE_ECALL_U, 0), 0);
    assert_false(vcpu->reservation.valid);
}

static void an_interrupt_is_taken_in_u_mode_whatever_sie_says(void **state)
{
    struct vcpu *vcpu = hart(state);

    atomic_store(&vcpu->pending, SIP_SSIP);
    vcpu->priv.sie = SIP_SSIP;
    vcpu->priv.mode = PRIV_U;
    assert_int_equal(trap_pending_interrupt(vcpu), IRQ_SSI);
    vcpu->priv.mode = PRIV_S;
    assert_int_equal(trap_pending_interrupt(vcpu), 0);
    vcpu->priv.sstatus |= SSTATUS_SIE;
    assert_int_equal(trap_pending_interrupt(vcpu), IRQ_SSI);
}

static void an_interrupt_must_be_both_pending_and_enabled(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.mode = PRIV_U;
    atomic_store(&vcpu->pending, SIP_SSIP);
    vcpu->priv.sie = SIP_STIP | SIP_SEIP;
    assert_int_equal(trap_pending_interrupt(vcpu), 0);
    assert_false(trap_take_interrupt(vcpu));
    assert_int_equal(vcpu->traps, 0);
}

static void the_order_is_sei_then_ssi_then_sti(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.mode = PRIV_U;
    vcpu->priv.sie = SIP_ALL;
    atomic_store(&vcpu->pending, SIP_ALL);
    assert_int_equal(trap_pending_interrupt(vcpu), IRQ_SEI);
    atomic_store(&vcpu->pending, SIP_SSIP | SIP_STIP);
    assert_int_equal(trap_pending_interrupt(vcpu), IRQ_SSI);
    atomic_store(&vcpu->pending, SIP_STIP);
    assert_int_equal(trap_pending_interrupt(vcpu), IRQ_STI);
}

static void a_taken_interrupt_says_so_in_scause_with_stval_0(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.stval = 7;
    vcpu->priv.sie = SIP_STIP;
    vcpu->priv.sstatus |= SSTATUS_SIE;
    atomic_store(&vcpu->pending, SIP_STIP);
    assert_true(trap_take_interrupt(vcpu));
    assert_int_equal(vcpu->priv.scause, UINT64_C(1) << 63 | 5);
    assert_int_equal(vcpu->priv.stval, 0);
    assert_false(trap_take_interrupt(vcpu)); /* SIE is clear now */
}

static void sret_returns_to_the_mode_in_spp_and_restores_sie(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 4; i++) {
        bool s_mode = i & 1, spie = i & 2;
        vcpu->priv.mode = PRIV_S;
        vcpu->priv.sepc = 0x4242;
        vcpu->reservation.valid = true;
        vcpu->priv.sstatus = SSTATUS_UXL_64 | SSTATUS_MXR | (s_mode ? SSTATUS_SPP : 0) |
                             (spie ? SSTATUS_SPIE : SSTATUS_SIE);
        trap_sret(vcpu);
        assert_int_equal(vcpu->priv.mode, s_mode ? PRIV_S : PRIV_U);
        assert_int_equal(vcpu->user.pc, 0x4242);
        assert_int_equal(vcpu->priv.sstatus,
                         SSTATUS_UXL_64 | SSTATUS_MXR | SSTATUS_SPIE | (spie ? SSTATUS_SIE : 0));
        assert_false(vcpu->reservation.valid);
    }
}

static void a_vector_that_traps_twice_with_nothing_retired_is_forbidden(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.stvec = 0x6660;
    assert_int_equal(deliver(vcpu, CAUSE_ECALL_U, 0), 0);
    assert_int_equal(deliver(vcpu, CAUSE_INSN_PAGE, 0x6660), 0);
    struct vcpu_priv priv = vcpu->priv;
    assert_int_equal(deliver(vcpu, CAUSE_INSN_PAGE, 0x6660), ERR_FORBIDDEN);
    assert_memory_equal(&priv, &vcpu->priv, sizeof(priv));
    assert_int_equal(vcpu->user.pc, 0x6660);
    assert_int_equal(vcpu->traps, 2);
}

static void a_vector_that_gets_on_between_its_traps_is_not(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 10; i++) {
        vcpu->user.pc = VECTOR;
        vcpu->priv.instret++;
        assert_int_equal(deliver(vcpu, CAUSE_ILLEGAL_INSN, 0), 0);
    }
}

static void user_code_at_the_address_of_the_vector_is_no_loop(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 10; i++) {
        vcpu->priv.mode = PRIV_U;
        vcpu->user.pc = VECTOR;
        assert_int_equal(deliver(vcpu, CAUSE_ECALL_U, 0), 0);
    }
    for (unsigned i = 0; i < 10; i++) { /* nor is its handler that traps once for each of them */
        vcpu->priv.mode = i % 2 == 0 ? PRIV_U : PRIV_S;
        vcpu->user.pc = VECTOR;
        assert_int_equal(deliver(vcpu, CAUSE_ILLEGAL_INSN, 0), 0);
    }
}

static void a_trap_elsewhere_between_two_at_the_vector_shows_that_it_is_no_loop(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 10; i++) {
        vcpu->user.pc = VECTOR;
        assert_int_equal(deliver(vcpu, CAUSE_ILLEGAL_INSN, 0), 0);
        vcpu->user.pc = VECTOR + 4;
        assert_int_equal(deliver(vcpu, CAUSE_LOAD_PAGE, 0), 0);
    }
}

static void an_interrupt_at_the_vector_is_no_loop(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 10; i++) {
        vcpu->user.pc = VECTOR;
        assert_int_equal(deliver(vcpu, CAUSE_INTERRUPT | IRQ_SSI, 0), 0);
    }
}

static void a_vector_that_moves_is_no_loop(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 10; i++) {
        vcpu->user.pc = VECTOR + 0x100;
        vcpu->priv.stvec = i % 2 == 0 ? VECTOR : VECTOR + 0x100;
        assert_int_equal(deliver(vcpu, CAUSE_ILLEGAL_INSN, 0), 0);
    }
}

static void a_handler_that_returned_between_two_traps_is_no_loop(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < 10; i++) {
        vcpu->user.pc = VECTOR;
        assert_int_equal(deliver(vcpu, CAUSE_ILLEGAL_INSN, 0), 0);
        trap_sret(vcpu);
    }
}

static struct {
    unsigned calls;
    uint64_t kind, a, b;
} traced;

static void trace(struct vm *vm, struct vcpu *vcpu, uint64_t kind, uint64_t a, uint64_t b)
{
    (void)vm;
    (void)vcpu;
    traced.calls++;
    traced.kind = kind;
    traced.a = a;
    traced.b = b;
}

static void a_delivered_trap_is_traced_with_cause_and_pc(void **state)
{
    struct vcpu *vcpu = hart(state);

    traced.calls = 0;
    vcpu->vm->trace = trace;
    vcpu->user.pc = 0x7770;
    assert_int_equal(deliver(vcpu, CAUSE_LOAD_ACCESS, 0), 0);
    assert_int_equal(traced.calls, 1);
    assert_int_equal(traced.kind, VM_TRACE_TRAP);
    assert_int_equal(traced.a, CAUSE_LOAD_ACCESS);
    assert_int_equal(traced.b, 0x7770);
}

static void every_cause_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(trap_cause_name(CAUSE_ILLEGAL_INSN), "illegal instruction");
    assert_string_equal(trap_cause_name(CAUSE_INTERRUPT | IRQ_STI), "supervisor timer interrupt");
    for (uint64_t cause = 0; cause < 70; cause++) {
        assert_non_null(trap_cause_name(cause));
        assert_non_null(trap_cause_name(cause | CAUSE_INTERRUPT));
    }
    assert_string_equal(trap_cause_name(CAUSE_INTERRUPT - 1), "unknown cause");
    assert_string_equal(trap_cause_name(UINT64_MAX), "unknown cause");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_trap_writes_sepc_scause_stval_and_enters_s_mode_at_stvec),
        TEST(a_trap_stacks_mode_in_spp_and_sie_in_spie_and_clears_sie),
        TEST(a_vectored_stvec_moves_interrupts_by_four_times_the_cause_and_no_exception),
        TEST(a_trap_drops_the_reservation),
        TEST(an_interrupt_is_taken_in_u_mode_whatever_sie_says),
        TEST(an_interrupt_must_be_both_pending_and_enabled),
        TEST(the_order_is_sei_then_ssi_then_sti),
        TEST(a_taken_interrupt_says_so_in_scause_with_stval_0),
        TEST(sret_returns_to_the_mode_in_spp_and_restores_sie),
        TEST(a_vector_that_traps_twice_with_nothing_retired_is_forbidden),
        TEST(a_vector_that_gets_on_between_its_traps_is_not),
        TEST(user_code_at_the_address_of_the_vector_is_no_loop),
        TEST(a_trap_elsewhere_between_two_at_the_vector_shows_that_it_is_no_loop),
        TEST(an_interrupt_at_the_vector_is_no_loop),
        TEST(a_vector_that_moves_is_no_loop),
        TEST(a_handler_that_returned_between_two_traps_is_no_loop),
        TEST(a_delivered_trap_is_traced_with_cause_and_pc),
        TEST(every_cause_has_a_name),
    };

    return cmocka_run_group_tests_name("trap", tests, NULL, NULL);
}
