/* SPDX-License-Identifier: MIT */
/* The debugger's view against core/debug.h. Instructions are written as their encodings. */
#include "core/csr.h"
#include "core/debug.h"
#include "core/dev/power.h"
#include "core/dev/uart16550.h"
#include "core/mmu.h"
#include "core/trap.h"
#include "tests/unit/devices.h"

#define UART     UINT64_C(0x10000000)
#define ROOT     (FIXTURE_RAM + 0x100000)
#define DATA     (FIXTURE_RAM + 0x200000)
#define CODE     FIXTURE_RAM

#define ADDI_X5  0x00728293 /* addi x5, x5, 7 */
#define SW_X5_X6 0x00532023 /* sw x5, 0(x6) */
#define SB_X5_X6 0x00530023 /* sb x5, 0(x6) */
#define LD_X7_X6 0x00033383 /* ld x7, 0(x6) */
#define ECALL    0x00000073
#define WFI      0x10500073
#define LR_X7_X6 0x100333af /* lr.d x7, (x6) */
#define SC_X8_X6 0x1853342f /* sc.d x8, x5, (x6) */
#define ILLEGAL  0x00000000

#define V        1
#define R        2
#define W        4
#define X        8
#define U        16

static struct uart16550 uart;
static struct power power;

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    uart16550_init(&uart, &f->vm, UART, 0);
    power_init(&power, &f->vm, 0x100000);
    assert_int_equal(vm_add_device(&f->vm, &uart.dev), 0);
    assert_int_equal(vm_add_device(&f->vm, &power.dev), 0);
    return 0;
}

static struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    return &f->vcpu[0];
}

static void put_word(struct fixture *f, gpa_t gpa, uint64_t value, size_t size)
{
    memcpy(f->ram + (gpa - FIXTURE_RAM), &value, size);
}

/* Sv39: 4 KiB pages for the first 2 MiB of addresses; the tables lie at ROOT. */
static void map(struct fixture *f, gva_t va, gpa_t gpa, unsigned bits)
{
    put_word(f, ROOT, (ROOT + 0x1000) >> 12 << 10 | V, 8);
    put_word(f, ROOT + 0x1000, (ROOT + 0x2000) >> 12 << 10 | V, 8);
    put_word(f, ROOT + 0x2000 + (va >> 12) * 8, gpa >> 12 << 10 | bits, 8);
    assert_int_equal(csr_put(&f->vcpu[0], CSR_satp, SATP_MODE_SV39 << SATP_MODE_SHIFT | ROOT >> 12),
                     0);
}

static uint64_t pte(struct fixture *f, gva_t va)
{
    uint64_t word;

    memcpy(&word, f->ram + (ROOT + 0x2000 - FIXTURE_RAM) + (va >> 12) * 8, 8);
    return word;
}

static uint64_t get(struct vcpu *vcpu, enum debug_class class, unsigned number)
{
    uint64_t value = 0;

    assert_int_equal(debug_read_register(vcpu, class, number, &value), 0);
    return value;
}

static void x_registers_are_read_and_written_by_number(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 1; i < 32; i++)
        assert_int_equal(debug_write_register(vcpu, DEBUG_X, i, UINT64_C(0x100000000) + i), 0);
    for (unsigned i = 1; i < 32; i++)
        assert_true(get(vcpu, DEBUG_X, i) == UINT64_C(0x100000000) + i);
}

static void x0_holds_zero_only(void **state)
{
    struct vcpu *vcpu = hart(state);

    assert_int_equal(debug_write_register(vcpu, DEBUG_X, 0, 1), ERR_INVALID);
    assert_int_equal(debug_write_register(vcpu, DEBUG_X, 0, 0), 0);
    assert_int_equal(get(vcpu, DEBUG_X, 0), 0);
}

static void f_registers_exist_with_f_only(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint64_t value;

    assert_int_equal(debug_write_register(vcpu, DEBUG_F, 31, UINT64_C(0x7ff8000000000001)), 0);
    assert_true(get(vcpu, DEBUG_F, 31) == UINT64_C(0x7ff8000000000001));
    f->vm.isa.ext &= ~(UINT64_C(1) << ISA_F);
    assert_int_equal(debug_read_register(vcpu, DEBUG_F, 31, &value), ERR_NOT_FOUND);
    assert_int_equal(debug_write_register(vcpu, DEBUG_F, 31, 0), ERR_NOT_FOUND);
}

static void numbers_beyond_a_class_are_not_found(void **state)
{
    static const struct {
        enum debug_class class;
        unsigned number;
    } missing[] = {
        {DEBUG_X, 32},      {DEBUG_X, UINT32_MAX}, {DEBUG_F, 32},
        {DEBUG_CSR, 0x7ff}, {DEBUG_CSR, 4096},     {DEBUG_CSR, UINT32_MAX},
        {DEBUG_PC, 1},      {DEBUG_MODE, 1},       {(enum debug_class)5, 0},
    };
    struct vcpu *vcpu = hart(state);
    uint64_t value;

    for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
        assert_int_equal(debug_read_register(vcpu, missing[i].class, missing[i].number, &value),
                         ERR_NOT_FOUND);
        assert_int_equal(debug_write_register(vcpu, missing[i].class, missing[i].number, 0),
                         ERR_NOT_FOUND);
    }
}

static void csrs_take_what_their_warl_fields_hold(void **state)
{
    struct vcpu *vcpu = hart(state);

    assert_int_equal(debug_write_register(vcpu, DEBUG_CSR, CSR_sepc, 0x12345677), 0);
    assert_int_equal(get(vcpu, DEBUG_CSR, CSR_sepc), 0x12345676);
    assert_int_equal(get(vcpu, DEBUG_CSR, CSR_sstatus) & SSTATUS_UXL, SSTATUS_UXL_64);
}

static void pc_is_a_multiple_of_ialign(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    assert_int_equal(debug_write_register(vcpu, DEBUG_PC, 0, 0x80000002), 0);
    assert_int_equal(get(vcpu, DEBUG_PC, 0), 0x80000002);
    assert_int_equal(debug_write_register(vcpu, DEBUG_PC, 0, 0x80000001), ERR_INVALID);
    f->vm.isa.ext &= ~(UINT64_C(1) << ISA_C);
    assert_int_equal(debug_write_register(vcpu, DEBUG_PC, 0, 0x80000006), ERR_INVALID);
    assert_int_equal(debug_write_register(vcpu, DEBUG_PC, 0, 0x80000004), 0);
}

static void mode_is_user_or_supervisor(void **state)
{
    struct vcpu *vcpu = hart(state);

    assert_int_equal(get(vcpu, DEBUG_MODE, 0), PRIV_S);
    assert_int_equal(debug_write_register(vcpu, DEBUG_MODE, 0, PRIV_U), 0);
    assert_int_equal(get(vcpu, DEBUG_MODE, 0), PRIV_U);
    assert_int_equal(debug_write_register(vcpu, DEBUG_MODE, 0, PRIV_M), ERR_INVALID);
    assert_int_equal(debug_write_register(vcpu, DEBUG_MODE, 0, 2), ERR_INVALID);
    assert_int_equal(debug_write_register(vcpu, DEBUG_MODE, 0, 0x101), ERR_INVALID);
    assert_int_equal(get(vcpu, DEBUG_MODE, 0), PRIV_U);
}

static void memory_is_physical_while_satp_is_bare(void **state)
{
    struct vcpu *vcpu = hart(state);
    char text[16];
    size_t done;

    assert_int_equal(debug_write_memory(vcpu, DATA + 0xffa, "across pages", 13, &done), 0);
    assert_int_equal(done, 13);
    assert_int_equal(debug_read_memory(vcpu, DATA + 0xffa, text, 13, &done), 0);
    assert_int_equal(done, 13);
    assert_string_equal(text, "across pages");
}

static void memory_follows_the_page_table_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    char text[16];
    size_t done;

    map(f, 0x4000, DATA + 0x3000, V | R | W);
    map(f, 0x5000, DATA + 0x1000, V | R | W);
    assert_int_equal(debug_write_memory(vcpu, 0x4ffc, "headtail", 9, &done), 0);
    assert_memory_equal(f->ram + (DATA + 0x3ffc - FIXTURE_RAM), "head", 4);
    assert_memory_equal(f->ram + (DATA + 0x1000 - FIXTURE_RAM), "tail", 4);
    assert_int_equal(debug_read_memory(vcpu, 0x4ffc, text, 9, &done), 0);
    assert_string_equal(text, "headtail");
}

static void protection_does_not_bind_and_the_page_table_stays_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint32_t word = 0xdeadbeef;
    size_t done;

    map(f, 0x6000, DATA, V | X | U);
    uint64_t before = pte(f, 0x6000);
    assert_int_equal(debug_write_memory(vcpu, 0x6000, &word, 4, &done), 0);
    word = 0;
    assert_int_equal(debug_read_memory(vcpu, 0x6000, &word, 4, &done), 0);
    assert_int_equal(word, 0xdeadbeef);
    assert_true(pte(f, 0x6000) == before);
}

static void done_counts_the_bytes_before_the_first_one_that_is_not_mapped(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint8_t bytes[0x2000];
    size_t done;

    memset(bytes, 1, sizeof(bytes));
    map(f, 0x4000, DATA, V | R | W);
    assert_int_equal(debug_read_memory(vcpu, 0x4100, bytes, 0x2000, &done), ERR_RANGE);
    assert_int_equal(done, 0xf00);
    assert_int_equal(debug_write_memory(vcpu, 0x4ff0, bytes, 0x2000, &done), ERR_RANGE);
    assert_int_equal(done, 0x10);
    assert_int_equal(debug_read_memory(vcpu, 0x9000, bytes, 1, &done), ERR_RANGE);
    assert_int_equal(done, 0);
    assert_int_equal(debug_write_memory(vcpu, UINT64_C(1) << 62, bytes, 1, &done), ERR_RANGE);
    assert_int_equal(done, 0);
}

static void ram_ends_where_it_ends_and_addresses_do_not_wrap(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint8_t bytes[64] = {0};
    size_t done;

    gva_t end = FIXTURE_RAM + FIXTURE_RAM_SIZE;
    assert_int_equal(debug_write_memory(vcpu, end - 8, bytes, 64, &done), ERR_RANGE);
    assert_int_equal(done, 8);
    put_word(f, ROOT, (ROOT + 0x1000) >> 12 << 10 | V, 8);
    put_word(f, ROOT + 511 * 8, DATA >> 30 << 28 | V | R | W, 8); /* the last GiB */
    map(f, 0, DATA, V | R | W);
    assert_int_equal(gmem_add(&f->vm.mem, FIXTURE_RAM + 0x3ffff000, 0x1000, f->ram, 0, NULL), 1);
    assert_int_equal(debug_read_memory(vcpu, UINT64_MAX - 7, bytes, 64, &done), ERR_RANGE);
    assert_int_equal(done, 8);
}

static void devices_are_not_touched(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint8_t byte = 'x';
    size_t done;

    assert_int_equal(debug_write_memory(vcpu, UART, &byte, 1, &done), ERR_RANGE);
    assert_int_equal(f->output_length, 0);
    assert_int_equal(console_push(&f->vm.console, &byte, 1), 1);
    assert_int_equal(debug_read_memory(vcpu, UART, &byte, 1, &done), ERR_RANGE);
    assert_int_equal(f->vm.console.count, 1);
}

static void a_write_tells_every_hart_that_its_code_may_have_changed(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    size_t done;

    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        atomic_store(&f->vcpu[i].requests, 0);
    assert_int_equal(debug_write_memory(vcpu, 0x1000, "x", 1, &done), ERR_RANGE);
    assert_int_equal(atomic_load(&f->vcpu[0].requests), 0);
    assert_int_equal(debug_write_memory(vcpu, CODE, "x", 1, &done), 0);
    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        assert_int_equal(atomic_load(&f->vcpu[i].requests), VCPU_REQ_CODE);
}

static void a_step_executes_one_instruction(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, ADDI_X5, 4);
    put_word(f, CODE + 4, ADDI_X5, 4);
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->user.pc, CODE + 4);
    assert_int_equal(vcpu->user.x[5], 7);
    assert_int_equal(vcpu->priv.instret, 1);
}

static void a_step_reaches_devices(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, SB_X5_X6, 4);
    vcpu->user.x[5] = 'D';
    vcpu->user.x[6] = UART;
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_string_equal(f->output, "D");
    assert_int_equal(vcpu->user.pc, CODE + 4);
    assert_int_equal(f->lock_depth, 0);
}

static void a_step_makes_sbi_calls(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, ECALL, 4);
    vcpu->user.x[17] = 0x10; /* base: sbi_get_spec_version */
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->user.pc, CODE + 4);
    assert_int_equal(vcpu->user.x[10], 0);
    assert_int_not_equal(vcpu->user.x[11], 0);
}

static void a_step_delivers_one_trap(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, ILLEGAL, 4);
    vcpu->priv.stvec = CODE + 0x100;
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->user.pc, CODE + 0x100);
    assert_int_equal(vcpu->priv.scause, CAUSE_ILLEGAL_INSN);
    assert_int_equal(vcpu->priv.sepc, CODE);
}

static void a_step_delivers_a_timer_interrupt_that_has_come_due(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, ADDI_X5, 4);
    vcpu->priv.stvec = CODE + 0x100;
    vcpu->priv.sie = SIP_STIP;
    vcpu->priv.sstatus |= SSTATUS_SIE;
    vcpu->priv.stimecmp = 100;
    f->now = 100;
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_true(vcpu->priv.scause == (CAUSE_INTERRUPT | IRQ_STI));
    assert_int_equal(vcpu->user.pc, CODE + 0x100);
    assert_int_equal(vcpu->user.x[5], 0);
}

static void a_step_of_wfi_waits(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, WFI, 4);
    assert_int_equal(debug_step(vcpu), ACTION_WAIT);
    assert_int_equal(vcpu->user.pc, CODE + 4);
}

static void a_hart_that_is_stopped_does_not_step(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[1];

    put_word(f, CODE, ADDI_X5, 4);
    vcpu->user.pc = CODE;
    assert_int_equal(debug_step(vcpu), ACTION_WAIT);
    assert_int_equal(vcpu->user.pc, CODE);
    assert_int_equal(vcpu->priv.instret, 0);
}

static void a_step_that_ends_the_vm_says_so(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, SW_X5_X6, 4);
    vcpu->user.x[5] = POWER_OFF;
    vcpu->user.x[6] = 0x100000;
    assert_int_equal(debug_step(vcpu), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_OFF);
}

static void a_hart_that_was_parked_stays_parked(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    put_word(f, CODE, ADDI_X5, 4);
    vcpu->priv.exit = (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_TRAP_LOOP};
    assert_int_equal(debug_step(vcpu), ACTION_PARK);
    assert_int_equal(debug_step(vcpu), ACTION_PARK);
    assert_int_equal(vcpu->user.pc, CODE);
}

static void an_exit_that_nobody_handled_is_the_step(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    vcpu->priv.exit = (struct exit_record){
        .kind = EXIT_MMIO,
        .mmio = {.gpa = UART, .data = 'h', .size = 1, .write = 1, .insn_len = 4},
    };
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_string_equal(f->output, "h");
    assert_int_equal(vcpu->user.pc, CODE + 4);
}

static void a_step_sees_a_fence_that_was_requested(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);

    map(f, 0x1000, CODE, V | R | X | 0xc0);
    map(f, 0x4000, DATA, V | R | 0xc0);
    put_word(f, CODE, LD_X7_X6, 4);
    put_word(f, DATA, 1, 8);
    put_word(f, DATA + 0x1000, 2, 8);
    vcpu->user.x[6] = 0x4000;
    vcpu->user.pc = 0x1000;
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->user.x[7], 1);
    map(f, 0x4000, DATA + 0x1000, V | R | 0xc0);
    vcpu_request(vcpu, VCPU_REQ_TLB);
    vcpu->user.pc = 0x1000;
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->user.x[7], 2);
    assert_int_not_equal(atomic_load(&vcpu->requests) & VCPU_REQ_TLB, 0);
}

static void a_reservation_outlives_a_step(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint64_t word;

    put_word(f, CODE, LR_X7_X6, 4);
    put_word(f, CODE + 4, SC_X8_X6, 4);
    vcpu->user.x[5] = 42;
    vcpu->user.x[6] = DATA;
    vcpu->user.x[8] = 9;
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(debug_step(vcpu), ACTION_RESUME);
    assert_int_equal(vcpu->user.x[8], 0);
    memcpy(&word, f->ram + (DATA - FIXTURE_RAM), 8);
    assert_int_equal(word, 42);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(x_registers_are_read_and_written_by_number),
        TEST(x0_holds_zero_only),
        TEST(f_registers_exist_with_f_only),
        TEST(numbers_beyond_a_class_are_not_found),
        TEST(csrs_take_what_their_warl_fields_hold),
        TEST(pc_is_a_multiple_of_ialign),
        TEST(mode_is_user_or_supervisor),
        TEST(memory_is_physical_while_satp_is_bare),
        TEST(memory_follows_the_page_table_page_by_page),
        TEST(protection_does_not_bind_and_the_page_table_stays_as_it_is),
        TEST(done_counts_the_bytes_before_the_first_one_that_is_not_mapped),
        TEST(ram_ends_where_it_ends_and_addresses_do_not_wrap),
        TEST(devices_are_not_touched),
        TEST(a_write_tells_every_hart_that_its_code_may_have_changed),
        TEST(a_step_executes_one_instruction),
        TEST(a_step_reaches_devices),
        TEST(a_step_makes_sbi_calls),
        TEST(a_step_delivers_one_trap),
        TEST(a_step_delivers_a_timer_interrupt_that_has_come_due),
        TEST(a_step_of_wfi_waits),
        TEST(a_hart_that_is_stopped_does_not_step),
        TEST(a_step_that_ends_the_vm_says_so),
        TEST(a_hart_that_was_parked_stays_parked),
        TEST(an_exit_that_nobody_handled_is_the_step),
        TEST(a_step_sees_a_fence_that_was_requested),
        TEST(a_reservation_outlives_a_step),
    };

    return cmocka_run_group_tests_name("debug", tests, NULL, NULL);
}
