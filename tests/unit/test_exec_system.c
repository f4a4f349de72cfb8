/* SPDX-License-Identifier: MIT */
/* CSR instructions, privileged instructions, and exec_step: what traps, exits and retires. */
#include "core/csr.h"
#include "core/mmu.h"
#include "tests/unit/encode.h"
#include "tests/unit/exec_fixture.h"

#define ECALL    (insn_info(INSN_ecall)->match)
#define EBREAK   (insn_info(INSN_ebreak)->match)
#define SRET     (insn_info(INSN_sret)->match)
#define WFI      (insn_info(INSN_wfi)->match)
#define C_EBREAK 0x9002
#define NOP      0x00000013

static void put_code(void **state, gpa_t gpa, uint32_t raw)
{
    struct fixture *f = *state;

    memcpy(f->ram + (gpa - FIXTURE_RAM), &raw, sizeof(raw));
}

/* ---- CSR instructions ---- */

static void csr_instructions_exchange_set_and_clear_and_return_the_old_value(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.sscratch = 0xf0;
    vcpu->user.x[5] = 0x1234;
    run_expect(vcpu, encode_i(INSN_csrrw, 5, 5, CSR_sscratch), EXEC_NEXT); /* swaps */
    assert_int_equal(vcpu->user.x[5], 0xf0);
    assert_int_equal(vcpu->priv.sscratch, 0x1234);
    run_expect(vcpu, encode_i(INSN_csrrs, 6, 5, CSR_sscratch), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[6], 0x1234);
    assert_int_equal(vcpu->priv.sscratch, 0x12f4);
    run_expect(vcpu, encode_i(INSN_csrrc, 6, 5, CSR_sscratch), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[6], 0x12f4);
    assert_int_equal(vcpu->priv.sscratch, 0x1204);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 12);
}

static void immediate_csr_instructions_use_the_five_bit_field_as_value(void **state)
{
    struct vcpu *vcpu = hart(state);

    memset(&vcpu->user.x[1], 0xff, sizeof(vcpu->user.x) - sizeof(vcpu->user.x[0]));
    run_expect(vcpu, encode_i(INSN_csrrwi, 7, 31, CSR_sscratch), EXEC_NEXT);
    assert_int_equal(vcpu->priv.sscratch, 31);
    run_expect(vcpu, encode_i(INSN_csrrci, 7, 3, CSR_sscratch), EXEC_NEXT);
    assert_int_equal(vcpu->priv.sscratch, 28);
    run_expect(vcpu, encode_i(INSN_csrrsi, 7, 1, CSR_sscratch), EXEC_NEXT);
    assert_int_equal(vcpu->priv.sscratch, 29);
    assert_int_equal(vcpu->user.x[7], 28);
}

static void set_and_clear_with_x0_or_zero_only_read(void **state)
{
    static const enum insn_id readers[] = {INSN_csrrs, INSN_csrrc, INSN_csrrsi, INSN_csrrci};
    struct vcpu *vcpu = hart(state);

    vcpu->priv.cycle = 77;
    for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
        uint32_t read = encode_i(readers[i], 7, 0, CSR_cycle);
        uint32_t write = encode_i(readers[i], 7, 1, CSR_cycle);

        run_expect(vcpu, read, EXEC_NEXT);
        assert_int_equal(vcpu->user.x[7], 77);
        vcpu->user.x[1] = 0; /* a write even when the register happens to hold 0 */
        run_expect_trap(vcpu, write, CAUSE_ILLEGAL_INSN, write);
    }
}

static void writing_a_read_only_or_absent_csr_is_illegal(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint32_t read_only = encode_i(INSN_csrrw, 7, 0, CSR_cycle);
    uint32_t absent = encode_i(INSN_csrrs, 7, 0, 0x7ff),
             machine = encode_i(INSN_csrrs, 7, 0, 0x300);

    run_expect_trap(vcpu, read_only, CAUSE_ILLEGAL_INSN, read_only);
    run_expect_trap(vcpu, absent, CAUSE_ILLEGAL_INSN, absent);
    run_expect_trap(vcpu, machine, CAUSE_ILLEGAL_INSN, machine);
}

static void a_csr_write_with_an_effect_ends_in_a_context_change(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = SSTATUS_SUM;
    run_expect(vcpu, encode_i(INSN_csrrs, 0, 5, CSR_sstatus), EXEC_CONTEXT);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4);
    f->now = 100;
    vcpu->user.x[5] = 500;
    run_expect(vcpu, encode_i(INSN_csrrw, 0, 5, CSR_stimecmp), EXEC_CONTEXT);
    assert_int_equal(f->vcpu_deadline[0], 500);
    assert_int_equal(atomic_load(&vcpu->pending) & SIP_STIP, 0);
    vcpu->user.x[5] = 100;
    run_expect(vcpu, encode_i(INSN_csrrw, 0, 5, CSR_stimecmp), EXEC_CONTEXT);
    assert_int_equal(atomic_load(&vcpu->pending) & SIP_STIP, SIP_STIP);
}

/* ---- privileged instructions ---- */

static void ecall_from_user_mode_traps_and_from_supervisor_mode_exits_to_sbi(void **state)
{
    struct vcpu *vcpu = hart(state);

    memset(&vcpu->priv.exit, 0xa5, sizeof(vcpu->priv.exit));
    run_expect(vcpu, ECALL, EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_SBI);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM);
    vcpu->priv.mode = PRIV_U;
    run_expect_trap(vcpu, ECALL, CAUSE_ECALL_U, 0);
}

static void ebreak_traps_with_its_own_address(void **state)
{
    struct vcpu *vcpu = hart(state);

    run_expect_trap(vcpu, EBREAK, CAUSE_BREAKPOINT, FIXTURE_RAM);
    vcpu->priv.mode = PRIV_U;
    run_expect_trap(vcpu, C_EBREAK, CAUSE_BREAKPOINT, FIXTURE_RAM);
}

static void sret_returns_to_sepc_in_the_mode_of_spp(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.sepc = 0x80001000;
    vcpu->priv.sstatus |= SSTATUS_SPIE;
    run_expect(vcpu, SRET, EXEC_CONTEXT);
    assert_int_equal(vcpu->user.pc, 0x80001000);
    assert_int_equal(vcpu->priv.mode, PRIV_U);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_SIE, SSTATUS_SIE);
}

static void sret_wfi_and_sfence_vma_are_illegal_in_user_mode(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint32_t sfence = encode_r(INSN_sfence_vma, 0, 5, 6);

    vcpu->priv.mode = PRIV_U;
    run_expect_trap(vcpu, SRET, CAUSE_ILLEGAL_INSN, SRET);
    run_expect_trap(vcpu, WFI, CAUSE_ILLEGAL_INSN, WFI);
    run_expect_trap(vcpu, sfence, CAUSE_ILLEGAL_INSN, sfence);
}

static void wfi_waits_behind_itself_unless_an_enabled_interrupt_is_pending(void **state)
{
    struct vcpu *vcpu = hart(state);

    run_expect(vcpu, WFI, EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_WFI);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4);
    vcpu_set_pending(vcpu, SIP_SSIP, true);
    run_expect(vcpu, WFI, EXEC_EXIT); /* pending, not enabled */
    vcpu->priv.sie = SIP_SSIP;
    run_expect(vcpu, WFI, EXEC_NEXT); /* sstatus.SIE does not matter */
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 12);
}

/* Maps virtual 1 GiB and 2 GiB to RAM by 1 GiB pages and touches both, in address space `asid`. */
static void touch_two_pages(void **state, uint64_t asid)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint64_t pte = FIXTURE_RAM >> 12 << PTE_PPN_SHIFT | PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;

    memcpy(f->ram + 0x1000 + 8, &pte, sizeof(pte));
    memcpy(f->ram + 0x1000 + 16, &pte, sizeof(pte));
    vcpu->priv.satp = SATP_MODE_SV39 << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT |
                      (FIXTURE_RAM + 0x1000) >> PAGE_SHIFT;
    vcpu->user.x[5] = GIB(1);
    vcpu->user.x[6] = GIB(2);
    run_expect(vcpu, encode_i(INSN_lw, 7, 5, 0), EXEC_NEXT);
    run_expect(vcpu, encode_i(INSN_lw, 7, 6, 0), EXEC_NEXT);
    memset(f->ram + 0x1000 + 8, 0, 16); /* nothing is mapped any more */
}

static void sfence_vma_makes_changes_of_the_tables_visible(void **state)
{
    struct vcpu *vcpu = hart(state);

    touch_two_pages(state, 0);
    run_expect(vcpu, encode_r(INSN_sfence_vma, 0, 0, 0), EXEC_CONTEXT);
    run_expect_trap(vcpu, encode_i(INSN_lw, 7, 5, 0), CAUSE_LOAD_PAGE, GIB(1));
    run_expect_trap(vcpu, encode_i(INSN_lw, 7, 6, 0), CAUSE_LOAD_PAGE, GIB(2));

    touch_two_pages(state, 0);
    run_expect(vcpu, encode_r(INSN_sfence_vma, 0, 5, 0), EXEC_CONTEXT); /* by address */
    run_expect_trap(vcpu, encode_i(INSN_lw, 7, 5, 0), CAUSE_LOAD_PAGE, GIB(1));
}

static void sfence_vma_ignores_the_bits_of_rs2_above_asidlen(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    f->vm.isa.asid_bits = 4;
    touch_two_pages(state, 5);
    vcpu->user.x[8] = 0x7715;
    run_expect(vcpu, encode_r(INSN_sfence_vma, 0, 0, 8), EXEC_CONTEXT);
    run_expect_trap(vcpu, encode_i(INSN_lw, 7, 5, 0), CAUSE_LOAD_PAGE, GIB(1));
}

/* ---- exec_step ---- */

static void a_step_fetches_executes_and_retires_one_instruction(void **state)
{
    struct vcpu *vcpu = hart(state);

    put_code(state, FIXTURE_RAM, NOP);
    put_code(state, FIXTURE_RAM + 4, insn_info(INSN_fence_i)->match);
    assert_int_equal(exec_step(vcpu), EXEC_NEXT);
    assert_int_equal(exec_step(vcpu), EXEC_NEXT);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 8);
    assert_int_equal(vcpu->priv.instret, 2);
    assert_int_equal(vcpu->priv.cycle, 2);
}

static void a_step_delivers_a_trap_and_retires_nothing(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.stvec = FIXTURE_RAM + 0x100;
    vcpu->priv.mode = PRIV_U;
    put_code(state, FIXTURE_RAM, ECALL);
    assert_int_equal(exec_step(vcpu), EXEC_NEXT);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 0x100);
    assert_int_equal(vcpu->priv.scause, CAUSE_ECALL_U);
    assert_int_equal(vcpu->priv.sepc, FIXTURE_RAM);
    assert_int_equal(vcpu->priv.instret, 0);
}

static void a_step_delivers_the_fault_of_a_fetch(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.stvec = FIXTURE_RAM;
    vcpu->user.pc = 0x20000000;
    assert_int_equal(exec_step(vcpu), EXEC_NEXT);
    assert_int_equal(vcpu->priv.scause, CAUSE_INSN_ACCESS);
    assert_int_equal(vcpu->priv.stval, 0x20000000);
}

static void a_step_takes_a_pending_interrupt_before_the_instruction(void **state)
{
    struct vcpu *vcpu = hart(state);

    put_code(state, FIXTURE_RAM, NOP);
    vcpu->priv.stvec = FIXTURE_RAM + 0x100;
    vcpu->priv.sie = SIP_SSIP;
    vcpu->priv.sstatus |= SSTATUS_SIE;
    vcpu_set_pending(vcpu, SIP_SSIP, true);
    assert_int_equal(exec_step(vcpu), EXEC_NEXT);
    assert_int_equal(vcpu->priv.scause, CAUSE_INTERRUPT | IRQ_SSI);
    assert_int_equal(vcpu->priv.sepc, FIXTURE_RAM);
    assert_int_equal(vcpu->priv.instret, 0);
}

static void of_the_exits_of_a_step_only_wfi_retires(void **state)
{
    struct vcpu *vcpu = hart(state);

    put_code(state, FIXTURE_RAM, WFI);
    put_code(state, FIXTURE_RAM + 4, ECALL);
    assert_int_equal(exec_step(vcpu), EXEC_EXIT);
    assert_int_equal(vcpu->priv.instret, 1);
    assert_int_equal(exec_step(vcpu), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_SBI);
    assert_int_equal(vcpu->priv.instret, 1);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4);
}

static void a_hart_whose_trap_vector_traps_for_ever_leaves_with_an_error(void **state)
{
    struct vcpu *vcpu = hart(state);
    unsigned steps = 0;

    vcpu->priv.stvec = 0x20000000; /* nothing is there */
    put_code(state, FIXTURE_RAM, EBREAK);
    while (steps < 10 && exec_step(vcpu) == EXEC_NEXT)
        steps++;
    assert_in_range(steps, 1, 9);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_ERROR);
    assert_int_equal(vcpu->priv.exit.reason, PARK_TRAP_LOOP);
    assert_int_equal(vcpu->priv.exit.addr, 0x20000000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(csr_instructions_exchange_set_and_clear_and_return_the_old_value),
        TEST(immediate_csr_instructions_use_the_five_bit_field_as_value),
        TEST(set_and_clear_with_x0_or_zero_only_read),
        TEST(writing_a_read_only_or_absent_csr_is_illegal),
        TEST(a_csr_write_with_an_effect_ends_in_a_context_change),
        TEST(ecall_from_user_mode_traps_and_from_supervisor_mode_exits_to_sbi),
        TEST(ebreak_traps_with_its_own_address),
        TEST(sret_returns_to_sepc_in_the_mode_of_spp),
        TEST(sret_wfi_and_sfence_vma_are_illegal_in_user_mode),
        TEST(wfi_waits_behind_itself_unless_an_enabled_interrupt_is_pending),
        TEST(sfence_vma_makes_changes_of_the_tables_visible),
        TEST(sfence_vma_ignores_the_bits_of_rs2_above_asidlen),
        TEST(a_step_fetches_executes_and_retires_one_instruction),
        TEST(a_step_delivers_a_trap_and_retires_nothing),
        TEST(a_step_delivers_the_fault_of_a_fetch),
        TEST(a_step_takes_a_pending_interrupt_before_the_instruction),
        TEST(of_the_exits_of_a_step_only_wfi_retires),
        TEST(a_hart_whose_trap_vector_traps_for_ever_leaves_with_an_error),
    };

    return cmocka_run_group_tests_name("exec_system", tests, NULL, NULL);
}
