/* SPDX-License-Identifier: MIT */
/* The software TLB: a hit means what it says, and a flush drops what sfence.vma must and no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/csr.h"
#include "core/stlb.h"

#define VA   UINT64_C(0x0000003f12345000)
#define HIGH UINT64_C(0xffffffd600000000)

static struct stlb stlb;
static uint8_t host[2 * PAGE_SIZE];

static int setup(void **state)
{
    (void)state;
    stlb_reset(&stlb);
    return 0;
}

static uint64_t satp(uint64_t asid, uint64_t ppn)
{
    return SATP_MODE_SV39 << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT | ppn;
}

static unsigned space(uint64_t asid)
{
    return stlb_context(&stlb, satp(asid, 0x80000 + asid), 0, false);
}

static bool hit_kind(enum stlb_kind kind, gva_t va, unsigned size, unsigned ctx)
{
    return stlb.entry[kind][stlb_index(va)].tag == stlb_tag(va, size, ctx);
}

static bool hit(gva_t va, unsigned ctx)
{
    return hit_kind(STLB_LOAD, va, 1, ctx);
}

static void fill(gva_t va, unsigned ctx, unsigned page_bits, bool global)
{
    stlb_fill(&stlb, STLB_LOAD, va, ctx, host, page_bits, global);
}

static void flush_asid(uint16_t asid)
{
    stlb_flush(&stlb, NULL, &asid);
}

static void flush_va(gva_t va)
{
    stlb_flush(&stlb, &va, NULL);
}

static void flush_va_asid(gva_t va, uint16_t asid)
{
    stlb_flush(&stlb, &va, &asid);
}

/* The next page whose entry is at the same place. */
static gva_t neighbour(gva_t va)
{
    gva_t other = va;

    do
        other += PAGE_SIZE;
    while (stlb_index(other) != stlb_index(va));
    return other;
}

static void entry_leads_every_address_of_its_page_to_the_host_page(void **state)
{
    const struct stlb_entry *entry = &stlb.entry[STLB_LOAD][stlb_index(VA)];
    unsigned ctx = space(1);

    (void)state;
    fill(VA + 0x123, ctx, 12, false);
    for (unsigned offset = 0; offset < PAGE_SIZE; offset += 8) {
        assert_true(hit_kind(STLB_LOAD, VA + offset, 8, ctx));
        assert_ptr_equal((uint8_t *)(uintptr_t)(VA + offset + entry->addend), host + offset);
    }
    assert_false(hit(VA + PAGE_SIZE, ctx));
    assert_false(hit(neighbour(VA), ctx));
    assert_false(hit_kind(STLB_STORE, VA, 8, ctx));
    assert_false(hit_kind(STLB_FETCH, VA, 8, ctx));
}

static void misaligned_access_never_hits(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    fill(VA, ctx, 12, false);
    for (unsigned size = 2; size <= 8; size *= 2) {
        for (unsigned offset = 1; offset < size; offset++)
            assert_false(hit_kind(STLB_LOAD, VA + offset, size, ctx));
    }
}

static void mode_SUM_and_MXR_are_contexts_of_their_own(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    assert_int_equal(ctx & 7, 0);
    for (unsigned filled = 0; filled < 8; filled++) {
        fill(VA, ctx | filled, 12, false);
        for (unsigned asked = 0; asked < 8; asked++)
            assert_int_equal(hit(VA, ctx | asked), filled == asked);
    }
}

static void address_spaces_differ_by_satp_VMID_and_V(void **state)
{
    unsigned a = stlb_context(&stlb, satp(1, 2), 0, false);

    (void)state;
    assert_int_not_equal(stlb_context(&stlb, satp(1, 3), 0, false), a);
    assert_int_not_equal(stlb_context(&stlb, satp(2, 2), 0, false), a);
    assert_int_not_equal(stlb_context(&stlb, satp(1, 2), 1, false), a);
    assert_int_not_equal(stlb_context(&stlb, satp(1, 2), 0, true), a);
    assert_int_not_equal(stlb_context(&stlb, 0, 0, false), a);
    assert_int_equal(stlb_context(&stlb, satp(1, 2), 0, false), a);
}

static void bare_mode_is_a_space_with_ASID_0_from_the_start(void **state)
{
    unsigned ctx = stlb_context(&stlb, 0, 0, false);

    (void)state;
    fill(VA, ctx, 12, false);
    flush_asid(1);
    assert_true(hit(VA, ctx));
    flush_asid(0);
    assert_false(hit(VA, ctx));
}

static void switching_between_address_spaces_loses_nothing(void **state)
{
    unsigned a = space(1), b = space(2);

    (void)state;
    fill(VA, a, 12, false);
    fill(VA + PAGE_SIZE, b, 12, false);
    assert_int_equal(space(1), a);
    assert_int_equal(space(2), b);
    assert_true(hit(VA, a));
    assert_false(hit(VA, b));
    assert_true(hit(VA + PAGE_SIZE, b));
}

static void spaces_start_again_without_entries_when_there_are_no_more_numbers(void **state)
{
    unsigned ctx[STLB_SPACES];

    (void)state;
    for (unsigned i = 0; i < STLB_SPACES; i++) {
        ctx[i] = space(i);
        fill(VA + i * PAGE_SIZE, ctx[i], 12, false);
    }
    assert_int_equal(space(0), ctx[0]);
    for (unsigned i = 0; i < STLB_SPACES; i++)
        assert_true(hit(VA + i * PAGE_SIZE, ctx[i]));
    unsigned more = space(STLB_SPACES);
    for (unsigned i = 0; i < STLB_SPACES; i++)
        assert_false(hit(VA + i * PAGE_SIZE, ctx[i]));
    for (unsigned i = 1; i < STLB_SPACES; i++)
        assert_int_not_equal(space(i), more);
}

static void retired_numbers_are_used_again_behind_the_others(void **state)
{
    unsigned a = space(1);

    (void)state;
    fill(VA, a, 12, false);
    stlb_retire(&stlb, &(uint16_t){1});
    for (unsigned i = 2; i <= STLB_SPACES; i++)
        assert_int_not_equal(space(i), a);
    for (unsigned i = 0; i < STLB_SPACES; i++)
        assert_false(hit(VA, space(STLB_SPACES + 1 + i)));
}

static void number_of_global_pages_outlives_every_other_space(void **state)
{
    (void)state;
    stlb.shares = true;
    unsigned global = stlb_global(&stlb);

    fill(VA, global, 12, true);
    for (unsigned i = 0; i < 3 * STLB_SPACES; i++)
        assert_int_not_equal(space(i), global);
    assert_int_equal(stlb_global(&stlb), global);
    assert_true(hit(VA, global));
}

static void shared_global_entry_goes_by_address_but_not_by_any_ASID(void **state)
{
    (void)state;
    stlb.shares = true;
    unsigned global = stlb_global(&stlb), own = space(SATP_ASID);

    assert_int_not_equal(global, own);
    fill(VA, global, 12, true);
    flush_asid(SATP_ASID);
    flush_va_asid(VA, SATP_ASID);
    stlb_retire(&stlb, &(uint16_t){SATP_ASID});
    assert_int_equal(stlb_global(&stlb), global);
    assert_true(hit(VA, global));
    flush_va(VA);
    assert_false(hit(VA, global));
    fill(VA, global, 12, true);
    stlb_retire(&stlb, NULL);
    assert_false(hit(VA, stlb_global(&stlb)));
}

static void no_address_in_any_context_hits_an_invalid_entry(void **state)
{
    static const gva_t top[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 3, UINT64_MAX - 7, 0};

    (void)state;
    for (unsigned i = 0; i < 2 * STLB_SPACES; i++) {
        unsigned ctx = space(i);

        for (unsigned low = 0; low < 8; low++) {
            for (unsigned a = 0; a < ARRAY_SIZE(top); a++) {
                for (unsigned size = 1; size <= 8; size *= 2)
                    assert_false(hit_kind(STLB_LOAD, top[a], size, ctx | low));
            }
        }
    }
}

static void flush_of_everything_drops_every_kind_and_space(void **state)
{
    unsigned a = space(1), b = space(2);

    (void)state;
    for (unsigned kind = 0; kind < STLB_KINDS; kind++) {
        stlb_fill(&stlb, (enum stlb_kind)kind, VA, a, host, 12, false);
        stlb_fill(&stlb, (enum stlb_kind)kind, HIGH + PAGE_SIZE, b | STLB_CTX_S, host, 30, true);
    }
    stlb_flush(&stlb, NULL, NULL);
    for (unsigned kind = 0; kind < STLB_KINDS; kind++) {
        assert_false(hit_kind((enum stlb_kind)kind, VA, 1, a));
        assert_false(hit_kind((enum stlb_kind)kind, HIGH + PAGE_SIZE, 1, b | STLB_CTX_S));
    }
    fill(VA, a, 12, false);
    stlb_flush(&stlb, NULL, NULL);
    assert_false(hit(VA, a));
}

static void flush_by_ASID_drops_it_under_every_root_and_keeps_other_ASIDs(void **state)
{
    unsigned a = stlb_context(&stlb, satp(1, 2), 0, false);
    unsigned b = stlb_context(&stlb, satp(1, 3), 0, false);
    unsigned c = stlb_context(&stlb, satp(2, 2), 0, false);

    (void)state;
    fill(VA, a, 12, false);
    fill(VA + PAGE_SIZE, b | STLB_CTX_S, 21, false);
    fill(VA + 2 * PAGE_SIZE, c, 12, false);
    flush_asid(1);
    assert_false(hit(VA, a));
    assert_false(hit(VA + PAGE_SIZE, b | STLB_CTX_S));
    assert_true(hit(VA + 2 * PAGE_SIZE, c));
    flush_asid(3);
    assert_true(hit(VA + 2 * PAGE_SIZE, c));
}

static void flush_by_ASID_keeps_global_entries(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    fill(VA, ctx, 12, true);
    fill(HIGH, ctx, 30, true);
    flush_asid(1);
    flush_va_asid(VA, 1);
    flush_va_asid(HIGH, 1);
    assert_true(hit(VA, ctx));
    assert_true(hit(HIGH, ctx));
    flush_va(VA);
    flush_va(HIGH);
    assert_false(hit(VA, ctx));
    assert_false(hit(HIGH, ctx));
}

static void flush_by_address_drops_that_page_in_every_kind_and_space(void **state)
{
    unsigned a = space(1), b = space(2);

    (void)state;
    fill(VA, a, 12, false);
    stlb_fill(&stlb, STLB_STORE, VA, b, host, 12, true);
    stlb_fill(&stlb, STLB_FETCH, VA, b | STLB_CTX_MXR, host, 12, false);
    fill(VA + PAGE_SIZE, a, 12, false);
    fill(VA - PAGE_SIZE, a, 12, false);
    flush_va(VA + 0xfff);
    assert_false(hit(VA, a));
    assert_false(hit_kind(STLB_STORE, VA, 1, b));
    assert_false(hit_kind(STLB_FETCH, VA, 1, b | STLB_CTX_MXR));
    assert_true(hit(VA + PAGE_SIZE, a));
    assert_true(hit(VA - PAGE_SIZE, a));
}

/* As a stack, a heap and libraries lie. */
static void pages_a_power_of_two_apart_have_places_of_their_own(void **state)
{
    (void)state;
    for (gva_t apart = PAGE_SIZE; apart < GIB(4); apart *= 2)
        assert_int_not_equal(stlb_index(VA), stlb_index(VA + apart));
}

static void pages_in_a_row_have_places_of_their_own(void **state)
{
    bool taken[STLB_SIZE] = {false};

    (void)state;
    for (gva_t page = 0; page < STLB_SIZE; page++) {
        unsigned index = stlb_index(MIB(2) + page * PAGE_SIZE);
        assert_true(index < STLB_SIZE);
        assert_false(taken[index]);
        taken[index] = true;
    }
}

static void flush_by_address_leaves_another_page_at_the_same_place(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    fill(VA, ctx, 12, false);
    flush_va(neighbour(VA));
    assert_true(hit(VA, ctx));
}

static void flush_by_address_and_ASID_keeps_other_ASIDs(void **state)
{
    unsigned a = space(1), b = space(2);

    (void)state;
    fill(VA, a, 12, false);
    flush_va_asid(VA, 2);
    assert_true(hit(VA, a));
    flush_va_asid(VA, 1);
    assert_false(hit(VA, a));
    fill(HIGH, b, 21, false);
    flush_va_asid(HIGH + PAGE_SIZE, 1);
    assert_true(hit(HIGH, b));
    flush_va_asid(HIGH + PAGE_SIZE, 2);
    assert_false(hit(HIGH, b));
}

static void flush_by_address_drops_every_page_of_the_leaf_that_covers_it(void **state)
{
    static const unsigned reach[] = {16, 21, 30, 39, 48};
    unsigned ctx = space(1);

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(reach); i++) {
        uint64_t size = UINT64_C(1) << reach[i];
        gva_t base = UINT64_C(0x0042000000000000);

        stlb_reset(&stlb);
        ctx = space(1);
        fill(base, ctx, reach[i], false);
        fill(base + size - PAGE_SIZE, ctx, reach[i], false);
        fill(base + size + PAGE_SIZE, ctx, reach[i], false);
        flush_va(base + size);
        assert_true(hit(base, ctx));
        assert_true(hit(base + size - PAGE_SIZE, ctx));
        assert_false(hit(base + size + PAGE_SIZE, ctx));
        flush_va(base - 1);
        assert_true(hit(base, ctx));
        flush_va(base + size / 2);
        assert_false(hit(base, ctx));
        assert_false(hit(base + size - PAGE_SIZE, ctx));
    }
}

static void small_pages_between_superpages_are_flushed_precisely(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    fill((VA & ~(MIB(2) - 1)) + 8 * PAGE_SIZE, ctx, 21, false);
    fill(HIGH, ctx, 30, false);
    fill(HIGH - GIB(1) + PAGE_SIZE, ctx, 12, false);
    flush_va(HIGH - GIB(1) + PAGE_SIZE);
    assert_false(hit(HIGH - GIB(1) + PAGE_SIZE, ctx));
    assert_true(hit(HIGH, ctx));
    assert_true(hit((VA & ~(MIB(2) - 1)) + 8 * PAGE_SIZE, ctx));
}

static void reset_forgets_entries_and_spaces(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    fill(VA, ctx, 12, true);
    stlb_reset(&stlb);
    assert_false(hit(VA, ctx));
    assert_int_equal(stlb.fills, 0);
    assert_false(stlb.space[ctx >> 3].used);
}

static void stores_to_a_host_page_are_noted_by_the_end_of_the_page_number(void **state)
{
    uint64_t at = (uint64_t)(uintptr_t)host;

    (void)state;
    *stlb_stored(&stlb, at) = 0;
    fill(VA, space(1), PAGE_SHIFT, false);
    assert_int_equal(*stlb_stored(&stlb, at), 0);
    stlb_fill(&stlb, STLB_STORE, VA, space(1), host, PAGE_SHIFT, false);
    stlb_fill(&stlb, STLB_STORE, VA + 0x23000, space(2), host, PAGE_SHIFT, false);
    assert_int_equal(*stlb_stored(&stlb, at), UINT64_C(1) << 5 | UINT64_C(1) << 40);
    /* another page is told apart, and so is the same one where its entry was replaced */
    assert_ptr_not_equal(stlb_stored(&stlb, at), stlb_stored(&stlb, at + PAGE_SIZE));
    stlb_fill(&stlb, STLB_STORE, VA, space(1), host + PAGE_SIZE, PAGE_SHIFT, false);
    assert_int_equal(*stlb_stored(&stlb, at), UINT64_C(1) << 5 | UINT64_C(1) << 40);
}

static void fills_and_flushes_are_counted(void **state)
{
    unsigned ctx = space(1);

    (void)state;
    fill(VA, ctx, 12, false);
    fill(VA, ctx, 12, false);
    stlb_flush(&stlb, NULL, NULL);
    assert_int_equal(stlb.fills, 2);
    assert_int_equal(stlb.flushes, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entry_leads_every_address_of_its_page_to_the_host_page),
        TEST(misaligned_access_never_hits),
        TEST(mode_SUM_and_MXR_are_contexts_of_their_own),
        TEST(address_spaces_differ_by_satp_VMID_and_V),
        TEST(bare_mode_is_a_space_with_ASID_0_from_the_start),
        TEST(switching_between_address_spaces_loses_nothing),
        TEST(spaces_start_again_without_entries_when_there_are_no_more_numbers),
        TEST(retired_numbers_are_used_again_behind_the_others),
        TEST(number_of_global_pages_outlives_every_other_space),
        TEST(shared_global_entry_goes_by_address_but_not_by_any_ASID),
        TEST(no_address_in_any_context_hits_an_invalid_entry),
        TEST(flush_of_everything_drops_every_kind_and_space),
        TEST(flush_by_ASID_drops_it_under_every_root_and_keeps_other_ASIDs),
        TEST(flush_by_ASID_keeps_global_entries),
        TEST(flush_by_address_drops_that_page_in_every_kind_and_space),
        TEST(pages_a_power_of_two_apart_have_places_of_their_own),
        TEST(pages_in_a_row_have_places_of_their_own),
        TEST(flush_by_address_leaves_another_page_at_the_same_place),
        TEST(flush_by_address_and_ASID_keeps_other_ASIDs),
        TEST(flush_by_address_drops_every_page_of_the_leaf_that_covers_it),
        TEST(small_pages_between_superpages_are_flushed_precisely),
        TEST(reset_forgets_entries_and_spaces),
        TEST(stores_to_a_host_page_are_noted_by_the_end_of_the_page_number),
        TEST(fills_and_flushes_are_counted),
    };

    return cmocka_run_group_tests_name("stlb", tests, NULL, NULL);
}
