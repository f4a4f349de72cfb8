/* SPDX-License-Identifier: MIT */
/* The board's page allocator, over a piece of this process's memory. */
#include "fixture.h"

#include "host/metal/pages.h"

#define SPAN MIB(8)
#define HOLE KIB(64) /* at either end of the memory handed to the allocator */

struct arena {
    struct pages pages;
    uint8_t *memory, *state;
    uintptr_t start, end; /* what is free at first: 2 MiB blocks with ragged ends */
};

static int setup(void **state)
{
    struct arena *a = calloc(1, sizeof(*a));

    a->memory = aligned_alloc(MIB(2), SPAN);
    a->start = (uintptr_t)a->memory + HOLE;
    a->end = (uintptr_t)a->memory + SPAN - HOLE;
    a->state = malloc(pages_state_bytes((uintptr_t)a->memory, a->end + HOLE));
    pages_init(&a->pages, (uintptr_t)a->memory, a->end + HOLE, a->state);
    assert_int_equal(pages_add(&a->pages, a->start, a->end), 0);
    *state = a;
    return 0;
}

static int teardown(void **state)
{
    struct arena *a = *state;

    free(a->memory);
    free(a->state);
    free(a);
    return 0;
}

static void blocks_are_naturally_aligned_and_within_what_was_added(void **state)
{
    struct arena *a = *state;

    for (unsigned order = 0; order <= PAGES_ORDER_2M; order++) {
        uintptr_t block = (uintptr_t)pages_alloc(&a->pages, order);
        assert_true(block >= a->start && block + (PAGE_SIZE << order) <= a->end);
        assert_int_equal(block % (PAGE_SIZE << order), 0);
    }
}

static void blocks_do_not_overlap(void **state)
{
    struct arena *a = *state;
    unsigned n = 0, seed = 1;
    uint8_t *block;

    /* each block is filled with its number; at the end every number stands where it was put */
    struct {
        uint8_t *at;
        unsigned order;
    } taken[4096];
    while ((block = pages_alloc(&a->pages, (seed >> 16) % 4)) != NULL) {
        taken[n].at = block;
        taken[n].order = (seed >> 16) % 4;
        memset(block, (int)(n & 0xff), PAGE_SIZE << taken[n].order);
        seed = seed * 1103515245 + 12345;
        n++;
    }
    assert_true(n > 200);
    for (unsigned i = 0; i < n; i++) {
        for (uint64_t b = 0; b < PAGE_SIZE << taken[i].order; b += 512)
            assert_int_equal(taken[i].at[b], i & 0xff);
    }
}

static void all_memory_can_be_had_page_by_page_and_no_more(void **state)
{
    struct arena *a = *state;
    uint64_t pages = 0;

    while (pages_alloc(&a->pages, 0) != NULL)
        pages++;
    assert_int_equal(pages, (a->end - a->start) / PAGE_SIZE);
    assert_int_equal(a->pages.free_bytes, 0);
}

static void freed_halves_join_again_up_to_the_largest_block(void **state)
{
    struct arena *a = *state;
    void *page[SPAN / PAGE_SIZE];
    unsigned n = 0;

    while ((page[n] = pages_alloc(&a->pages, 0)) != NULL)
        n++;
    assert_null(pages_alloc(&a->pages, PAGES_ORDER_2M));
    for (unsigned i = 1; i < n; i += 2)
        assert_int_equal(pages_free(&a->pages, page[i], 0), 0);
    assert_null(pages_alloc(&a->pages, 1));
    for (unsigned i = 0; i < n; i += 2)
        assert_int_equal(pages_free(&a->pages, page[i], 0), 0);
    assert_int_equal(a->pages.free_bytes, a->end - a->start);
    for (unsigned i = 0; i < SPAN / MIB(2) - 2; i++)
        assert_non_null(pages_alloc(&a->pages, PAGES_ORDER_2M));
    assert_null(pages_alloc(&a->pages, PAGES_ORDER_2M));
}

static void a_block_freed_twice_is_refused(void **state)
{
    struct arena *a = *state;
    void *block = pages_alloc(&a->pages, 3);

    assert_int_equal(pages_free(&a->pages, block, 3), 0);
    uint64_t bytes = a->pages.free_bytes;
    assert_int_equal(pages_free(&a->pages, block, 3), ERR_OVERLAP);
    assert_int_equal(a->pages.free_bytes, bytes);
}

/* A page within a larger free block has no mark of its own. */
static void a_page_inside_a_free_block_is_refused(void **state)
{
    struct arena *a = *state;
    uint8_t *block = pages_alloc(&a->pages, PAGES_ORDER_2M);

    assert_int_equal(pages_free(&a->pages, block, PAGES_ORDER_2M), 0);
    assert_int_equal(pages_free(&a->pages, block + 5 * PAGE_SIZE, 0), ERR_OVERLAP);
}

/* Here the range begins with pages in use and a free block lies inside of it. */
static void a_block_with_a_free_page_in_it_is_refused(void **state)
{
    struct arena *a = *state;
    uint8_t *block = pages_alloc(&a->pages, 3);

    assert_int_equal(pages_free(&a->pages, block + 6 * PAGE_SIZE, 0), 0);
    assert_int_equal(pages_free(&a->pages, block, 3), ERR_OVERLAP);
}

static void a_misaligned_block_or_an_unknown_order_is_refused(void **state)
{
    struct arena *a = *state;
    uint8_t *block = pages_alloc(&a->pages, 3);

    assert_int_equal(pages_free(&a->pages, block + 1, 0), ERR_INVALID);
    assert_int_equal(pages_free(&a->pages, block + PAGE_SIZE, 3), ERR_INVALID);
    assert_int_equal(pages_free(&a->pages, block, PAGES_ORDERS), ERR_INVALID);
    assert_null(pages_alloc(&a->pages, PAGES_ORDERS));
}

static void memory_outside_the_range_is_refused(void **state)
{
    struct arena *a = *state;

    assert_int_equal(pages_add(&a->pages, a->end, a->end + HOLE + PAGE_SIZE), ERR_RANGE);
    assert_int_equal(pages_add(&a->pages, a->pages.base - PAGE_SIZE, a->pages.base), ERR_RANGE);
    assert_int_equal(pages_add(&a->pages, a->end, a->start), ERR_RANGE);
}

static void only_whole_pages_of_a_range_become_free(void **state)
{
    struct arena *a = *state;
    uint64_t bytes = a->pages.free_bytes;

    assert_int_equal(pages_add(&a->pages, a->end + 1, a->end + 3 * PAGE_SIZE - 1), 0);
    assert_int_equal(a->pages.free_bytes, bytes + PAGE_SIZE);
    assert_int_equal(pages_add(&a->pages, a->start - 100, a->start - 10), 0);
    assert_int_equal(a->pages.free_bytes, bytes + PAGE_SIZE);
}

static void a_run_has_its_length_and_alignment_and_the_rest_stays_free(void **state)
{
    struct arena *a = *state;
    uint64_t bytes = a->pages.free_bytes, size = MIB(2) + 5 * PAGE_SIZE;
    uint8_t *run = pages_alloc_run(&a->pages, size, PAGES_ORDER_2M);

    assert_non_null(run);
    assert_int_equal((uintptr_t)run % MIB(2), 0);
    assert_int_equal(a->pages.free_bytes, bytes - size);
    memset(run, 0xa5, size);
    for (void *page; (page = pages_alloc(&a->pages, 0)) != NULL;)
        assert_true((uint8_t *)page + PAGE_SIZE <= run || (uint8_t *)page >= run + size);
}

static void a_run_given_back_can_be_had_again(void **state)
{
    struct arena *a = *state;
    uint64_t longest = pages_longest_run(&a->pages, 0);
    uint8_t *run = pages_alloc_run(&a->pages, longest, 0);

    assert_int_equal(longest, a->end - a->start);
    assert_ptr_equal(run, (uint8_t *)a->start);
    assert_null(pages_alloc(&a->pages, 0));
    assert_int_equal(pages_add(&a->pages, (uintptr_t)run, (uintptr_t)run + longest), 0);
    assert_ptr_equal(pages_alloc_run(&a->pages, longest, 0), run);
}

static void a_run_does_not_cross_pages_in_use(void **state)
{
    struct arena *a = *state;
    uint8_t *middle = pages_alloc_run(&a->pages, PAGE_SIZE, PAGES_ORDER_2M);

    assert_non_null(middle);
    uint64_t before = (uintptr_t)middle - a->start, behind = a->end - (uintptr_t)middle - PAGE_SIZE;
    assert_int_equal(pages_longest_run(&a->pages, 0), behind > before ? behind : before);
    assert_null(pages_alloc_run(&a->pages, behind + PAGE_SIZE, 0));
    assert_ptr_equal(pages_alloc_run(&a->pages, behind, 0), middle + PAGE_SIZE);
    assert_ptr_equal(pages_alloc_run(&a->pages, before, 0), (uint8_t *)a->start);
}

static void a_run_of_nothing_or_of_part_of_a_page_is_refused(void **state)
{
    struct arena *a = *state;

    assert_null(pages_alloc_run(&a->pages, 0, 0));
    assert_null(pages_alloc_run(&a->pages, PAGE_SIZE + 1, 0));
    assert_null(pages_alloc_run(&a->pages, PAGE_SIZE, PAGES_ORDERS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_naturally_aligned_and_within_what_was_added),
        TEST(blocks_do_not_overlap),
        TEST(all_memory_can_be_had_page_by_page_and_no_more),
        TEST(freed_halves_join_again_up_to_the_largest_block),
        TEST(a_block_freed_twice_is_refused),
        TEST(a_page_inside_a_free_block_is_refused),
        TEST(a_block_with_a_free_page_in_it_is_refused),
        TEST(a_misaligned_block_or_an_unknown_order_is_refused),
        TEST(memory_outside_the_range_is_refused),
        TEST(only_whole_pages_of_a_range_become_free),
        TEST(a_run_has_its_length_and_alignment_and_the_rest_stays_free),
        TEST(a_run_given_back_can_be_had_again),
        TEST(a_run_does_not_cross_pages_in_use),
        TEST(a_run_of_nothing_or_of_part_of_a_page_is_refused),
    };

    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
