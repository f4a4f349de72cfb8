/* SPDX-License-Identifier: MIT */
/* The goldfish clock against the register list of the Goldfish virtual hardware document. */
#include "core/dev/goldfish_rtc.h"
#include "core/dev/power.h"
#include "tests/unit/devices.h"

#define BASE UINT64_C(0x101000)
#define IRQ  11
#define NOW  UINT64_C(1700000000123456789)

enum { TIME_LOW = 0, TIME_HIGH = 4, ALARM_LOW = 8, ALARM_HIGH = 0xc, IRQ_ENABLED = 0x10 };
enum { CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c };

static struct goldfish_rtc rtc;
static struct power before; /* never asks for an alarm, and has id 0 */
static struct line_chip lines;

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    line_chip_init(&lines, &f->vm);
    power_init(&before, &f->vm, BASE - POWER_SIZE);
    assert_int_equal(vm_add_device(&f->vm, &before.dev), 0);
    goldfish_rtc_init(&rtc, &f->vm, BASE, IRQ);
    assert_int_equal(vm_add_device(&f->vm, &rtc.dev), 0);
    f->wall_ns = NOW;
    f->now = 1000;
    rtc.dev.ops->reset(&rtc.dev);
    return 0;
}

static uint32_t get(struct fixture *f, uint64_t offset)
{
    return (uint32_t)bus_get(&f->vm, BASE + offset, 4);
}

static void set(struct fixture *f, uint64_t offset, uint32_t value)
{
    bus_set(&f->vm, BASE + offset, 4, value);
}

static uint64_t read_time(struct fixture *f)
{
    uint64_t low = get(f, TIME_LOW);

    return (uint64_t)get(f, TIME_HIGH) << 32 | low;
}

static void set_time(struct fixture *f, uint64_t time)
{
    set(f, TIME_HIGH, (uint32_t)(time >> 32));
    set(f, TIME_LOW, (uint32_t)time);
}

static void set_alarm(struct fixture *f, uint64_t time)
{
    set(f, ALARM_HIGH, (uint32_t)(time >> 32));
    set(f, ALARM_LOW, (uint32_t)time);
}

static uint64_t deadline(struct fixture *f)
{
    return f->device_deadline[rtc.dev.index];
}

/* Both clocks go on, and the host keeps its promise. */
static void wait_ns(struct fixture *f, uint64_t ns)
{
    f->wall_ns += ns;
    f->now += ns / 100; /* 10 MHz */
    if (f->now >= deadline(f))
        vm_device_timer(&f->vm, rtc.dev.index);
}

static void time_is_the_hosts_wall_clock_in_nanoseconds(void **state)
{
    struct fixture *f = *state;

    assert_true(read_time(f) == NOW);
    f->wall_ns += 5;
    assert_true(read_time(f) == NOW + 5);
}

static void reading_time_low_latches_time_high(void **state)
{
    struct fixture *f = *state;

    f->wall_ns = UINT64_C(0x1ffffffff);
    assert_int_equal(get(f, TIME_LOW), 0xffffffff);
    f->wall_ns += 1;
    assert_int_equal(get(f, TIME_HIGH), 1);
    assert_int_equal(get(f, TIME_LOW), 0);
    assert_int_equal(get(f, TIME_HIGH), 2);
}

static void a_64_bit_read_gives_the_whole_time(void **state)
{
    struct fixture *f = *state;

    assert_true(bus_get(&f->vm, BASE + TIME_LOW, 8) == NOW);
}

static void writing_the_time_sets_the_clock_and_it_goes_on_from_there(void **state)
{
    struct fixture *f = *state;

    set_time(f, UINT64_C(0x123456789abcdef0));
    assert_true(read_time(f) == UINT64_C(0x123456789abcdef0));
    f->wall_ns += 1000;
    assert_true(read_time(f) == UINT64_C(0x123456789abcdef0) + 1000);
    set_time(f, 0); /* behind the host's clock: the offset wraps */
    assert_true(read_time(f) == 0);
}

static void the_halves_of_the_time_may_be_written_in_any_order(void **state)
{
    struct fixture *f = *state;

    set(f, TIME_LOW, 0x89abcdef);
    set(f, TIME_HIGH, 0x01234567);
    assert_true(read_time(f) == UINT64_C(0x0123456789abcdef));
    bus_set(&f->vm, BASE + TIME_LOW, 8, UINT64_C(0xfedcba9876543210));
    assert_true(read_time(f) == UINT64_C(0xfedcba9876543210));
}

static void an_alarm_runs_until_its_time_and_raises_the_interrupt(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW + 1000000);
    assert_int_equal(get(f, ALARM_STATUS), 1);
    assert_false(lines.level[IRQ]);
    assert_int_equal(deadline(f), 1000 + 10000); /* 1 ms at 10 MHz */
    wait_ns(f, 999900);
    assert_false(lines.level[IRQ]);
    wait_ns(f, 100);
    assert_true(lines.level[IRQ]);
    assert_int_equal(get(f, ALARM_STATUS), 0);
    assert_true(deadline(f) == UINT64_MAX);
}

static void an_alarm_in_the_past_goes_off_at_once(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW);
    assert_true(lines.level[IRQ]);
    assert_int_equal(get(f, ALARM_STATUS), 0);
}

static void alarm_high_waits_for_alarm_low(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW + 1000000);
    set(f, ALARM_HIGH, 0);
    assert_int_equal(get(f, ALARM_HIGH), 0);
    wait_ns(f, 500000);
    assert_int_equal(get(f, ALARM_STATUS), 1);
    wait_ns(f, 500000);
    assert_true(lines.level[IRQ]);
}

static void the_alarms_time_can_be_read_back(void **state)
{
    struct fixture *f = *state;

    set_alarm(f, UINT64_C(0x7fffffff12345678));
    assert_int_equal(get(f, ALARM_LOW), 0x12345678);
    assert_int_equal(get(f, ALARM_HIGH), 0x7fffffff);
    bus_set(&f->vm, BASE + ALARM_LOW, 8, NOW + 100);
    assert_true(bus_get(&f->vm, BASE + ALARM_LOW, 8) == NOW + 100);
    assert_int_equal(get(f, ALARM_STATUS), 1);
}

static void deadlines_are_rounded_up(void **state)
{
    struct fixture *f = *state;

    set_alarm(f, NOW + 1);
    assert_int_equal(deadline(f), 1000 + 1);
    set_alarm(f, NOW + 101);
    assert_int_equal(deadline(f), 1000 + 2);
}

static void an_alarm_in_the_far_future_is_approached_without_overflow(void **state)
{
    struct fixture *f = *state;

    f->vm.timebase_hz = UINT64_C(4000000000);
    set(f, IRQ_ENABLED, 1);
    set_alarm(f, UINT64_MAX);
    assert_true(deadline(f) > f->now);
    assert_true(deadline(f) - f->now <= UINT64_MAX / 1000);
    uint64_t first = deadline(f);
    f->now = first;
    f->wall_ns += (first - 1000) / 4;
    vm_device_timer(&f->vm, rtc.dev.index);
    assert_true(deadline(f) > first);
    assert_int_equal(get(f, ALARM_STATUS), 1);
    assert_false(lines.level[IRQ]);
}

static void a_deadline_beyond_the_end_of_guest_time_is_never(void **state)
{
    struct fixture *f = *state;

    f->now = UINT64_MAX - 10;
    set_alarm(f, NOW + 1000000);
    assert_true(deadline(f) == UINT64_MAX);
}

static void a_callback_before_the_alarms_time_asks_again(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW + 1000000);
    f->now = 11000; /* guest time is there, the wall clock is not */
    f->wall_ns = NOW + 999000;
    vm_device_timer(&f->vm, rtc.dev.index);
    assert_false(lines.level[IRQ]);
    assert_int_equal(get(f, ALARM_STATUS), 1);
    assert_int_equal(deadline(f), 11000 + 10);
    wait_ns(f, 1000);
    assert_true(lines.level[IRQ]);
}

static void a_callback_without_a_running_alarm_does_nothing(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    vm_device_timer(&f->vm, rtc.dev.index);
    assert_false(lines.level[IRQ]);
}

static void an_alarm_id_that_no_device_waits_for_is_ignored(void **state)
{
    struct fixture *f = *state;

    vm_device_timer(&f->vm, before.dev.index);
    vm_device_timer(&f->vm, f->vm.ndevices);
    vm_device_timer(&f->vm, UINT32_MAX);
    assert_int_not_equal(before.dev.index, rtc.dev.index);
}

static void clear_alarm_stops_it(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW + 1000);
    set(f, CLEAR_ALARM, 0);
    assert_int_equal(get(f, ALARM_STATUS), 0);
    assert_true(deadline(f) == UINT64_MAX);
    f->wall_ns += 2000;
    vm_device_timer(&f->vm, rtc.dev.index); /* it was under way already */
    assert_false(lines.level[IRQ]);
}

static void setting_the_clock_beyond_a_running_alarm_makes_it_go_off(void **state)
{
    struct fixture *f = *state;

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW + 1000000000);
    set_time(f, NOW + 2000000000);
    assert_true(lines.level[IRQ]);
}

static void a_clock_of_which_one_half_is_set_does_not_fire_the_alarm(void **state)
{
    struct fixture *f = *state;

    f->wall_ns = UINT64_C(0x10f0000000);
    set(f, IRQ_ENABLED, 1);
    set_alarm(f, UINT64_C(0x1100000100));
    set_time(f, UINT64_C(0x1100000000)); /* between the writes it is 0x11f0000000 */
    assert_false(lines.level[IRQ]);
    assert_int_equal(deadline(f), 1000 + 3); /* 256 ns */
}

static void the_interrupt_needs_its_enable_bit_and_is_cleared_by_its_register(void **state)
{
    struct fixture *f = *state;

    set_alarm(f, NOW);
    assert_false(lines.level[IRQ]);
    set(f, IRQ_ENABLED, 0xffffffff);
    assert_int_equal(get(f, IRQ_ENABLED), 1);
    assert_true(lines.level[IRQ]);
    set(f, IRQ_ENABLED, 0xfffffffe);
    assert_int_equal(get(f, IRQ_ENABLED), 0);
    assert_false(lines.level[IRQ]);
    set(f, IRQ_ENABLED, 1);
    set(f, CLEAR_INTERRUPT, 0);
    assert_false(lines.level[IRQ]);
    set(f, IRQ_ENABLED, 1);
    assert_false(lines.level[IRQ]);
}

static void registers_to_write_read_0_and_registers_to_read_ignore_writes(void **state)
{
    struct fixture *f = *state;

    set_alarm(f, NOW + 1000);
    set(f, ALARM_STATUS, 0);
    assert_int_equal(get(f, ALARM_STATUS), 1);
    assert_int_equal(get(f, CLEAR_ALARM), 0);
    assert_int_equal(get(f, ALARM_STATUS), 1);
    assert_int_equal(get(f, CLEAR_INTERRUPT), 0);
    set(f, 0x20, 0xffffffff);
    assert_int_equal(get(f, 0x20), 0);
}

static void there_is_nothing_behind_the_registers(void **state)
{
    struct fixture *f = *state;

    assert_refused(&f->vm, BASE + 0x24, 4);
    assert_refused(&f->vm, BASE + 0x20, 8);
    assert_refused(&f->vm, BASE + GOLDFISH_RTC_SIZE - 8, 8);
    assert_refused(&f->vm, BASE, 1);
    assert_refused(&f->vm, BASE, 2);
}

static void reset_stops_the_alarm_and_keeps_the_time(void **state)
{
    struct fixture *f = *state;

    set_time(f, 5000);
    set(f, IRQ_ENABLED, 1);
    set_alarm(f, 100); /* raised */
    set_alarm(f, 6000);
    rtc.dev.ops->reset(&rtc.dev);
    assert_false(lines.level[IRQ]);
    assert_int_equal(get(f, ALARM_STATUS), 0);
    assert_int_equal(get(f, IRQ_ENABLED), 0);
    assert_int_equal(get(f, ALARM_LOW), 0);
    assert_true(deadline(f) == UINT64_MAX);
    assert_true(read_time(f) == 5000);
}

static void describes_itself_as_goldfish_rtc(void **state)
{
    struct device_node node;

    (void)state;
    rtc.dev.ops->describe(&rtc.dev, &node);
    assert_string_equal(node.name, "rtc");
    assert_string_equal(node.compatible[0], "google,goldfish-rtc");
    assert_null(node.compatible[1]);
    assert_int_equal(node.nprops, 0);
}

static void a_snapshot_keeps_clock_alarm_and_interrupt(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[64];

    set_time(f, UINT64_C(0x500000000));
    set(f, IRQ_ENABLED, 1);
    set_alarm(f, 1); /* raised */
    set_alarm(f, UINT64_C(0x500000000) + 1000000);
    set(f, ALARM_HIGH, 9);
    get(f, TIME_LOW);
    size_t length = device_save_bytes(&rtc.dev, bytes, sizeof(bytes));

    goldfish_rtc_init(&rtc, &f->vm, BASE, IRQ);
    rtc.dev.index = 1;
    device_irq(&rtc.dev, false);
    f->now = 7000;
    f->device_deadline[1] = 0;
    assert_int_equal(device_restore_bytes(&rtc.dev, bytes, length), 0);
    assert_true(lines.level[IRQ]);
    assert_int_equal(get(f, TIME_HIGH), 5);
    assert_true(read_time(f) == UINT64_C(0x500000000));
    assert_int_equal(get(f, ALARM_STATUS), 1);
    assert_int_equal(get(f, IRQ_ENABLED), 1);
    assert_int_equal(get(f, ALARM_HIGH), 9);
    assert_int_equal(get(f, ALARM_LOW), 1000000);
    assert_int_equal(deadline(f), 7000 + 10000);
}

static void an_alarm_whose_time_passed_while_saved_goes_off_at_restore(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[64];

    set(f, IRQ_ENABLED, 1);
    set_alarm(f, NOW + 1000000);
    size_t length = device_save_bytes(&rtc.dev, bytes, sizeof(bytes));
    rtc.dev.ops->reset(&rtc.dev);
    f->wall_ns = NOW + 2000000;
    assert_int_equal(device_restore_bytes(&rtc.dev, bytes, length), 0);
    assert_true(lines.level[IRQ]);
    assert_int_equal(get(f, ALARM_STATUS), 0);
}

static void restore_takes_back_an_alarm_that_the_snapshot_does_not_have(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[64];

    size_t length = device_save_bytes(&rtc.dev, bytes, sizeof(bytes));
    set_alarm(f, NOW + 1000000);
    assert_true(f->device_deadline[rtc.dev.index] != UINT64_MAX);
    assert_int_equal(device_restore_bytes(&rtc.dev, bytes, length), 0);
    assert_true(f->device_deadline[rtc.dev.index] == UINT64_MAX);
}

static void a_snapshot_with_unknown_flags_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[64];

    set_alarm(f, NOW + 1000000);
    size_t length = device_save_bytes(&rtc.dev, bytes, sizeof(bytes));
    bytes[0] ^= 1; /* the clock, which must not be taken over */
    bytes[length - 4] |= 8;
    assert_int_equal(device_restore_bytes(&rtc.dev, bytes, length), ERR_INVALID);
    bytes[length - 4] &= 7;
    bytes[length - 1] = 0x80;
    assert_int_equal(device_restore_bytes(&rtc.dev, bytes, length), ERR_INVALID);
    assert_true(read_time(f) == NOW);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(device_restore_bytes(&rtc.dev, bytes, cut), ERR_TRUNCATED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(time_is_the_hosts_wall_clock_in_nanoseconds),
        TEST(reading_time_low_latches_time_high),
        TEST(a_64_bit_read_gives_the_whole_time),
        TEST(writing_the_time_sets_the_clock_and_it_goes_on_from_there),
        TEST(the_halves_of_the_time_may_be_written_in_any_order),
        TEST(an_alarm_runs_until_its_time_and_raises_the_interrupt),
        TEST(an_alarm_in_the_past_goes_off_at_once),
        TEST(alarm_high_waits_for_alarm_low),
        TEST(the_alarms_time_can_be_read_back),
        TEST(deadlines_are_rounded_up),
        TEST(an_alarm_in_the_far_future_is_approached_without_overflow),
        TEST(a_deadline_beyond_the_end_of_guest_time_is_never),
        TEST(a_callback_before_the_alarms_time_asks_again),
        TEST(a_callback_without_a_running_alarm_does_nothing),
        TEST(an_alarm_id_that_no_device_waits_for_is_ignored),
        TEST(clear_alarm_stops_it),
        TEST(setting_the_clock_beyond_a_running_alarm_makes_it_go_off),
        TEST(a_clock_of_which_one_half_is_set_does_not_fire_the_alarm),
        TEST(the_interrupt_needs_its_enable_bit_and_is_cleared_by_its_register),
        TEST(registers_to_write_read_0_and_registers_to_read_ignore_writes),
        TEST(there_is_nothing_behind_the_registers),
        TEST(reset_stops_the_alarm_and_keeps_the_time),
        TEST(describes_itself_as_goldfish_rtc),
        TEST(a_snapshot_keeps_clock_alarm_and_interrupt),
        TEST(an_alarm_whose_time_passed_while_saved_goes_off_at_restore),
        TEST(restore_takes_back_an_alarm_that_the_snapshot_does_not_have),
        TEST(a_snapshot_with_unknown_flags_is_refused),
    };

    return cmocka_run_group_tests_name("goldfish_rtc", tests, NULL, NULL);
}
