/* SPDX-License-Identifier: MIT */
/* What exit_handle does with each kind of exit (see core/exit.h). */
#include "core/csr.h"
#include "core/trap.h"
#include "tests/unit/fixture.h"

#define DEVICE UINT64_C(0x10000000)
#define VECTOR (FIXTURE_RAM + 0x1000)
#define PC     FIXTURE_RAM

static struct {
    unsigned reads, writes;
    uint64_t value;
    int error;
} device;

static struct fixture *current;

static int device_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    assert_int_equal(current->lock_depth, 1);
    device.reads++;
    *value = device.value;
    return device.error;
}

static int device_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    assert_int_equal(current->lock_depth, 1);
    device.writes++;
    device.value = value;
    return device.error;
}

static const struct bus_region region = {.base = DEVICE,
                                         .size = 0x100,
                                         .widths = BUS_ANY,
                                         .name = "device",
                                         .read = device_read,
                                         .write = device_write};

static int setup(void **state)
{
    fixture_setup(state);
    current = *state;
    memset(&device, 0, sizeof(device));
    current->vcpu[0].priv.stvec = VECTOR;
    return bus_add(&current->vm.bus, &region);
}

static struct vcpu *hart(void)
{
    return &current->vcpu[0];
}

static enum exit_action mmio(struct exit_mmio access)
{
    access.gpa = DEVICE;
    access.gva = 0x7000;
    if (access.insn_len == 0)
        access.insn_len = 4;
    hart()->priv.exit = (struct exit_record){.kind = EXIT_MMIO, .mmio = access};
    return exit_handle(hart());
}

static enum exit_action exit_of(enum exit_kind kind)
{
    hart()->priv.exit = (struct exit_record){.kind = kind};
    return exit_handle(hart());
}

static void a_load_writes_its_register_zero_or_sign_extended(void **state)
{
    static const struct {
        uint8_t size, sign;
        uint64_t expected;
    } loads[] = {
        {1, 0, 0x88},
        {1, 1, UINT64_C(0xffffffffffffff88)},
        {2, 0, 0x8588},
        {2, 1, UINT64_C(0xffffffffffff8588)},
        {4, 0, 0x80828588},
        {4, 1, UINT64_C(0xffffffff80828588)},
        {8, 0, UINT64_C(0xf1f2f3f480828588)},
        {8, 1, UINT64_C(0xf1f2f3f480828588)},
    };

    (void)state;
    device.value = UINT64_C(0xf1f2f3f480828588); /* devices may leave bits above the width */
    for (unsigned i = 0; i < ARRAY_SIZE(loads); i++) {
        struct exit_mmio load = {.size = loads[i].size, .sign = loads[i].sign, .reg = 7};
        assert_int_equal(mmio(load), ACTION_RESUME);
        assert_int_equal(hart()->user.x[7], loads[i].expected);
    }
    assert_int_equal(device.reads, ARRAY_SIZE(loads));
}

static void a_positive_value_stays_positive_when_sign_extended(void **state)
{
    (void)state;
    device.value = 0x7f;
    assert_int_equal(mmio((struct exit_mmio){.size = 1, .sign = 1, .reg = 7}), ACTION_RESUME);
    assert_int_equal(hart()->user.x[7], 0x7f);
}

static void a_load_to_x0_happens_and_leaves_x0(void **state)
{
    (void)state;
    device.value = 5;
    assert_int_equal(mmio((struct exit_mmio){.size = 4, .reg = 0}), ACTION_RESUME);
    assert_int_equal(device.reads, 1);
    assert_int_equal(hart()->user.x[0], 0);
}

static void a_load_to_an_f_register_is_nan_boxed_and_makes_fs_dirty(void **state)
{
    static const struct {
        uint8_t size;
        uint64_t expected;
    } loads[] = {
        {2, UINT64_C(0xffffffffffff3344)},
        {4, UINT64_C(0xffffffff11223344)},
        {8, UINT64_C(0x5566778811223344)},
    };

    (void)state;
    device.value = UINT64_C(0x5566778811223344);
    for (unsigned i = 0; i < ARRAY_SIZE(loads); i++) {
        hart()->priv.sstatus = SSTATUS_UXL_64 | UINT64_C(1) << 13;
        struct exit_mmio load = {.size = loads[i].size, .reg = 0, .reg_file = EXIT_REG_F};
        assert_int_equal(mmio(load), ACTION_RESUME);
        assert_int_equal(hart()->user.f[0], loads[i].expected);
        assert_int_equal(hart()->priv.sstatus & SSTATUS_FS, SSTATUS_FS);
    }
}

static void a_store_reaches_the_device_and_no_register(void **state)
{
    (void)state;
    hart()->user.x[7] = 1;
    assert_int_equal(mmio((struct exit_mmio){.size = 4, .write = 1, .data = 9, .reg = 7}),
                     ACTION_RESUME);
    assert_int_equal(device.writes, 1);
    assert_int_equal(device.value, 9);
    assert_int_equal(hart()->user.x[7], 1);
}

static void a_completed_access_advances_pc_by_its_length_and_retires(void **state)
{
    (void)state;
    assert_int_equal(mmio((struct exit_mmio){.size = 4, .insn_len = 2}), ACTION_RESUME);
    assert_int_equal(hart()->user.pc, PC + 2);
    assert_int_equal(mmio((struct exit_mmio){.size = 4, .insn_len = 4}), ACTION_RESUME);
    assert_int_equal(hart()->user.pc, PC + 6);
    assert_int_equal(hart()->priv.instret, 2);
    assert_int_equal(hart()->priv.cycle, 2);
    assert_int_equal(hart()->priv.exit.kind, EXIT_NONE);
}

static void a_refused_access_is_an_access_fault_with_its_virtual_address(void **state)
{
    (void)state;
    device.error = ERR_INVALID;
    for (uint8_t write = 0; write <= 1; write++) {
        hart()->user.pc = PC;
        hart()->user.x[7] = 42;
        assert_int_equal(mmio((struct exit_mmio){.size = 4, .write = write, .reg = 7}),
                         ACTION_RESUME);
        assert_int_equal(hart()->priv.scause, write ? 7 : 5);
        assert_int_equal(hart()->priv.stval, 0x7000);
        assert_int_equal(hart()->priv.sepc, PC);
        assert_int_equal(hart()->user.pc, VECTOR);
        assert_int_equal(hart()->user.x[7], 42);
        assert_int_equal(hart()->priv.instret, 0);
    }
}

static void an_access_that_is_done_is_only_completed(void **state)
{
    (void)state;
    struct exit_mmio done = {.size = 4, .reg = 7, .done = 1, .data = 0x1234};
    assert_int_equal(mmio(done), ACTION_RESUME);
    assert_int_equal(device.reads, 0);
    assert_int_equal(hart()->user.x[7], 0x1234);
    assert_int_equal(exit_handle(hart()), ACTION_RESUME); /* and once only */
    exit_complete_mmio(hart());
    assert_int_equal(hart()->user.pc, PC + 4);
    done = (struct exit_mmio){.size = 1, .reg = 7, .done = 1, .data = 0x1234};
    assert_int_equal(mmio(done), ACTION_RESUME);
    assert_int_equal(hart()->user.x[7], 0x34); /* the size is what counts */
}

static void an_access_that_is_not_done_is_not_completed(void **state)
{
    (void)state;
    hart()->user.x[7] = 5;
    hart()->priv.exit = (struct exit_record){
        .kind = EXIT_MMIO, .mmio = {.gpa = DEVICE, .size = 4, .reg = 7, .insn_len = 4}};
    exit_complete_mmio(hart());
    assert_int_equal(hart()->priv.exit.kind, EXIT_MMIO);
    assert_int_equal(hart()->user.x[7], 5);
    assert_int_equal(hart()->user.pc, PC);
}

static void an_access_that_no_engine_decodes_parks_the_vcpu(void **state)
{
    (void)state;
    assert_int_equal(mmio((struct exit_mmio){.size = 3}), ACTION_PARK);
    assert_int_equal(mmio((struct exit_mmio){.size = 4, .reg = 32}), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.kind, EXIT_ERROR);
    assert_int_equal(hart()->priv.exit.reason, PARK_ENGINE);
    assert_int_equal(device.reads, 0);
}

static void a_fault_at_the_vector_itself_parks_in_the_end(void **state)
{
    (void)state;
    device.error = ERR_INVALID;
    hart()->user.pc = VECTOR;
    assert_int_equal(mmio((struct exit_mmio){.size = 4}), ACTION_RESUME);
    assert_int_equal(mmio((struct exit_mmio){.size = 4}), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.reason, PARK_TRAP_LOOP);
    assert_int_equal(exit_handle(hart()), ACTION_PARK); /* for good */
}

static unsigned traced;

static void trace(struct vm *vm, struct vcpu *vcpu, uint64_t kind, uint64_t a, uint64_t b)
{
    (void)vm;
    (void)vcpu;
    traced++;
    assert_int_equal(kind, device.writes != 0 ? VM_TRACE_WRITE : VM_TRACE_READ);
    assert_int_equal(a, DEVICE);
    assert_int_equal(b, 0x99);
}

static void accesses_are_traced_with_address_and_data(void **state)
{
    (void)state;
    traced = 0;
    hart()->vm->trace = trace;
    device.value = 0x99;
    assert_int_equal(mmio((struct exit_mmio){.size = 1}), ACTION_RESUME);
    assert_int_equal(mmio((struct exit_mmio){.size = 1, .write = 1, .data = 0x99}), ACTION_RESUME);
    assert_int_equal(traced, 2);
}

/* raw: csr << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | SYSTEM */
static enum exit_action csr(unsigned number, unsigned rs1, unsigned funct3, unsigned rd)
{
    hart()->priv.exit = (struct exit_record){
        .kind = EXIT_CSR, .insn = number << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73};
    return exit_handle(hart());
}

static void a_csr_exit_does_what_the_instruction_says(void **state)
{
    (void)state;
    hart()->user.x[5] = 0xf0;
    assert_int_equal(csr(CSR_sscratch, 5, 1, 6), ACTION_RESUME); /* csrrw */
    assert_int_equal(hart()->priv.sscratch, 0xf0);
    hart()->user.x[5] = 0x0f;
    assert_int_equal(csr(CSR_sscratch, 5, 2, 6), ACTION_RESUME); /* csrrs */
    assert_int_equal(hart()->user.x[6], 0xf0);
    assert_int_equal(hart()->priv.sscratch, 0xff);
    assert_int_equal(csr(CSR_sscratch, 5, 3, 0), ACTION_RESUME); /* csrrc */
    assert_int_equal(hart()->priv.sscratch, 0xf0);
    assert_int_equal(csr(CSR_sscratch, 31, 5, 0), ACTION_RESUME); /* csrrwi */
    assert_int_equal(hart()->priv.sscratch, 31);
    assert_int_equal(csr(CSR_sscratch, 1, 7, 0), ACTION_RESUME); /* csrrci */
    assert_int_equal(hart()->priv.sscratch, 30);
    assert_int_equal(csr(CSR_sscratch, 1, 6, 0), ACTION_RESUME); /* csrrsi */
    assert_int_equal(hart()->priv.sscratch, 31);
    assert_int_equal(hart()->user.pc, PC + 24);
    assert_int_equal(hart()->priv.instret, 6);
    assert_int_equal(hart()->user.x[0], 0);
}

static void set_and_clear_with_x0_only_read(void **state)
{
    (void)state;
    hart()->priv.cycle = 77;
    assert_int_equal(csr(CSR_cycle, 0, 2, 6), ACTION_RESUME); /* legal on a read-only register */
    assert_int_equal(hart()->user.x[6], 77);
    assert_int_equal(csr(CSR_cycle, 0, 7, 6), ACTION_RESUME);
    assert_int_equal(hart()->traps, 0);
}

static void an_illegal_csr_access_is_an_illegal_instruction_with_its_bits_in_stval(void **state)
{
    (void)state;
    assert_int_equal(csr(0x300, 0, 2, 6), ACTION_RESUME);
    assert_int_equal(hart()->priv.scause, CAUSE_ILLEGAL_INSN);
    assert_int_equal(hart()->priv.stval, UINT32_C(0x30002373));
    assert_int_equal(hart()->priv.sepc, PC);
    hart()->user.pc = PC;
    assert_int_equal(csr(CSR_sscratch, 0, 4, 6), ACTION_RESUME); /* funct3 4 is no Zicsr */
    assert_int_equal(hart()->traps, 2);
    hart()->user.pc = PC;
    hart()->priv.exit = (struct exit_record){.kind = EXIT_CSR, .insn = 0x14001313}; /* slli */
    assert_int_equal(exit_handle(hart()), ACTION_RESUME);
    assert_int_equal(hart()->traps, 3);
}

static void wfi_waits_unless_an_enabled_interrupt_is_pending(void **state)
{
    (void)state;
    atomic_store(&hart()->requests, 0);
    hart()->priv.sie = SIP_STIP;
    vcpu_set_pending(hart(), SIP_SSIP, true);
    assert_int_equal(exit_of(EXIT_WFI), ACTION_WAIT);
    hart()->priv.sie = SIP_SSIP;
    assert_int_equal(exit_of(EXIT_WFI), ACTION_RESUME); /* whatever SIE says */
}

static void a_host_event_is_taken_back_and_the_vcpu_goes_on(void **state)
{
    (void)state;
    atomic_store(&hart()->requests, VCPU_REQ_EVENT | VCPU_REQ_TLB);
    assert_int_equal(exit_of(EXIT_HOST), ACTION_RESUME);
    assert_int_equal(atomic_load(&hart()->requests), VCPU_REQ_TLB);
}

static void a_vm_that_stops_stops_every_vcpu_after_its_exit(void **state)
{
    (void)state;
    vm_request_stop(&current->vm, VM_HOST, 0);
    assert_int_equal(exit_of(EXIT_HOST), ACTION_STOP);
    assert_int_equal(exit_of(EXIT_NONE), ACTION_STOP);
    assert_int_equal(mmio((struct exit_mmio){.size = 4}), ACTION_STOP);
    assert_int_equal(hart()->user.pc, PC + 4); /* the access was finished all the same */
}

static void an_access_to_nothing_parks_with_its_address(void **state)
{
    (void)state;
    hart()->priv.exit = (struct exit_record){.kind = EXIT_PAGE_FAULT, .addr = 0x123000};
    assert_int_equal(exit_handle(hart()), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.kind, EXIT_ERROR);
    assert_int_equal(hart()->priv.exit.reason, PARK_NO_MAPPING);
    assert_int_equal(hart()->priv.exit.addr, 0x123000);
}

static void an_error_keeps_its_reason_and_has_one_in_any_case(void **state)
{
    (void)state;
    hart()->priv.exit = (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_TRAP_LOOP};
    assert_int_equal(exit_handle(hart()), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.reason, PARK_TRAP_LOOP);
    hart()->priv.exit = (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_NONE};
    assert_int_equal(exit_handle(hart()), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.reason, PARK_ENGINE);
    hart()->priv.exit = (struct exit_record){.kind = EXIT_ERROR, .reason = 1000};
    assert_int_equal(exit_handle(hart()), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.reason, PARK_ENGINE);
    hart()->priv.exit = (struct exit_record){.kind = 1000};
    assert_int_equal(exit_handle(hart()), ACTION_PARK);
    assert_int_equal(hart()->priv.exit.reason, PARK_ENGINE);
}

static void exits_are_counted_by_kind(void **state)
{
    (void)state;
    assert_int_equal(exit_of(EXIT_IRQ_WINDOW), ACTION_RESUME);
    assert_int_equal(exit_of(EXIT_DEBUG), ACTION_DEBUG);
    assert_int_equal(exit_of(EXIT_DEBUG), ACTION_DEBUG);
    assert_int_equal(hart()->exits[EXIT_IRQ_WINDOW], 1);
    assert_int_equal(hart()->exits[EXIT_DEBUG], 2);
}

static void every_kind_and_reason_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(exit_name(EXIT_MMIO), "mmio");
    assert_string_equal(exit_name(EXIT_COUNT), "unknown");
    for (unsigned kind = 0; kind < EXIT_COUNT; kind++)
        assert_non_null(exit_name((enum exit_kind)kind));
    for (unsigned reason = 0; reason < 100; reason++)
        assert_non_null(park_text((enum park_reason)reason));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_load_writes_its_register_zero_or_sign_extended),
        TEST(a_positive_value_stays_positive_when_sign_extended),
        TEST(a_load_to_x0_happens_and_leaves_x0),
        TEST(a_load_to_an_f_register_is_nan_boxed_and_makes_fs_dirty),
        TEST(a_store_reaches_the_device_and_no_register),
        TEST(a_completed_access_advances_pc_by_its_length_and_retires),
        TEST(a_refused_access_is_an_access_fault_with_its_virtual_address),
        TEST(an_access_that_is_done_is_only_completed),
        TEST(an_access_that_is_not_done_is_not_completed),
        TEST(an_access_that_no_engine_decodes_parks_the_vcpu),
        TEST(a_fault_at_the_vector_itself_parks_in_the_end),
        TEST(accesses_are_traced_with_address_and_data),
        TEST(a_csr_exit_does_what_the_instruction_says),
        TEST(set_and_clear_with_x0_only_read),
        TEST(an_illegal_csr_access_is_an_illegal_instruction_with_its_bits_in_stval),
        TEST(wfi_waits_unless_an_enabled_interrupt_is_pending),
        TEST(a_host_event_is_taken_back_and_the_vcpu_goes_on),
        TEST(a_vm_that_stops_stops_every_vcpu_after_its_exit),
        TEST(an_access_to_nothing_parks_with_its_address),
        TEST(an_error_keeps_its_reason_and_has_one_in_any_case),
        TEST(exits_are_counted_by_kind),
        TEST(every_kind_and_reason_has_a_text),
    };

    return cmocka_run_group_tests_name("exit", tests, NULL, NULL);
}
