/* SPDX-License-Identifier: MIT */
/* Where initrd and device tree go. */
#include "core/image.h"

#include "tests/unit/fixture.h"

#define RAM FIXTURE_RAM

struct place {
    struct image kernel;
    uint64_t ram_size, initrd_size, fdt_size;
    struct image_layout out;
};

static int place(struct place *p)
{
    return image_place(RAM, p->ram_size, &p->kernel, p->initrd_size, p->fdt_size, &p->out);
}

static bool apart(gpa_t a, uint64_t a_size, gpa_t b, uint64_t b_size)
{
    return a + a_size <= b || b + b_size <= a;
}

static void assert_placed(struct place *p)
{
    uint64_t kernel_size = p->kernel.end - p->kernel.start;

    assert_int_equal(place(p), 0);
    assert_true(p->out.fdt >= RAM && p->out.fdt + p->fdt_size <= RAM + p->ram_size);
    assert_int_equal(p->out.fdt % 8, 0);
    assert_true(apart(p->out.fdt, p->fdt_size, p->kernel.start, kernel_size));
    if (p->initrd_size == 0)
        return;
    assert_true(p->out.initrd >= RAM && p->out.initrd + p->initrd_size <= RAM + p->ram_size);
    assert_int_equal(p->out.initrd % PAGE_SIZE, 0);
    assert_true(apart(p->out.initrd, p->initrd_size, p->kernel.start, kernel_size));
    assert_true(apart(p->out.initrd, p->initrd_size, p->out.fdt, p->fdt_size));
}

static void initrd_and_fdt_are_clear_of_kernel_and_each_other(void **state)
{
    (void)state;
    /* kernels at the bottom, in the middle and at the top of a small RAM, unaligned on purpose */
    for (uint64_t at = 0; at <= MIB(12); at += KIB(256) + 24) {
        struct place p = {.kernel = {.start = RAM + at, .end = RAM + at + MIB(4)},
                          .ram_size = MIB(16),
                          .initrd_size = MIB(4) + 1,
                          .fdt_size = 5001};
        assert_placed(&p);
    }
}

static void places_are_as_high_as_sensible(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + MIB(2), .end = RAM + MIB(30)},
                      .ram_size = MIB(128),
                      .initrd_size = MIB(3),
                      .fdt_size = 5000};
    assert_placed(&p);
    assert_true(p.out.fdt >= RAM + MIB(127));
    assert_true(p.out.initrd >= RAM + MIB(124));
}

static void places_are_below_512_mib_when_ram_is_larger(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + MIB(2), .end = RAM + MIB(30)},
                      .ram_size = GIB(4),
                      .initrd_size = MIB(300),
                      .fdt_size = 5000};
    assert_placed(&p);
    assert_true(p.out.fdt + p.fdt_size <= RAM + MIB(512));
    assert_true(p.out.initrd + p.initrd_size <= RAM + MIB(512));
}

static void initrd_too_large_for_512_mib_goes_above(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + MIB(2), .end = RAM + MIB(30)},
                      .ram_size = GIB(2),
                      .initrd_size = MIB(700),
                      .fdt_size = 5000};
    assert_placed(&p);
}

static void initrd_that_fits_exactly_is_placed_and_a_byte_more_is_refused(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM, .end = RAM + MIB(4)},
                      .ram_size = MIB(16),
                      .initrd_size = MIB(12) - PAGE_SIZE,
                      .fdt_size = PAGE_SIZE};
    assert_placed(&p);
    p.initrd_size++;
    assert_int_equal(place(&p), ERR_RANGE);
    p.initrd_size = UINT64_MAX;
    assert_int_equal(place(&p), ERR_RANGE);
}

static void fdt_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + 8, .end = RAM + MIB(16) - 8},
                      .ram_size = MIB(16),
                      .fdt_size = 5000};
    assert_int_equal(place(&p), ERR_RANGE);
}

static void no_initrd_needs_no_room(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM, .end = RAM + MIB(16) - PAGE_SIZE},
                      .ram_size = MIB(16),
                      .fdt_size = PAGE_SIZE};
    assert_placed(&p);
    assert_int_equal(p.out.initrd, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(initrd_and_fdt_are_clear_of_kernel_and_each_other),
        TEST(places_are_as_high_as_sensible),
        TEST(places_are_below_512_mib_when_ram_is_larger),
        TEST(initrd_too_large_for_512_mib_goes_above),
        TEST(initrd_that_fits_exactly_is_placed_and_a_byte_more_is_refused),
        TEST(fdt_that_does_not_fit_is_refused),
        TEST(no_initrd_needs_no_room),
    };

    return cmocka_run_group_tests_name("image_place", tests, NULL, NULL);
}
