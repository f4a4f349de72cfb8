/* SPDX-License-Identifier: MIT */
/* newc archives as cpio(5) describes them, and those that are none. */
#include "fixture.h"

#include "host/metal/bundle.h"

#define ARCHIVE_MAX 65536

struct archive {
    uint8_t data[ARCHIVE_MAX];
    size_t size;
};

static void put(struct archive *a, const void *data, size_t size)
{
    assert_true(a->size + size + 4 <= ARCHIVE_MAX);
    memcpy(a->data + a->size, data, size);
    a->size += size;
    while (a->size % 4 != 0)
        a->data[a->size++] = 0;
}

/* Sizes as given, whatever the strings' own ones are. */
static void put_member(struct archive *a, const char *name, size_t name_size, const char *data,
                       size_t data_size)
{
    char header[BUNDLE_HEADER + 32], padded[BUNDLE_NAME_MAX] = "";

    snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
             1, 0100644, 0, 0, 1, 0, data_size, 0, 0, 0, 0, name_size, 0);
    memcpy(a->data + a->size, header, BUNDLE_HEADER);
    a->size += BUNDLE_HEADER;
    strcpy(padded, name);
    put(a, padded, name_size);
    put(a, data, data_size);
}

static void put_file(struct archive *a, const char *name, const char *data)
{
    put_member(a, name, strlen(name) + 1, data, strlen(data));
}

static struct archive *new_archive(void **state)
{
    struct archive *a = *state;

    a->size = 0;
    put_file(a, "machine.dtb", "tree");
    return a;
}

static struct archive *complete_archive(void **state)
{
    struct archive *a = new_archive(state);

    put_file(a, "kernel", "kernel's bytes");
    put_file(a, "empty", "");
    put_file(a, "TRAILER!!!", "");
    return a;
}

/* In memory of exactly its size, so that the sanitizer sees a read behind it. */
static int open_exactly(const struct archive *a, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    struct bundle bundle;

    memcpy(copy, a->data, size);
    int error = bundle_open(copy, size, &bundle);
    free(copy);
    return error;
}

static void members_are_found_by_name_with_their_bytes(void **state)
{
    struct archive *a = complete_archive(state);
    struct bundle bundle;
    struct bundle_file file;

    assert_int_equal(bundle_open(a->data, a->size, &bundle), 0);
    assert_int_equal(bundle_find(&bundle, "kernel", &file), 0);
    assert_int_equal(file.size, 14);
    assert_memory_equal(file.data, "kernel's bytes", 14);
    assert_int_equal(bundle_find(&bundle, "empty", &file), 0);
    assert_int_equal(file.size, 0);
    assert_int_equal(bundle_find(&bundle, "machine.dtb", &file), 0);
    assert_memory_equal(file.data, "tree", 4);
}

static void a_name_that_is_not_there_is_not_found(void **state)
{
    struct archive *a = complete_archive(state);
    struct bundle bundle;
    struct bundle_file file;

    assert_int_equal(bundle_open(a->data, a->size, &bundle), 0);
    assert_int_equal(bundle_find(&bundle, "kerne", &file), ERR_NOT_FOUND);
    assert_int_equal(bundle_find(&bundle, "kernel2", &file), ERR_NOT_FOUND);
    assert_int_equal(bundle_find(&bundle, "", &file), ERR_NOT_FOUND);
    assert_int_equal(bundle_find(&bundle, "TRAILER!!!", &file), ERR_NOT_FOUND);
}

static void a_name_padded_with_zeros_puts_the_data_on_a_page(void **state)
{
    struct archive *a = new_archive(state);
    struct bundle bundle;
    struct bundle_file file;

    put_member(a, "kernel", PAGE_SIZE - a->size - BUNDLE_HEADER, "data", 4);
    put_file(a, "TRAILER!!!", "");
    assert_int_equal(bundle_open(a->data, a->size, &bundle), 0);
    assert_int_equal(bundle_find(&bundle, "kernel", &file), 0);
    assert_int_equal(file.data - a->data, PAGE_SIZE);
    assert_memory_equal(file.data, "data", 4);
}

static void what_follows_the_trailer_does_not_belong_to_the_archive(void **state)
{
    struct archive *a = complete_archive(state);
    struct bundle bundle;
    struct bundle_file file;

    put_file(a, "late", "x");
    assert_int_equal(bundle_open(a->data, a->size, &bundle), 0);
    assert_int_equal(bundle_find(&bundle, "late", &file), ERR_NOT_FOUND);
}

static void an_archive_cut_short_anywhere_is_truncated(void **state)
{
    struct archive *a = complete_archive(state);
    size_t end = a->size;

    /* The padding behind the trailer's name may be missing. */
    while (open_exactly(a, end - 1) == 0)
        end--;
    assert_true(a->size - end < 4);
    for (size_t size = 0; size < end; size++)
        assert_int_equal(open_exactly(a, size), ERR_TRUNCATED);
}

static void another_magic_is_another_format(void **state)
{
    struct archive *a = complete_archive(state);

    a->data[5] = '2'; /* newc with checksums */
    assert_int_equal(open_exactly(a, a->size), ERR_FORMAT);
    a->data[5] = '7'; /* odc */
    assert_int_equal(open_exactly(a, a->size), ERR_FORMAT);
}

static void a_size_that_is_not_hexadecimal_is_refused(void **state)
{
    struct archive *a = complete_archive(state);

    a->data[6 + 6 * 8] = 'g';
    assert_int_equal(open_exactly(a, a->size), ERR_FORMAT);
    complete_archive(state);
    a->data[6 + 11 * 8] = ' ';
    assert_int_equal(open_exactly(a, a->size), ERR_FORMAT);
}

static void hexadecimal_digits_may_be_of_either_case(void **state)
{
    struct archive *a = new_archive(state);
    struct bundle bundle;
    struct bundle_file file;

    put_file(a, "kernel", "eleven byte");
    size_t digit = a->size - 132 + 6 + 7 * 8 - 1; /* the member takes 132 bytes */
    assert_int_equal(a->data[digit], 'B');
    a->data[digit] = 'b';
    put_file(a, "TRAILER!!!", "");
    assert_int_equal(bundle_open(a->data, a->size, &bundle), 0);
    assert_int_equal(bundle_find(&bundle, "kernel", &file), 0);
    assert_int_equal(file.size, 11);
}

static void a_file_larger_than_the_archive_is_truncated(void **state)
{
    struct archive *a = new_archive(state);

    put_file(a, "TRAILER!!!", "");
    memcpy(a->data + 6 + 6 * 8, "FFFFFFFF", 8);
    assert_int_equal(open_exactly(a, a->size), ERR_TRUNCATED);
}

static void a_name_without_a_zero_at_its_end_is_refused(void **state)
{
    struct archive *a = *state;

    a->size = 0;
    put_member(a, "machine.dtb", strlen("machine.dtb"), "tree", 4);
    put_file(a, "TRAILER!!!", "");
    assert_int_equal(open_exactly(a, a->size), ERR_FORMAT);
}

static void a_name_of_no_bytes_or_of_very_many_is_refused(void **state)
{
    struct archive *a = complete_archive(state);

    memcpy(a->data + 6 + 11 * 8, "00000000", 8);
    assert_int_equal(open_exactly(a, a->size), ERR_RANGE);
    memcpy(a->data + 6 + 11 * 8, "00002001", 8);
    assert_int_equal(open_exactly(a, a->size), ERR_RANGE);
}

static void the_first_member_has_to_be_machine_dtb(void **state)
{
    struct archive *a = *state;

    a->size = 0;
    put_file(a, "kernel", "x");
    put_file(a, "machine.dtb", "tree");
    put_file(a, "TRAILER!!!", "");
    assert_int_equal(open_exactly(a, a->size), ERR_NOT_FOUND);
}

/* Sums with such an offset would wrap. */
static void an_offset_beyond_the_address_space_is_refused(void **state)
{
    struct archive *a = complete_archive(state);
    struct bundle_entry entry;

    assert_int_equal(bundle_entry(a->data, UINT64_MAX - 50, &entry), ERR_RANGE);
    assert_int_equal(bundle_entry(a->data, MIB(1), &entry), 0);
    assert_int_equal(entry.data, MIB(1) + 124);
    assert_int_equal(entry.next, MIB(1) + 128);
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct archive));
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_are_found_by_name_with_their_bytes),
        TEST(a_name_that_is_not_there_is_not_found),
        TEST(a_name_padded_with_zeros_puts_the_data_on_a_page),
        TEST(what_follows_the_trailer_does_not_belong_to_the_archive),
        TEST(an_archive_cut_short_anywhere_is_truncated),
        TEST(another_magic_is_another_format),
        TEST(a_size_that_is_not_hexadecimal_is_refused),
        TEST(hexadecimal_digits_may_be_of_either_case),
        TEST(a_file_larger_than_the_archive_is_truncated),
        TEST(a_name_without_a_zero_at_its_end_is_refused),
        TEST(a_name_of_no_bytes_or_of_very_many_is_refused),
        TEST(the_first_member_has_to_be_machine_dtb),
        TEST(an_offset_beyond_the_address_space_is_refused),
    };

    return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
