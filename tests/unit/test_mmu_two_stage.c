/* SPDX-License-Identifier: MIT */
/* The rules of two-stage translation (Priv. 15.5), by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/trap.h"
#include "tests/unit/mmu_tables.h"

#define VA     UINT64_C(0x12345678)
#define GPA    UINT64_C(0x2765432000) /* page that the first stage leads to */
#define PA     UINT64_C(0x87654000)   /* page that the second stage leads to */
#define OFFSET GIB(8)                 /* first-stage tables lie at pa + OFFSET for the guest */
#define RWX    (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define RWXU   (RWX | PTE_U)

static struct tables t;
static struct isa isa;
static struct mmu_walk walk;
static struct tables_root first, second;
static struct mmu_leaf leaf;
static struct mmu_fault fault;
static uint64_t *first_pte;    /* for VA, in the first stage */
static uint64_t *table_pte[3]; /* G-stage PTEs of the first stage's tables, root first */
static uint64_t *final_pte;    /* G-stage PTE of GPA */

static uint64_t leaf_for(uint64_t pa, uint64_t flags)
{
    return pa >> PAGE_SHIFT << PTE_PPN_SHIFT | flags;
}

static uint64_t *g_map(uint64_t gpa, unsigned level, uint64_t pte)
{
    uint64_t *word = tables_install(&t, &second, gpa, level, pte);

    assert_non_null(word);
    return word;
}

/* VA -> GPA -> PA, Sv39 over the given G-stage mode, everything allowed. */
static void build(unsigned hgatp_mode)
{
    struct model model = {.satp_mode = 8, .hgatp_mode = hgatp_mode};

    tables_reset(&t);
    first = (struct tables_root){.pa = tables_page(&t, false), .mode = 8, .offset = OFFSET};
    first_pte = tables_install(&t, &first, VA, 0, leaf_for(GPA, RWX));
    assert_non_null(first_pte);
    second = (struct tables_root){.pa = tables_page(&t, true), .mode = hgatp_mode, .gstage = true};
    for (unsigned i = 0; i < 3; i++) {
        uint64_t table = first.pa + i * PAGE_SIZE;

        table_pte[i] = g_map(table + OFFSET, 0, leaf_for(table, RWXU));
    }
    final_pte = g_map(GPA, 0, leaf_for(PA, RWXU));
    model.satp_ppn = (first.pa + OFFSET) >> PAGE_SHIFT;
    model.hgatp_ppn = second.pa >> PAGE_SHIFT;
    walk = tables_walk(&model, &isa, &t.memory);
}

static int setup(void **state)
{
    (void)state;
    build(8);
    return 0;
}

static void works(uint64_t va, enum mmu_access access)
{
    assert_int_equal(mmu_translate(&walk, va, access, &leaf, &fault), 0);
}

static void faults(uint64_t va, enum mmu_access access, uint64_t cause)
{
    fault = (struct mmu_fault){0};
    assert_int_equal(mmu_translate(&walk, va, access, &leaf, &fault), ERR_RANGE);
    assert_int_equal(fault.cause, cause);
}

static void guest_page_faults(uint64_t va, gpa_t gpa, bool implicit)
{
    static const uint64_t cause[] = {[MMU_LOAD] = CAUSE_LOAD_GUEST_PAGE,
                                     [MMU_STORE] = CAUSE_STORE_GUEST_PAGE,
                                     [MMU_FETCH] = CAUSE_INSN_GUEST_PAGE};

    for (unsigned access = MMU_LOAD; access <= MMU_FETCH; access++) {
        faults(va, (enum mmu_access)access, cause[access]);
        assert_int_equal(fault.stage, MMU_STAGE_G);
        assert_int_equal(fault.gpa, gpa);
        assert_int_equal(fault.implicit, implicit);
    }
}

static void both_stages_translate_in_every_mode(void **state)
{
    (void)state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        build(mode);
        works(VA, MMU_STORE);
        assert_int_equal(leaf.gpa, PA | (VA & ~PAGE_MASK));
        assert_int_equal(leaf.page_bits, 12);
        assert_int_equal(leaf.pte, *first_pte);
        assert_ptr_equal(tables_word(&t, leaf.pte_gpa), first_pte);
    }
}

static void each_first_stage_table_goes_through_the_second_stage_as_an_implicit_access(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t index = (VA >> (12 + 9 * (2 - i))) % 512;
        uint64_t whole = *table_pte[i];

        *table_pte[i] = 0;
        guest_page_faults(VA, first.pa + i * PAGE_SIZE + OFFSET + 8 * index, true);
        *table_pte[i] = whole;
    }
}

static void implicit_reads_need_R_whatever_MXR_says(void **state)
{
    (void)state;
    walk.mxr = true;
    *table_pte[2] &= ~(PTE_R | PTE_W);
    guest_page_faults(VA, first.pa + 2 * PAGE_SIZE + OFFSET + 8 * ((VA >> 12) % 512), true);
}

static void final_address_that_the_second_stage_refuses_is_reported_as_it_is(void **state)
{
    (void)state;
    *final_pte = 0;
    guest_page_faults(VA, GPA | (VA & ~PAGE_MASK), false);
}

static void first_stage_fault_is_a_page_fault(void **state)
{
    (void)state;
    *first_pte = 0;
    faults(VA, MMU_LOAD, CAUSE_LOAD_PAGE);
    assert_int_equal(fault.stage, MMU_STAGE_S);
    assert_false(fault.implicit);
}

static void second_stage_pages_must_have_U(void **state)
{
    (void)state;
    *final_pte &= ~PTE_U;
    guest_page_faults(VA, GPA | (VA & ~PAGE_MASK), false);
    *final_pte |= PTE_U;
    *table_pte[0] &= ~PTE_U;
    guest_page_faults(VA, first.pa + OFFSET + 8 * (VA >> 30), true);
}

static void MXR_of_the_first_stage_does_not_reach_the_second(void **state)
{
    (void)state;
    walk.mxr = true;
    *first_pte &= ~(PTE_R | PTE_W);
    works(VA, MMU_LOAD);
    *final_pte &= ~(PTE_R | PTE_W);
    faults(VA, MMU_LOAD, CAUSE_LOAD_GUEST_PAGE);
}

static void permissions_are_those_that_both_stages_give(void **state)
{
    (void)state;
    *final_pte &= ~PTE_X;
    works(VA, MMU_LOAD);
    assert_true(leaf.readable && leaf.writable);
    assert_false(leaf.executable);
    faults(VA, MMU_FETCH, CAUSE_INSN_GUEST_PAGE);
    *final_pte &= ~PTE_D;
    works(VA, MMU_LOAD);
    assert_false(leaf.writable);
    *final_pte = leaf_for(PA, PTE_V | PTE_X | PTE_U | PTE_A);
    works(VA, MMU_FETCH);
    assert_false(leaf.readable);
    *first_pte &= ~(PTE_R | PTE_W);
    faults(VA, MMU_LOAD, CAUSE_LOAD_PAGE);
}

static void guest_physical_addresses_have_two_more_bits_and_no_sign(void **state)
{
    (void)state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        unsigned bits = 14 + 9 * (mode - 5);
        uint64_t top = UINT64_C(3) << (bits - 2);

        build(mode);
        walk.root.geometry = NULL;
        g_map(VA, 0, leaf_for(PA, RWXU));
        g_map(top | VA, 0, leaf_for(PA, RWXU));
        works(top | VA, MMU_LOAD);
        assert_int_equal(leaf.gpa, PA | (VA & ~PAGE_MASK));
        assert_int_equal(leaf.pte, 0);
        for (unsigned bit = bits; bit < 64; bit++)
            guest_page_faults(VA | UINT64_C(1) << bit, VA | UINT64_C(1) << bit, false);
        guest_page_faults(UINT64_MAX << (bits - 1) | VA, UINT64_MAX << (bits - 1) | VA, false);
    }
}

static void root_of_the_second_stage_is_16_KiB_aligned(void **state)
{
    (void)state;
    walk.g_root.ppn |= 3;
    works(VA, MMU_LOAD);
}

static void second_stage_table_outside_memory_is_an_access_fault(void **state)
{
    (void)state;
    walk.g_root.ppn = 0;
    faults(VA, MMU_LOAD, CAUSE_LOAD_ACCESS);
    faults(VA, MMU_STORE, CAUSE_STORE_ACCESS);
    faults(VA, MMU_FETCH, CAUSE_INSN_ACCESS);
}

static void svade_faults_in_the_second_stage_too(void **state)
{
    (void)state;
    *final_pte &= ~PTE_D;
    works(VA, MMU_LOAD);
    faults(VA, MMU_STORE, CAUSE_STORE_GUEST_PAGE);
    *final_pte &= ~PTE_A;
    guest_page_faults(VA, GPA | (VA & ~PAGE_MASK), false);
    *table_pte[1] &= ~PTE_A;
    faults(VA, MMU_LOAD, CAUSE_LOAD_GUEST_PAGE);
    assert_true(fault.implicit);
}

static void svadu_updates_both_stages(void **state)
{
    (void)state;
    walk.hw_ad = true;
    *first_pte &= ~(PTE_A | PTE_D);
    *final_pte &= ~(PTE_A | PTE_D);
    *table_pte[0] &= ~(PTE_A | PTE_D);
    *table_pte[2] &= ~(PTE_A | PTE_D);
    works(VA, MMU_STORE);
    assert_true(leaf.writable);
    assert_int_equal(*first_pte & (PTE_A | PTE_D), PTE_A | PTE_D);
    assert_int_equal(*final_pte & (PTE_A | PTE_D), PTE_A | PTE_D);
    assert_int_equal(*table_pte[0] & (PTE_A | PTE_D), PTE_A);
    assert_int_equal(*table_pte[2] & (PTE_A | PTE_D), PTE_A | PTE_D);
}

static void update_of_a_first_stage_pte_needs_W_in_the_second_stage(void **state)
{
    uint64_t pte_gpa = first.pa + 2 * PAGE_SIZE + OFFSET + 8 * ((VA >> 12) % 512);

    (void)state;
    walk.hw_ad = true;
    *first_pte &= ~PTE_A;
    *table_pte[2] &= ~PTE_W;
    guest_page_faults(VA, pte_gpa, true);
    assert_int_equal(*first_pte & PTE_A, 0);
}

static void probe_of_both_stages_writes_nothing(void **state)
{
    uint64_t *const ptes[] = {first_pte, final_pte, table_pte[0], table_pte[2]};

    (void)state;
    walk.hw_ad = true;
    walk.probe = true;
    for (unsigned i = 0; i < ARRAY_SIZE(ptes); i++)
        *ptes[i] &= ~(PTE_A | PTE_D);
    works(VA, MMU_STORE);
    for (unsigned i = 0; i < ARRAY_SIZE(ptes); i++)
        assert_int_equal(*ptes[i] & (PTE_A | PTE_D), 0);
}

static void G_in_the_second_stage_does_not_make_a_translation_global(void **state)
{
    (void)state;
    *final_pte |= PTE_G;
    *table_pte[0] |= PTE_G;
    works(VA, MMU_LOAD);
    assert_false(leaf.global);
    *first_pte |= PTE_G;
    works(VA, MMU_LOAD);
    assert_true(leaf.global);
}

#define RULE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(both_stages_translate_in_every_mode),
        RULE(each_first_stage_table_goes_through_the_second_stage_as_an_implicit_access),
        RULE(implicit_reads_need_R_whatever_MXR_says),
        RULE(final_address_that_the_second_stage_refuses_is_reported_as_it_is),
        RULE(first_stage_fault_is_a_page_fault),
        RULE(second_stage_pages_must_have_U),
        RULE(MXR_of_the_first_stage_does_not_reach_the_second),
        RULE(permissions_are_those_that_both_stages_give),
        RULE(guest_physical_addresses_have_two_more_bits_and_no_sign),
        RULE(root_of_the_second_stage_is_16_KiB_aligned),
        RULE(second_stage_table_outside_memory_is_an_access_fault),
        RULE(svade_faults_in_the_second_stage_too),
        RULE(svadu_updates_both_stages),
        RULE(update_of_a_first_stage_pte_needs_W_in_the_second_stage),
        RULE(probe_of_both_stages_writes_nothing),
        RULE(G_in_the_second_stage_does_not_make_a_translation_global),
    };

    return cmocka_run_group_tests_name("mmu, two stages", tests, NULL, NULL);
}
