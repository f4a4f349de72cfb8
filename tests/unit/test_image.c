/* SPDX-License-Identifier: MIT */
/* Linux Images and flat kernels, good and hostile. */
#include "tests/unit/image_file.h"

/* ---- Linux Image ---- */

static void make_linux(uint64_t text_offset, uint64_t image_size, size_t size)
{
    memset(&file, 0, sizeof(file));
    memset(file.data, 0xa5, size);
    memset(file.data, 0, 0x40);
    file_put(0x00, 0x5a4d, 2); /* "MZ": the EFI stub's header stands in front */
    file_put(0x08, text_offset, 8);
    file_put(0x10, image_size, 8);
    file_put(0x20, 2, 4); /* version 0.2 */
    file_put(0x30, UINT64_C(0x5643534952), 8);
    file_put(0x38, 0x05435352, 4);
    file.size = size;
}

static void image_goes_to_ram_plus_text_offset_and_is_entered_at_its_start(void **state)
{
    struct fixture *f = *state;

    make_linux(MIB(2), KIB(32), KIB(8));
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.kind, IMAGE_LINUX);
    assert_int_equal(file.image.entry, RAM + MIB(2));
    assert_int_equal(file.image.start, RAM + MIB(2));
    assert_int_equal(file.image.end, RAM + MIB(2) + KIB(32));
    assert_memory_equal(f->ram + MIB(2), file.data, file.size);
    assert_null(file.image.why);
}

static void image_bss_is_zeroed_to_image_size(void **state)
{
    struct fixture *f = *state;

    make_linux(MIB(2), KIB(32), KIB(8));
    memset(f->ram + MIB(2), 0xff, KIB(64));
    assert_int_equal(file_load(state), 0);
    for (size_t i = KIB(8); i < KIB(32); i++)
        assert_int_equal(f->ram[MIB(2) + i], 0);
    assert_int_equal(f->ram[MIB(2) + KIB(32)], 0xff);
}

static void image_size_zero_means_the_file_size(void **state)
{
    make_linux(MIB(2), 0, KIB(8));
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.end, RAM + MIB(2) + KIB(8));
}

static void file_longer_than_image_size_is_loaded_whole(void **state)
{
    struct fixture *f = *state;

    make_linux(MIB(2), KIB(4), KIB(8));
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.end, RAM + MIB(2) + KIB(8));
    assert_int_equal(f->ram[MIB(2) + KIB(8) - 1], 0xa5);
}

static void image_marks_the_pages_it_writes_dirty(void **state)
{
    struct fixture *f = *state;
    uint64_t dirty[FIXTURE_RAM_SIZE / PAGE_SIZE / 64];

    make_linux(MIB(2), KIB(8), KIB(8));
    assert_int_equal(file_load(state), 0);
    assert_int_equal(gmem_dirty_fetch(&f->vm.mem, 0, dirty), 0);
    assert_int_equal(dirty[MIB(2) / PAGE_SIZE / 64], 3);
}

static void image_may_fill_ram_to_its_last_byte(void **state)
{
    make_linux(MIB(2), FIXTURE_RAM_SIZE - MIB(2), KIB(8));
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.end, RAM + FIXTURE_RAM_SIZE);
}

static void image_size_beyond_ram_is_refused(void **state)
{
    make_linux(MIB(2), FIXTURE_RAM_SIZE - MIB(2) + 1, KIB(8));
    file_assert_refused(state, ERR_RANGE, "does not fit");
}

static void image_size_that_wraps_is_refused(void **state)
{
    make_linux(MIB(2), UINT64_MAX - MIB(1), KIB(8));
    file_assert_refused(state, ERR_RANGE, "does not fit");
}

static void text_offset_beyond_ram_is_refused(void **state)
{
    make_linux(FIXTURE_RAM_SIZE + 2, KIB(8), KIB(8));
    file_assert_refused(state, ERR_RANGE, "does not fit");
}

static void text_offset_that_wraps_is_refused(void **state)
{
    make_linux(UINT64_MAX - KIB(4) + 1, KIB(8), KIB(8));
    file_assert_refused(state, ERR_RANGE, "does not fit");
}

static void odd_text_offset_is_refused(void **state)
{
    make_linux(MIB(2) + 1, KIB(8), KIB(8));
    file_assert_refused(state, ERR_FORMAT, "odd");
}

static void big_endian_image_is_refused(void **state)
{
    make_linux(MIB(2), KIB(8), KIB(8));
    file_put(0x18, 1, 8);
    file_assert_refused(state, ERR_UNSUPPORTED, "big-endian");
}

/* ---- flat ---- */

static void anything_else_is_flat_at_ram_plus_2_mib(void **state)
{
    struct fixture *f = *state;

    memset(&file, 0x13, sizeof(file));
    file.size = 100;
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.kind, IMAGE_FLAT);
    assert_int_equal(file.image.entry, RAM + MIB(2));
    assert_int_equal(file.image.end, RAM + MIB(2) + 100);
    assert_memory_equal(f->ram + MIB(2), file.data, 100);
}

static void file_too_short_for_an_image_header_is_flat(void **state)
{
    make_linux(MIB(4), 0, 0x40);
    file.size = 0x3f;
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.kind, IMAGE_FLAT);
}

static void every_short_file_is_flat_or_refused_without_reading_behind_it(void **state)
{
    make_linux(MIB(2), 0, KIB(1));
    for (file.size = 1; file.size < 0x40; file.size++)
        assert_int_equal(file_load(state), 0);
}

static void empty_file_is_refused(void **state)
{
    file.size = 0;
    file_assert_refused(state, ERR_FORMAT, "empty");
}

static void flat_file_larger_than_ram_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t *big = calloc(1, FIXTURE_RAM_SIZE - MIB(2) + 1);

    assert_non_null(big);
    assert_int_equal(image_load(&f->vm.mem, RAM, FIXTURE_RAM_SIZE, big,
                                FIXTURE_RAM_SIZE - MIB(2) + 1, &file.image),
                     ERR_RANGE);
    assert_non_null(file.image.why);
    assert_int_equal(
        image_load(&f->vm.mem, RAM, FIXTURE_RAM_SIZE, big, FIXTURE_RAM_SIZE - MIB(2), &file.image),
        0);
    /* nor one larger than what the kernel may take of it */
    assert_int_equal(image_load(&f->vm.mem, RAM, MIB(4), big, MIB(2) + 1, &file.image), ERR_RANGE);
    assert_int_equal(image_load(&f->vm.mem, RAM, MIB(4), big, MIB(2), &file.image), 0);
    free(big);
}

static void ram_that_no_slot_backs_is_refused(void **state)
{
    struct fixture *f = *state;

    memset(&file, 0x13, 100);
    assert_int_equal(image_load(&f->vm.mem, RAM + FIXTURE_RAM_SIZE, FIXTURE_RAM_SIZE, file.data,
                                100, &file.image),
                     ERR_RANGE);
    assert_non_null(file.image.why);
}

static void gzip_is_refused_and_the_message_says_so(void **state)
{
    memset(&file, 0, sizeof(file));
    file_put(0, 0x8b1f, 2);
    file.size = 100;
    file_assert_refused(state, ERR_FORMAT, "gzip");
    file.size = 1; /* there is no second byte to look at */
    assert_int_equal(file_load(state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(image_goes_to_ram_plus_text_offset_and_is_entered_at_its_start),
        TEST(image_bss_is_zeroed_to_image_size),
        TEST(image_size_zero_means_the_file_size),
        TEST(file_longer_than_image_size_is_loaded_whole),
        TEST(image_marks_the_pages_it_writes_dirty),
        TEST(image_may_fill_ram_to_its_last_byte),
        TEST(image_size_beyond_ram_is_refused),
        TEST(image_size_that_wraps_is_refused),
        TEST(text_offset_beyond_ram_is_refused),
        TEST(text_offset_that_wraps_is_refused),
        TEST(odd_text_offset_is_refused),
        TEST(big_endian_image_is_refused),
        TEST(anything_else_is_flat_at_ram_plus_2_mib),
        TEST(file_too_short_for_an_image_header_is_flat),
        TEST(every_short_file_is_flat_or_refused_without_reading_behind_it),
        TEST(empty_file_is_refused),
        TEST(flat_file_larger_than_ram_is_refused),
        TEST(ram_that_no_slot_backs_is_refused),
        TEST(gzip_is_refused_and_the_message_says_so),
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
