/* SPDX-License-Identifier: MIT */
/* The MMIO bus: sorted regions, and nothing reaches a device that it did not ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/bus.h"

#define BASE UINT64_C(0x10000000)

/* A device that remembers its last access. */
struct probe {
    unsigned calls;
    uint64_t offset, value;
    unsigned size;
    int answer;
};

static struct bus bus;
static struct probe probe;
static struct bus_region device;

static int probe_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    struct probe *p = ctx;

    p->calls++;
    p->offset = offset;
    p->size = size;
    *value = p->value;
    return p->answer;
}

static int probe_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *p = ctx;

    p->calls++;
    p->offset = offset;
    p->size = size;
    p->value = value;
    return p->answer;
}

static struct bus_region region(gpa_t base, uint64_t size)
{
    return (struct bus_region){.base = base,
                               .size = size,
                               .widths = BUS_ANY,
                               .name = "probe",
                               .ctx = &probe,
                               .read = probe_read,
                               .write = probe_write};
}

/* One device of 256 bytes. */
static int setup(void **state)
{
    (void)state;
    memset(&bus, 0, sizeof(bus));
    memset(&probe, 0, sizeof(probe));
    device = region(BASE, 0x100);
    return bus_add(&bus, &device);
}

static void refused(gpa_t gpa, unsigned size, int error)
{
    uint64_t value = 0x5a;

    assert_int_equal(bus_read(&bus, gpa, size, &value), error);
    assert_int_equal(bus_write(&bus, gpa, size, 1), error);
    assert_int_equal(value, 0x5a);
    assert_int_equal(probe.calls, 0);
}

static void malformed_region_is_refused(void **state)
{
    struct bus_region good = region(0, 0x100), bad;

    (void)state;
    bad = region(0, 0);
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    bad = region(PAGE_MASK, 2 * PAGE_SIZE);
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    bad = region(4, 0x100);
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    bad = good;
    bad.widths = 0;
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    bad.widths = 16;
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    bad = good;
    bad.read = NULL;
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    bad = good;
    bad.write = NULL;
    assert_int_equal(bus_add(&bus, &bad), ERR_INVALID);
    assert_int_equal(bus_add(&bus, &good), 0);
}

static void regions_must_not_overlap_but_may_touch(void **state)
{
    struct bus_region same = region(BASE, 8), below = region(BASE - 8, 16);
    struct bus_region above = region(BASE + 0xf8, 8), around = region(BASE - 8, 0x200);
    struct bus_region before = region(BASE - 8, 8), after = region(BASE + 0x100, 8);

    (void)state;
    assert_int_equal(bus_add(&bus, &same), ERR_OVERLAP);
    assert_int_equal(bus_add(&bus, &below), ERR_OVERLAP);
    assert_int_equal(bus_add(&bus, &above), ERR_OVERLAP);
    assert_int_equal(bus_add(&bus, &around), ERR_OVERLAP);
    assert_int_equal(bus_add(&bus, &before), 0);
    assert_int_equal(bus_add(&bus, &after), 0);
    assert_int_equal(bus.count, 3);
}

static void table_of_regions_is_finite(void **state)
{
    static struct bus_region more[BUS_MAX_REGIONS];

    (void)state;
    for (unsigned i = 1; i < BUS_MAX_REGIONS; i++) {
        more[i] = region(i * PAGE_SIZE, PAGE_SIZE);
        assert_int_equal(bus_add(&bus, &more[i]), 0);
    }
    more[0] = region(0, PAGE_SIZE);
    assert_int_equal(bus_add(&bus, &more[0]), ERR_NO_MEMORY);
}

static void regions_are_found_whatever_the_order_they_came_in(void **state)
{
    static const unsigned order[] = {5, 1, 4, 0, 3, 2};
    static struct bus_region more[ARRAY_SIZE(order)];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        unsigned n = order[i];

        more[n] = region(n * UINT64_C(0x1000), 0x800);
        assert_int_equal(bus_add(&bus, &more[n]), 0);
    }
    for (unsigned n = 0; n < ARRAY_SIZE(order); n++) {
        assert_ptr_equal(bus_find(&bus, n * UINT64_C(0x1000)), &more[n]);
        assert_ptr_equal(bus_find(&bus, n * UINT64_C(0x1000) + 0x7ff), &more[n]);
        assert_null(bus_find(&bus, n * UINT64_C(0x1000) + 0x800));
    }
    for (unsigned i = 1; i < bus.count; i++)
        assert_true(bus.region[i - 1]->base < bus.region[i]->base);
    assert_null(bus_find(&bus, UINT64_MAX));
}

static void handler_gets_the_offset_into_its_region(void **state)
{
    uint64_t value;

    (void)state;
    probe.value = 0x1234;
    assert_int_equal(bus_read(&bus, BASE + 0x44, 4, &value), 0);
    assert_int_equal(value, 0x1234);
    assert_int_equal(probe.offset, 0x44);
    assert_int_equal(probe.size, 4);
    assert_int_equal(bus_write(&bus, BASE + 0xf8, 8, UINT64_C(0xfedcba9876543210)), 0);
    assert_int_equal(probe.offset, 0xf8);
    assert_int_equal(probe.size, 8);
    assert_int_equal(probe.value, UINT64_C(0xfedcba9876543210));
}

static void address_without_region_is_not_found(void **state)
{
    (void)state;
    refused(BASE - 1, 1, ERR_NOT_FOUND);
    refused(BASE + 0x100, 1, ERR_NOT_FOUND);
    refused(0, 8, ERR_NOT_FOUND);
    refused(UINT64_MAX, 1, ERR_NOT_FOUND);
}

static void nothing_is_found_on_an_empty_bus(void **state)
{
    uint64_t value;

    (void)state;
    memset(&bus, 0, sizeof(bus));
    assert_int_equal(bus_read(&bus, BASE, 4, &value), ERR_NOT_FOUND);
    assert_int_equal(bus_write(&bus, 0, 4, 0), ERR_NOT_FOUND);
    assert_null(bus_find(&bus, BASE));
}

static void misaligned_access_is_refused(void **state)
{
    (void)state;
    refused(BASE + 1, 2, ERR_RANGE);
    refused(BASE + 2, 4, ERR_RANGE);
    refused(BASE + 4, 8, ERR_RANGE);
}

static void access_across_the_end_of_a_region_is_refused(void **state)
{
    static struct bus_region odd;

    (void)state;
    odd = region(BASE + 0x1000, 6);
    assert_int_equal(bus_add(&bus, &odd), 0);
    refused(BASE + 0x1004, 4, ERR_RANGE);
    refused(BASE + 0x1000, 8, ERR_RANGE);
    assert_int_equal(bus_write(&bus, BASE + 0x1004, 2, 0), 0);
}

static void size_must_be_1_2_4_or_8(void **state)
{
    (void)state;
    for (unsigned size = 0; size <= 17; size++) {
        if (size != 1 && size != 2 && size != 4 && size != 8)
            refused(BASE, size, ERR_INVALID);
    }
}

static void width_that_the_device_did_not_declare_is_refused(void **state)
{
    uint64_t value;

    (void)state;
    device.widths = BUS_32;
    refused(BASE, 1, ERR_UNSUPPORTED);
    refused(BASE, 2, ERR_UNSUPPORTED);
    refused(BASE, 8, ERR_UNSUPPORTED);
    assert_int_equal(bus_read(&bus, BASE, 4, &value), 0);
    device.widths = BUS_8 | BUS_16 | BUS_64;
    probe.calls = 0;
    refused(BASE, 4, ERR_UNSUPPORTED);
}

static void values_are_zero_extended_from_the_size_of_the_access(void **state)
{
    uint64_t value;

    (void)state;
    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t mask = UINT64_MAX >> (64 - 8 * size);

        probe.value = UINT64_MAX;
        assert_int_equal(bus_read(&bus, BASE, size, &value), 0);
        assert_int_equal(value, mask);
        assert_int_equal(bus_write(&bus, BASE, size, UINT64_MAX), 0);
        assert_int_equal(probe.value, mask);
    }
}

static void error_of_the_device_is_passed_on_and_no_value(void **state)
{
    uint64_t value = 0x5a;

    (void)state;
    probe.answer = ERR_FORBIDDEN;
    assert_int_equal(bus_read(&bus, BASE, 1, &value), ERR_FORBIDDEN);
    assert_int_equal(value, 0x5a);
    assert_int_equal(bus_write(&bus, BASE, 1, 1), ERR_FORBIDDEN);
}

static void accesses_are_counted_per_region_also_after_an_insertion(void **state)
{
    static struct bus_region before;
    uint64_t value;

    (void)state;
    assert_int_equal(bus_read(&bus, BASE, 1, &value), 0);
    assert_int_equal(bus_write(&bus, BASE, 1, 0), 0);
    assert_int_equal(bus_read(&bus, BASE + 1, 8, &value), ERR_RANGE);
    before = region(0, 8);
    assert_int_equal(bus_add(&bus, &before), 0);
    assert_int_equal(bus_read(&bus, 0, 1, &value), 0);
    assert_int_equal(bus.accesses[0], 1);
    assert_int_equal(bus.accesses[1], 2);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_region_is_refused),
        TEST(regions_must_not_overlap_but_may_touch),
        TEST(table_of_regions_is_finite),
        TEST(regions_are_found_whatever_the_order_they_came_in),
        TEST(handler_gets_the_offset_into_its_region),
        TEST(address_without_region_is_not_found),
        TEST(nothing_is_found_on_an_empty_bus),
        TEST(misaligned_access_is_refused),
        TEST(access_across_the_end_of_a_region_is_refused),
        TEST(size_must_be_1_2_4_or_8),
        TEST(width_that_the_device_did_not_declare_is_refused),
        TEST(values_are_zero_extended_from_the_size_of_the_access),
        TEST(error_of_the_device_is_passed_on_and_no_value),
        TEST(accesses_are_counted_per_region_also_after_an_insertion),
    };

    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
