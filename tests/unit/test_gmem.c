/* SPDX-License-Identifier: MIT */
/* Guest-physical memory: every range is checked, every write leaves its dirty bit. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/gmem.h"

#define BASE  UINT64_C(0x80000000)
#define PAGES 130
#define SIZE  (PAGES * PAGE_SIZE)
#define WORDS 3 /* of the dirty bitmap */

static _Alignas(8) uint8_t ram[SIZE];
static _Atomic uint64_t dirty[WORDS];
static struct gmem mem;

/* One slot of RAM with a dirty bitmap. */
static int setup(void **state)
{
    (void)state;
    memset(&mem, 0, sizeof(mem));
    memset(ram, 0, sizeof(ram));
    memset(dirty, 0, sizeof(dirty));
    return gmem_add(&mem, BASE, SIZE, ram, GMEM_LOG, dirty);
}

static void only_page_is_dirty(unsigned page)
{
    uint64_t bits[WORDS];

    assert_int_equal(gmem_dirty_fetch(&mem, 0, bits), 0);
    for (unsigned i = 0; i < WORDS; i++)
        assert_int_equal(bits[i], page / 64 == i ? UINT64_C(1) << (page % 64) : 0);
}

static void nothing_is_dirty(void)
{
    for (unsigned i = 0; i < WORDS; i++)
        assert_int_equal(dirty[i], 0);
}

static void slot_must_be_whole_pages_that_do_not_wrap(void **state)
{
    struct gmem m = {0};

    (void)state;
    assert_int_equal(gmem_add(&m, BASE + 8, PAGE_SIZE, ram, 0, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, BASE, PAGE_SIZE + 8, ram, 0, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, BASE, 0, ram, 0, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, PAGE_MASK, 2 * PAGE_SIZE, ram, 0, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, PAGE_SIZE, PAGE_MASK, ram, 0, NULL), ERR_INVALID);
}

static void slot_must_have_aligned_memory_known_flags_and_a_bitmap_to_log(void **state)
{
    struct gmem m = {0};

    (void)state;
    assert_int_equal(gmem_add(&m, BASE, PAGE_SIZE, NULL, 0, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, BASE, PAGE_SIZE, ram + 4, 0, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, BASE, PAGE_SIZE, ram, 4, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, BASE, PAGE_SIZE, ram, GMEM_LOG, NULL), ERR_INVALID);
    assert_int_equal(gmem_add(&m, BASE, PAGE_SIZE, ram, GMEM_LOG, dirty), 0);
}

static void slots_must_not_overlap_but_may_touch(void **state)
{
    (void)state;
    assert_int_equal(gmem_add(&mem, BASE, PAGE_SIZE, ram, 0, NULL), ERR_OVERLAP);
    assert_int_equal(gmem_add(&mem, BASE - PAGE_SIZE, 2 * PAGE_SIZE, ram, 0, NULL), ERR_OVERLAP);
    assert_int_equal(gmem_add(&mem, BASE + SIZE - PAGE_SIZE, PAGE_SIZE, ram, 0, NULL), ERR_OVERLAP);
    assert_int_equal(gmem_add(&mem, BASE - PAGE_SIZE, SIZE + 2 * PAGE_SIZE, ram, 0, NULL),
                     ERR_OVERLAP);
    assert_int_equal(gmem_add(&mem, BASE - PAGE_SIZE, PAGE_SIZE, ram, 0, NULL), 1);
    assert_int_equal(gmem_add(&mem, BASE + SIZE, PAGE_SIZE, ram, 0, NULL), 2);
}

static void table_of_slots_is_finite_and_removed_slots_are_used_again(void **state)
{
    (void)state;
    for (int i = 1; i < GMEM_MAX_SLOTS; i++)
        assert_int_equal(gmem_add(&mem, (gpa_t)i << 20, PAGE_SIZE, ram, 0, NULL), i);
    assert_int_equal(gmem_add(&mem, 0, PAGE_SIZE, ram, 0, NULL), ERR_NO_MEMORY);
    assert_int_equal(gmem_remove(&mem, 3), 0);
    assert_null(gmem_ptr(&mem, 3 << 20, 1, GMEM_READ));
    assert_int_equal(gmem_remove(&mem, 3), ERR_NOT_FOUND);
    assert_int_equal(gmem_remove(&mem, GMEM_MAX_SLOTS), ERR_RANGE);
    assert_int_equal(gmem_add(&mem, 0, PAGE_SIZE, ram, 0, NULL), 3);
}

static void a_full_table_takes_nothing(void **state)
{
    struct {
        uint64_t before[64];
        struct gmem mem;
    } full = {0}, copy;

    (void)state;
    for (int i = 0; i < GMEM_MAX_SLOTS; i++)
        assert_int_equal(gmem_add(&full.mem, (gpa_t)i << 20, PAGE_SIZE, ram, 0, NULL), i);
    copy = full;
    assert_int_equal(gmem_add(&full.mem, BASE, PAGE_SIZE, ram, 0, NULL), ERR_NO_MEMORY);
    assert_memory_equal(&full, &copy, sizeof(full));
}

static void pointer_is_given_only_for_a_range_inside_one_slot(void **state)
{
    (void)state;
    assert_ptr_equal(gmem_ptr(&mem, BASE, SIZE, GMEM_READ), ram);
    assert_ptr_equal(gmem_ptr(&mem, BASE + SIZE - 1, 1, GMEM_READ), ram + SIZE - 1);
    assert_null(gmem_ptr(&mem, BASE, SIZE + 1, GMEM_READ));
    assert_null(gmem_ptr(&mem, BASE + SIZE - 1, 2, GMEM_READ));
    assert_null(gmem_ptr(&mem, BASE - 1, 2, GMEM_READ));
    assert_null(gmem_ptr(&mem, BASE + SIZE, 1, GMEM_READ));
    assert_null(gmem_ptr(&mem, BASE, 0, GMEM_READ));
}

static void sum_of_start_and_length_that_wraps_is_refused(void **state)
{
    uint8_t byte[2] = {0};

    (void)state;
    assert_null(gmem_ptr(&mem, BASE + 1, UINT64_MAX, GMEM_READ));
    assert_null(gmem_ptr(&mem, BASE + 1, UINT64_MAX - BASE, GMEM_WRITE));
    assert_null(gmem_ptr(&mem, UINT64_MAX, BASE + 2, GMEM_READ));
    assert_int_equal(gmem_read(&mem, BASE + 1, byte, UINT64_MAX), ERR_RANGE);
    assert_int_equal(gmem_write(&mem, UINT64_MAX, byte, 2), ERR_RANGE);
    gmem_mark_dirty(&mem, BASE + 1, UINT64_MAX);
    nothing_is_dirty();
}

static void read_only_slot_refuses_every_way_of_writing(void **state)
{
    static _Alignas(8) uint8_t rom[PAGE_SIZE];
    uint64_t value;

    (void)state;
    assert_int_equal(gmem_add(&mem, 0, PAGE_SIZE, rom, GMEM_READ_ONLY, NULL), 1);
    assert_ptr_equal(gmem_ptr(&mem, 0, 8, GMEM_READ), rom);
    assert_int_equal(gmem_read_u64(&mem, 0, &value), 0);
    assert_null(gmem_ptr(&mem, 0, 8, GMEM_WRITE));
    assert_int_equal(gmem_write(&mem, 0, "x", 1), ERR_RANGE);
    assert_int_equal(gmem_write_u16(&mem, 0, 1), ERR_RANGE);
    assert_int_equal(gmem_write_u32(&mem, 0, 1), ERR_RANGE);
    assert_int_equal(gmem_write_u64(&mem, 0, 1), ERR_RANGE);
    assert_int_equal(gmem_cas_u64(&mem, 0, 0, 1), ERR_RANGE);
    assert_int_equal(rom[0], 0);
}

static void copies_go_both_ways(void **state)
{
    char text[6] = "";

    (void)state;
    assert_int_equal(gmem_write(&mem, BASE + 3 * PAGE_SIZE - 2, "hello", 6), 0);
    assert_memory_equal(ram + 3 * PAGE_SIZE - 2, "hello", 6);
    assert_int_equal(gmem_read(&mem, BASE + 3 * PAGE_SIZE - 2, text, 6), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(gmem_read(&mem, 0, text, 0), 0);
}

static void copy_that_leaves_ram_copies_nothing(void **state)
{
    uint8_t bytes[4] = {1, 2, 3, 4};

    (void)state;
    assert_int_equal(gmem_write(&mem, BASE + SIZE - 2, bytes, 4), ERR_RANGE);
    assert_int_equal(ram[SIZE - 2], 0);
    nothing_is_dirty();
    assert_int_equal(gmem_read(&mem, BASE + SIZE - 2, bytes, 4), ERR_RANGE);
    assert_int_equal(bytes[0], 1);
}

static void copy_may_cross_from_slot_to_adjacent_slot(void **state)
{
    static _Alignas(8) uint8_t more[PAGE_SIZE];
    char text[6] = "";

    (void)state;
    assert_int_equal(gmem_add(&mem, BASE + SIZE, PAGE_SIZE, more, 0, NULL), 1);
    assert_int_equal(gmem_write(&mem, BASE + SIZE - 2, "hello", 6), 0);
    assert_memory_equal(ram + SIZE - 2, "he", 2);
    assert_memory_equal(more, "llo", 4);
    assert_int_equal(gmem_read(&mem, BASE + SIZE - 2, text, 6), 0);
    assert_string_equal(text, "hello");
    only_page_is_dirty(PAGES - 1);
    assert_null(gmem_ptr(&mem, BASE + SIZE - 2, 4, GMEM_READ));
}

static void words_are_little_endian_and_naturally_aligned(void **state)
{
    static const uint8_t bytes[8] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    (void)state;
    assert_int_equal(gmem_write_u64(&mem, BASE, UINT64_C(0x1122334455667788)), 0);
    assert_memory_equal(ram, bytes, 8);
    assert_int_equal(gmem_read_u64(&mem, BASE, &u64), 0);
    assert_int_equal(u64, UINT64_C(0x1122334455667788));
    assert_int_equal(gmem_read_u32(&mem, BASE + 4, &u32), 0);
    assert_int_equal(u32, 0x11223344);
    assert_int_equal(gmem_read_u16(&mem, BASE + 2, &u16), 0);
    assert_int_equal(u16, 0x5566);
    assert_int_equal(gmem_write_u16(&mem, BASE + 2, 0xabcd), 0);
    assert_int_equal(gmem_write_u32(&mem, BASE + 4, 0xdeadbeef), 0);
    assert_int_equal(gmem_read_u64(&mem, BASE, &u64), 0);
    assert_int_equal(u64, UINT64_C(0xdeadbeefabcd7788));
}

static void misaligned_words_and_words_outside_are_refused(void **state)
{
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    (void)state;
    assert_int_equal(gmem_read_u64(&mem, BASE + 4, &u64), ERR_INVALID);
    assert_int_equal(gmem_read_u32(&mem, BASE + 2, &u32), ERR_INVALID);
    assert_int_equal(gmem_read_u16(&mem, BASE + 1, &u16), ERR_INVALID);
    assert_int_equal(gmem_write_u64(&mem, BASE + 4, 1), ERR_INVALID);
    assert_int_equal(gmem_write_u32(&mem, BASE + 2, 1), ERR_INVALID);
    assert_int_equal(gmem_write_u16(&mem, BASE + 1, 1), ERR_INVALID);
    assert_int_equal(gmem_cas_u64(&mem, BASE + 4, 0, 1), ERR_INVALID);
    assert_int_equal(gmem_read_u64(&mem, BASE + SIZE, &u64), ERR_RANGE);
    assert_int_equal(gmem_write_u32(&mem, BASE - 4, 1), ERR_RANGE);
    assert_int_equal(gmem_cas_u64(&mem, UINT64_MAX - 7, 0, 1), ERR_RANGE);
    nothing_is_dirty();
}

static void compare_exchange_swaps_only_what_was_expected(void **state)
{
    (void)state;
    assert_int_equal(gmem_cas_u64(&mem, BASE + 8, 1, 2), ERR_BUSY);
    nothing_is_dirty();
    assert_int_equal(gmem_cas_u64(&mem, BASE + 8, 0, 2), 0);
    assert_int_equal(ram[8], 2);
    only_page_is_dirty(0);
}

static gpa_t told_gpa;
static uint64_t told_length;

static void told(void *ctx, gpa_t gpa, uint64_t length)
{
    assert_ptr_equal(ctx, &mem);
    told_gpa = gpa;
    told_length = length;
}

static void was_told(gpa_t gpa, uint64_t length)
{
    assert_int_equal(told_gpa, gpa);
    assert_int_equal(told_length, length);
}

static void every_way_of_writing_is_told_to_whoever_asked(void **state)
{
    uint64_t word;

    (void)state;
    mem.written = told;
    mem.written_ctx = &mem;
    assert_int_equal(gmem_write(&mem, BASE + 5, "xy", 2), 0);
    was_told(BASE + 5, 2);
    assert_int_equal(gmem_write_u32(&mem, BASE + 8, 1), 0);
    was_told(BASE + 8, 4);
    assert_int_equal(gmem_read_u64(&mem, BASE + 16, &word), 0);
    assert_int_equal(gmem_cas_u64(&mem, BASE + 16, word + 1, 0), ERR_BUSY);
    was_told(BASE + 8, 4);
    assert_int_equal(gmem_cas_u64(&mem, BASE + 16, word, word), 0);
    was_told(BASE + 16, 8);
    assert_non_null(gmem_ptr(&mem, BASE + PAGE_SIZE, PAGE_SIZE, GMEM_READ));
    was_told(BASE + 16, 8);
    assert_non_null(gmem_ptr(&mem, BASE + PAGE_SIZE, PAGE_SIZE, GMEM_WRITE));
    was_told(BASE + PAGE_SIZE, PAGE_SIZE);
    gmem_mark_dirty(&mem, BASE + 1, 1);
    was_told(BASE + 1, 1);
}

static void every_way_of_writing_marks_the_page(void **state)
{
    (void)state;
    assert_int_equal(gmem_write(&mem, BASE + 64 * PAGE_SIZE, "x", 1), 0);
    only_page_is_dirty(64);
    assert_int_equal(gmem_write_u16(&mem, BASE + 65 * PAGE_SIZE, 1), 0);
    only_page_is_dirty(65);
    assert_int_equal(gmem_write_u32(&mem, BASE + 66 * PAGE_SIZE, 1), 0);
    only_page_is_dirty(66);
    assert_int_equal(gmem_write_u64(&mem, BASE + 129 * PAGE_SIZE, 1), 0);
    only_page_is_dirty(129);
    assert_non_null(gmem_ptr(&mem, BASE + 63 * PAGE_SIZE, PAGE_SIZE, GMEM_WRITE));
    only_page_is_dirty(63);
    gmem_mark_dirty(&mem, BASE + 1, 1);
    only_page_is_dirty(0);
}

static void reading_marks_nothing(void **state)
{
    uint64_t value;

    (void)state;
    assert_non_null(gmem_ptr(&mem, BASE, SIZE, GMEM_READ));
    assert_int_equal(gmem_read(&mem, BASE, &value, 8), 0);
    assert_int_equal(gmem_read_u64(&mem, BASE, &value), 0);
    nothing_is_dirty();
}

static void range_marks_each_page_that_it_touches(void **state)
{
    uint64_t bits[WORDS];

    (void)state;
    gmem_mark_dirty(&mem, BASE + 63 * PAGE_SIZE - 1, 2 * PAGE_SIZE + 2);
    assert_int_equal(gmem_dirty_fetch(&mem, 0, bits), 0);
    assert_int_equal(bits[0], UINT64_C(3) << 62);
    assert_int_equal(bits[1], 3);
    assert_int_equal(bits[2], 0);
}

static void slot_without_log_keeps_its_bitmap_clear(void **state)
{
    (void)state;
    mem.slots[0].flags = 0;
    assert_int_equal(gmem_write_u64(&mem, BASE, 1), 0);
    nothing_is_dirty();
}

static void fetch_clears_the_bitmap_and_refuses_slots_without_one(void **state)
{
    uint64_t bits[WORDS];

    (void)state;
    gmem_mark_dirty(&mem, BASE, SIZE);
    assert_int_equal(gmem_dirty_fetch(&mem, 0, bits), 0);
    assert_int_equal(bits[0], UINT64_MAX);
    assert_int_equal(bits[2], 3);
    nothing_is_dirty();
    assert_int_equal(gmem_add(&mem, 0, PAGE_SIZE, ram, 0, NULL), 1);
    assert_int_equal(gmem_dirty_fetch(&mem, 1, bits), ERR_UNSUPPORTED);
    assert_int_equal(gmem_dirty_fetch(&mem, 2, bits), ERR_NOT_FOUND);
    assert_int_equal(gmem_dirty_fetch(&mem, GMEM_MAX_SLOTS, bits), ERR_RANGE);
}

static void bitmap_takes_a_bit_per_page_in_whole_words(void **state)
{
    (void)state;
    assert_int_equal(gmem_dirty_bytes(PAGE_SIZE), 8);
    assert_int_equal(gmem_dirty_bytes(64 * PAGE_SIZE), 8);
    assert_int_equal(gmem_dirty_bytes(64 * PAGE_SIZE + 1), 16);
    assert_int_equal(gmem_dirty_bytes(SIZE), 8 * WORDS);
    assert_int_equal(gmem_dirty_bytes(UINT64_MAX), UINT64_C(1) << 49);
}

static void *mark_every_second_page(void *first)
{
    for (unsigned round = 0; round < 2000; round++) {
        for (uint64_t page = *(unsigned *)first; page < 64; page += 2)
            gmem_mark_dirty(&mem, BASE + page * PAGE_SIZE, 1);
        if (*(unsigned *)first == 0 && round < 1999)
            atomic_fetch_and(&dirty[0], UINT64_C(0xaaaaaaaaaaaaaaaa));
    }
    return NULL;
}

static void marks_of_two_threads_do_not_lose_each_other(void **state)
{
    unsigned even = 0, odd = 1;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, mark_every_second_page, &odd), 0);
    mark_every_second_page(&even);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(dirty[0], UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(slot_must_be_whole_pages_that_do_not_wrap),
        TEST(slot_must_have_aligned_memory_known_flags_and_a_bitmap_to_log),
        TEST(slots_must_not_overlap_but_may_touch),
        TEST(table_of_slots_is_finite_and_removed_slots_are_used_again),
        TEST(a_full_table_takes_nothing),
        TEST(pointer_is_given_only_for_a_range_inside_one_slot),
        TEST(sum_of_start_and_length_that_wraps_is_refused),
        TEST(read_only_slot_refuses_every_way_of_writing),
        TEST(copies_go_both_ways),
        TEST(copy_that_leaves_ram_copies_nothing),
        TEST(copy_may_cross_from_slot_to_adjacent_slot),
        TEST(words_are_little_endian_and_naturally_aligned),
        TEST(misaligned_words_and_words_outside_are_refused),
        TEST(compare_exchange_swaps_only_what_was_expected),
        TEST(every_way_of_writing_is_told_to_whoever_asked),
        TEST(every_way_of_writing_marks_the_page),
        TEST(reading_marks_nothing),
        TEST(range_marks_each_page_that_it_touches),
        TEST(slot_without_log_keeps_its_bitmap_clear),
        TEST(fetch_clears_the_bitmap_and_refuses_slots_without_one),
        TEST(bitmap_takes_a_bit_per_page_in_whole_words),
        TEST(marks_of_two_threads_do_not_lose_each_other),
    };

    return cmocka_run_group_tests_name("gmem", tests, NULL, NULL);
}
