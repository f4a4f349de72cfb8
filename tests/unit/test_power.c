/* SPDX-License-Identifier: MIT */
/* The power device against the values that `sifive,test1` defines. */
#include "core/dev/power.h"
#include "tests/unit/devices.h"

#define BASE UINT64_C(0x100000)

static struct power power;

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    power_init(&power, &f->vm, BASE);
    assert_int_equal(vm_add_device(&f->vm, &power.dev), 0);
    return 0;
}

static void assert_stop(struct fixture *f, enum vm_stop stop, uint32_t code)
{
    assert_int_equal(atomic_load(&f->vm.stop), stop);
    assert_int_equal(f->vm.stop_code, code);
}

static void value_5555_powers_off(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE, 4, 0x5555);
    assert_stop(f, VM_OFF, 0);
    assert_int_not_equal(f->kicks[0], 0);
}

static void value_7777_resets(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE, 4, 0x7777);
    assert_stop(f, VM_RESET_COLD, 0);
}

static void value_3333_fails_with_the_code_of_the_upper_half(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE, 4, 0xfedc3333);
    assert_stop(f, VM_FAILED, 0xfedc);
}

static void a_16_bit_write_is_a_command_with_code_0(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE, 2, 0x3333);
    assert_stop(f, VM_FAILED, 0);
}

static void other_values_and_other_offsets_do_nothing(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE, 4, 0);
    bus_set(&f->vm, BASE, 4, 0x5556);
    bus_set(&f->vm, BASE, 4, 0x55550000);
    bus_set(&f->vm, BASE + 4, 4, 0x5555);
    bus_set(&f->vm, BASE + 2, 2, 0x7777);
    bus_set(&f->vm, BASE + POWER_SIZE - 4, 4, 0x7777);
    assert_stop(f, VM_RUNNING, 0);
}

static void reads_as_zero(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(bus_get(&f->vm, BASE, 4), 0);
    assert_int_equal(bus_get(&f->vm, BASE + POWER_SIZE - 2, 2), 0);
}

static void takes_16_and_32_bits_only(void **state)
{
    struct fixture *f = *state;

    assert_refused(&f->vm, BASE, 1);
    assert_refused(&f->vm, BASE, 8);
}

static void the_first_reason_stays(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE, 4, 0x00073333);
    bus_set(&f->vm, BASE, 4, 0x5555);
    assert_stop(f, VM_FAILED, 7);
}

static void describes_itself_as_a_syscon(void **state)
{
    struct device_node node;

    (void)state;
    power.dev.ops->describe(&power.dev, &node);
    assert_string_equal(node.name, "test");
    assert_string_equal(node.compatible[0], "sifive,test1");
    assert_string_equal(node.compatible[1], "sifive,test0");
    assert_string_equal(node.compatible[2], "syscon");
    assert_int_equal(node.nprops, 0);
}

static void has_no_state_to_save(void **state)
{
    uint8_t bytes[1];

    (void)state;
    assert_int_equal(device_save_bytes(&power.dev, bytes, 0), 0);
    assert_int_equal(device_restore_bytes(&power.dev, bytes, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(value_5555_powers_off),
        TEST(value_7777_resets),
        TEST(value_3333_fails_with_the_code_of_the_upper_half),
        TEST(a_16_bit_write_is_a_command_with_code_0),
        TEST(other_values_and_other_offsets_do_nothing),
        TEST(reads_as_zero),
        TEST(takes_16_and_32_bits_only),
        TEST(the_first_reason_stays),
        TEST(describes_itself_as_a_syscon),
        TEST(has_no_state_to_save),
    };

    return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
