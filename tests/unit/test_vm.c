/* SPDX-License-Identifier: MIT */
/* A VM's tables, its devices' lines and alarms, its log, and its ISA string (see core/vm.h). */
#include "tests/unit/devices.h"

static int no_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    *value = 0;
    return 0;
}

static int no_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return 0;
}

static const struct device_ops plain_ops = {0}; /* never asks for an alarm */

static struct device device_at(gpa_t base)
{
    return (struct device){
        .ops = &plain_ops,
        .region = {.base = base,
                   .size = 8,
                   .widths = BUS_ANY,
                   .name = "plain",
                   .read = no_read,
                   .write = no_write},
    };
}

static void tables_of_devices_and_harts_are_finite(void **state)
{
    struct fixture *f = *state;
    static struct device device[VM_MAX_DEVICES + 1];
    static struct vcpu vcpu[VM_MAX_VCPUS];

    for (unsigned i = 0; i <= VM_MAX_DEVICES; i++) {
        device[i] = device_at(8 * i);
        assert_int_equal(vm_add_device(&f->vm, &device[i]), i < VM_MAX_DEVICES ? 0 : ERR_NO_MEMORY);
    }
    assert_int_equal(f->vm.ndevices, VM_MAX_DEVICES);
    while (f->vm.nvcpus < VM_MAX_VCPUS)
        assert_int_equal(vm_add_vcpu(&f->vm, &vcpu[f->vm.nvcpus]), 0);
    assert_int_equal(vm_add_vcpu(&f->vm, &vcpu[0]), ERR_NO_MEMORY);
    assert_int_equal(f->vm.nvcpus, VM_MAX_VCPUS);
}

static void device_whose_registers_overlap_anothers_is_refused(void **state)
{
    struct fixture *f = *state;
    struct device first = device_at(0), second = device_at(0);

    assert_int_equal(vm_add_device(&f->vm, &first), 0);
    assert_int_equal(vm_add_device(&f->vm, &second), ERR_OVERLAP);
    assert_int_equal(f->vm.ndevices, 1);
}

static unsigned lines_set;

static void count_line(struct irqchip *chip, irq_t irq, bool level)
{
    (void)chip;
    (void)irq;
    (void)level;
    lines_set++;
}

static void device_without_a_line_interrupts_nobody(void **state)
{
    static const struct irqchip_ops ops = {.set_line = count_line};
    struct fixture *f = *state;
    struct irqchip chip = {.ops = &ops, .vm = &f->vm};
    struct device device = device_at(0);

    lines_set = 0;
    f->vm.irqchip = &chip;
    assert_int_equal(vm_add_device(&f->vm, &device), 0);
    device_irq(&device, true);
    assert_int_equal(lines_set, 0);
    device.irq = 1;
    device_irq(&device, true);
    assert_int_equal(lines_set, 1);
    f->vm.irqchip = NULL; /* nor where there is nobody to tell */
    device_irq(&device, true);
    assert_int_equal(lines_set, 1);
}

static void alarm_of_a_device_that_never_asks_is_ignored(void **state)
{
    struct fixture *f = *state;
    struct device device = device_at(0);

    assert_int_equal(vm_add_device(&f->vm, &device), 0);
    vm_device_timer(&f->vm, device.index);
    vm_device_timer(&f->vm, device.index + 1);
    vm_device_timer(&f->vm, UINT32_MAX);
}

static void the_first_reason_to_stop_stays(void **state)
{
    struct fixture *f = *state;

    vm_request_stop(&f->vm, VM_FAILED, 7);
    vm_request_stop(&f->vm, VM_OFF, 0);
    assert_int_equal(atomic_load(&f->vm.stop), VM_FAILED);
    assert_int_equal(f->vm.stop_code, 7);
}

static void every_hart_that_there_is_hears_of_the_stop(void **state)
{
    struct fixture *f = *state;

    f->vm.vcpu[1] = NULL; /* ids may have gaps */
    vm_request_stop(&f->vm, VM_HOST, 0);
    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        assert_int_equal(f->kicks[i] != 0, i != 1);
}

static void a_guest_causes_64_messages_and_one_that_says_so(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 1; i <= VM_GUEST_LOG_LIMIT; i++) {
        vm_log_guest(&f->vm, NULL, LOG_WARN, "test", "message %u", i);
        assert_int_equal(f->messages, i);
    }
    assert_string_equal(f->last_message, "message 64");
    for (unsigned i = 0; i < 1000; i++)
        vm_log_guest(&f->vm, NULL, LOG_WARN, "test", "one too many");
    assert_int_equal(f->messages, VM_GUEST_LOG_LIMIT + 1);
    assert_non_null(strstr(f->last_message, "64 messages"));
    vm_log(&f->vm, NULL, LOG_ERROR, "test", "our own");
    assert_string_equal(f->last_message, "our own");
}

static void a_timer_that_is_set_to_never_does_not_go_off(void **state)
{
    struct fixture *f = *state;

    f->now = UINT64_MAX;
    vcpu_set_deadline(&f->vcpu[0], UINT64_MAX);
    assert_false(vcpu_has_wakeup(&f->vcpu[0]));
    assert_int_equal(atomic_load(&f->vcpu[0].pending), 0);
}

static void a_hart_is_entered_at_an_even_address(void **state)
{
    struct fixture *f = *state;

    vcpu_enter(&f->vcpu[1], FIXTURE_RAM + 3, 0);
    assert_int_equal(f->vcpu[1].user.pc, FIXTURE_RAM + 2);
}

static void isa_string_fits_or_is_refused_at_every_size(void **state)
{
    struct isa isa = {.ext = UINT64_C(1) << ISA_I | UINT64_C(1) << ISA_M | UINT64_C(1) << ISA_ZBA};
    static const char expected[] = "rv64im_zba";
    char text[sizeof(expected) + 1];

    (void)state;
    for (size_t size = 0; size < sizeof(expected); size++) {
        memset(text, '#', sizeof(text));
        assert_int_equal(isa_string(&isa, text, size), ERR_RANGE);
        assert_int_equal(text[size], '#');
    }
    assert_int_equal(isa_string(&isa, text, sizeof(expected)), sizeof(expected) - 1);
    assert_string_equal(text, expected);
    assert_string_equal(isa_name(ISA_COUNT), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(tables_of_devices_and_harts_are_finite),
        TEST(device_whose_registers_overlap_anothers_is_refused),
        TEST(device_without_a_line_interrupts_nobody),
        TEST(alarm_of_a_device_that_never_asks_is_ignored),
        TEST(the_first_reason_to_stop_stays),
        TEST(every_hart_that_there_is_hears_of_the_stop),
        TEST(a_guest_causes_64_messages_and_one_that_says_so),
        TEST(a_timer_that_is_set_to_never_does_not_go_off),
        TEST(a_hart_is_entered_at_an_even_address),
        TEST(isa_string_fits_or_is_refused_at_every_size),
    };

    return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
