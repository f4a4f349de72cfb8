/* SPDX-License-Identifier: MIT */
/* The rules of one-stage translation (Priv. 12.3-12.5, Svnapot, Svpbmt, Svade, Svadu), by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/trap.h"
#include "tests/unit/mmu_tables.h"

#define VA   UINT64_C(0x12345678)
#define PAGE UINT64_C(0x87654) /* physical page number that leaves name */
#define RWX  (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)

static struct tables t;
static struct isa isa;
static struct mmu_walk walk;
static struct tables_root root;
static struct mmu_leaf leaf;

static uint64_t ppn(uint64_t number)
{
    return number << PTE_PPN_SHIFT;
}

static void use_mode(unsigned mode)
{
    struct model model = {.satp_mode = mode};

    tables_reset(&t);
    root = (struct tables_root){.pa = tables_page(&t, false), .mode = mode};
    model.satp_ppn = root.pa >> PAGE_SHIFT;
    walk = tables_walk(&model, &isa, &t.memory);
}

static int setup(void **state)
{
    (void)state;
    use_mode(8);
    return 0;
}

static uint64_t *map(uint64_t va, unsigned level, uint64_t pte)
{
    uint64_t *word = tables_install(&t, &root, va, level, pte);

    assert_non_null(word);
    return word;
}

static void works(uint64_t va, enum mmu_access access)
{
    struct mmu_fault fault;

    assert_int_equal(mmu_translate(&walk, va, access, &leaf, &fault), 0);
}

static void faults(uint64_t va, enum mmu_access access, uint64_t cause)
{
    struct mmu_fault fault = {.stage = MMU_STAGE_G, .implicit = true};

    assert_int_equal(mmu_translate(&walk, va, access, &leaf, &fault), ERR_RANGE);
    assert_int_equal(fault.cause, cause);
    assert_int_equal(fault.stage, MMU_STAGE_S);
    assert_int_equal(fault.gpa, 0);
    assert_false(fault.implicit);
}

static void page_faults(uint64_t va)
{
    faults(va, MMU_LOAD, CAUSE_LOAD_PAGE);
    faults(va, MMU_STORE, CAUSE_STORE_PAGE);
    faults(va, MMU_FETCH, CAUSE_INSN_PAGE);
}

static void bare_mode_passes_every_address_unchanged(void **state)
{
    (void)state;
    walk.root.geometry = NULL;
    works(UINT64_C(0xfedcba9876543210), MMU_STORE);
    assert_int_equal(leaf.gpa, UINT64_C(0xfedcba9876543210));
    assert_true(leaf.readable && leaf.writable && leaf.executable);
    assert_int_equal(leaf.pte, 0);
}

static void reserved_modes_have_no_geometry(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 16; mode++) {
        assert_int_equal(mmu_geometry(mode, false) != NULL, mode >= 8 && mode <= 10);
        assert_int_equal(mmu_geometry(mode, true) != NULL, mode >= 8 && mode <= 10);
    }
}

static void address_bits_above_the_page_number_must_repeat_its_top_bit(void **state)
{
    (void)state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        unsigned top = 12 + 9 * (mode - 5) - 1;
        uint64_t high = UINT64_MAX << top | VA;

        use_mode(mode);
        map(VA, 0, ppn(PAGE) | RWX);
        map(high, 0, ppn(PAGE) | RWX);
        works(VA, MMU_LOAD);
        works(high, MMU_LOAD);
        for (unsigned bit = top + 1; bit < 64; bit++) {
            page_faults(VA ^ UINT64_C(1) << bit);
            page_faults(high ^ UINT64_C(1) << bit);
        }
    }
}

static void leaf_at_each_level_takes_the_rest_of_the_address_from_va(void **state)
{
    (void)state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        for (unsigned level = 0; level < mode - 5; level++) {
            uint64_t offset = (UINT64_C(1) << (12 + 9 * level)) - 1;
            uint64_t target = UINT64_C(0x00a5a5a5a5a5a000) & ~offset;
            uint64_t pte = ppn(target >> PAGE_SHIFT) | RWX;

            use_mode(mode);

            const uint64_t *word = map(VA, level, pte);

            works(VA, MMU_LOAD);
            assert_int_equal(leaf.gpa, target | (VA & offset));
            assert_int_equal(leaf.page_bits, 12 + 9 * level);
            assert_int_equal(leaf.pte, pte);
            assert_ptr_equal(tables_word(&t, leaf.pte_gpa), word);
        }
    }
}

static void misaligned_superpage_is_a_page_fault(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        for (unsigned bit = 0; bit < 9 * level; bit++) {
            use_mode(10);
            map(VA, level, ppn(UINT64_C(1) << bit) | RWX);
            page_faults(VA);
        }
    }
}

static void pte_without_V_is_a_page_fault(void **state)
{
    uint64_t *pte = map(VA, 0, ppn(PAGE) | (RWX & ~PTE_V));

    (void)state;
    page_faults(VA);
    *pte |= PTE_V;
    t.trail[0][0] &= ~PTE_V;
    page_faults(VA);
}

static void pte_with_W_but_not_R_is_reserved(void **state)
{
    uint64_t *pte = map(VA, 0, ppn(PAGE) | (RWX & ~PTE_R));

    (void)state;
    page_faults(VA);
    *pte &= ~PTE_X;
    page_faults(VA);
}

static void each_of_bits_60_to_54_is_reserved_in_leaves_and_pointers(void **state)
{
    uint64_t *pte = map(VA, 0, ppn(PAGE) | RWX);

    (void)state;
    isa.ext = ~UINT64_C(0);
    for (unsigned bit = 54; bit <= 60; bit++) {
        *pte ^= UINT64_C(1) << bit;
        page_faults(VA);
        *pte ^= UINT64_C(1) << bit;
        *t.trail[0] ^= UINT64_C(1) << bit;
        page_faults(VA);
        *t.trail[0] ^= UINT64_C(1) << bit;
    }
    works(VA, MMU_LOAD);
}

static void bits_for_software_do_not_matter(void **state)
{
    map(VA, 0, ppn(PAGE) | RWX | PTE_RSW);
    *t.trail[0] |= PTE_RSW;
    (void)state;
    works(VA, MMU_STORE);
}

static void pointer_with_A_D_U_N_or_PBMT_is_reserved(void **state)
{
    static const uint64_t reserved[] = {
        PTE_A, PTE_D, PTE_U, PTE_N, UINT64_C(1) << 61, UINT64_C(2) << 61};

    (void)state;
    isa.ext = ~UINT64_C(0);
    walk.hw_ad = true;
    walk.sum = true;
    map(VA, 0, ppn(PAGE) | RWX);
    for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
        *t.trail[0] ^= reserved[i];
        faults(VA, MMU_LOAD, CAUSE_LOAD_PAGE);
        *t.trail[0] ^= reserved[i];
    }
    works(VA, MMU_LOAD);
}

static void pointer_at_the_last_level_is_a_page_fault(void **state)
{
    (void)state;
    for (unsigned mode = 8; mode <= 10; mode++) {
        use_mode(mode);
        map(VA, 0, ppn(root.pa >> PAGE_SHIFT) | PTE_V);
        page_faults(VA);
    }
}

static void N_is_reserved_without_Svnapot(void **state)
{
    (void)state;
    map(VA, 0, ppn(0x80008) | RWX | PTE_N);
    page_faults(VA);
    isa.ext = UINT64_C(1) << ISA_SVNAPOT;
    works(VA, MMU_LOAD);
}

static void napot_leaf_covers_64_KiB(void **state)
{
    (void)state;
    isa.ext = UINT64_C(1) << ISA_SVNAPOT;
    map(VA, 0, ppn(0x80008) | RWX | PTE_N);
    works(VA, MMU_LOAD);
    assert_int_equal(leaf.gpa, UINT64_C(0x80000000) | (VA & 0xffff));
    assert_int_equal(leaf.page_bits, 16);
}

static void napot_sizes_other_than_64_KiB_are_reserved(void **state)
{
    uint64_t *pte = map(VA, 0, 0);

    (void)state;
    isa.ext = UINT64_C(1) << ISA_SVNAPOT;
    for (uint64_t low = 0; low < 16; low++) {
        *pte = ppn(0x80000 | low) | RWX | PTE_N;
        if (low == 8)
            works(VA, MMU_LOAD);
        else
            page_faults(VA);
    }
}

static void napot_above_level_0_is_reserved(void **state)
{
    uint64_t *pte = map(VA, 1, ppn(0x80008) | RWX | PTE_N);

    (void)state;
    isa.ext = UINT64_C(1) << ISA_SVNAPOT;
    page_faults(VA);
    *pte = ppn(0x80000) | RWX | PTE_N;
    page_faults(VA);
}

static void PBMT_is_reserved_without_Svpbmt_and_3_always(void **state)
{
    uint64_t *pte = map(VA, 0, 0);

    (void)state;
    for (uint64_t pbmt = 1; pbmt <= 3; pbmt++) {
        *pte = ppn(PAGE) | RWX | pbmt << 61;
        isa.ext = 0;
        page_faults(VA);
        isa.ext = UINT64_C(1) << ISA_SVPBMT;
        if (pbmt == 3)
            page_faults(VA);
        else
            works(VA, MMU_LOAD);
    }
}

static void user_mode_reaches_only_U_pages(void **state)
{
    uint64_t *pte = map(VA, 0, ppn(PAGE) | RWX);

    (void)state;
    walk.user = true;
    walk.sum = true;
    page_faults(VA);
    *pte |= PTE_U;
    walk.sum = false;
    works(VA, MMU_LOAD);
    works(VA, MMU_STORE);
    works(VA, MMU_FETCH);
}

static void supervisor_reaches_U_pages_with_SUM_but_never_executes_them(void **state)
{
    (void)state;
    map(VA, 0, ppn(PAGE) | RWX | PTE_U);
    page_faults(VA);
    walk.sum = true;
    works(VA, MMU_LOAD);
    assert_false(leaf.executable);
    works(VA, MMU_STORE);
    faults(VA, MMU_FETCH, CAUSE_INSN_PAGE);
}

static void each_access_needs_its_own_permission(void **state)
{
    uint64_t *pte = map(VA, 0, 0);

    (void)state;
    *pte = ppn(PAGE) | (RWX & ~(PTE_W | PTE_X));
    works(VA, MMU_LOAD);
    faults(VA, MMU_STORE, CAUSE_STORE_PAGE);
    faults(VA, MMU_FETCH, CAUSE_INSN_PAGE);
    *pte = ppn(PAGE) | (RWX & ~(PTE_R | PTE_W));
    faults(VA, MMU_LOAD, CAUSE_LOAD_PAGE);
    faults(VA, MMU_STORE, CAUSE_STORE_PAGE);
    works(VA, MMU_FETCH);
}

static void MXR_makes_executable_pages_readable_and_nothing_else(void **state)
{
    (void)state;
    map(VA, 0, ppn(PAGE) | (RWX & ~(PTE_R | PTE_W)));
    walk.mxr = true;
    works(VA, MMU_LOAD);
    assert_true(leaf.readable && leaf.executable);
    assert_false(leaf.writable);
    faults(VA, MMU_STORE, CAUSE_STORE_PAGE);
}

static void svade_faults_when_A_is_clear_or_D_is_clear_on_a_store(void **state)
{
    uint64_t *pte = map(VA, 0, ppn(PAGE) | (RWX & ~PTE_A));

    (void)state;
    page_faults(VA);
    *pte = ppn(PAGE) | (RWX & ~PTE_D);
    faults(VA, MMU_STORE, CAUSE_STORE_PAGE);
    works(VA, MMU_LOAD);
    assert_false(leaf.writable);
    works(VA, MMU_FETCH);
}

static void svadu_sets_A_and_for_a_store_D(void **state)
{
    uint64_t clear = ppn(PAGE) | (RWX & ~(PTE_A | PTE_D));
    uint64_t *pte = map(VA, 0, clear);

    (void)state;
    walk.hw_ad = true;
    works(VA, MMU_LOAD);
    assert_int_equal(*pte, clear | PTE_A);
    assert_int_equal(leaf.pte, *pte);
    assert_false(leaf.writable);
    works(VA, MMU_STORE);
    assert_int_equal(*pte, clear | PTE_A | PTE_D);
    assert_true(leaf.writable);
    *pte = clear;
    works(VA, MMU_FETCH);
    assert_int_equal(*pte, clear | PTE_A);
}

static void svadu_leaves_the_pte_alone_when_the_access_is_not_allowed(void **state)
{
    uint64_t pte = ppn(PAGE) | PTE_V | PTE_R;
    const uint64_t *word = map(VA, 0, pte);

    (void)state;
    walk.hw_ad = true;
    faults(VA, MMU_STORE, CAUSE_STORE_PAGE);
    assert_int_equal(*word, pte);
}

static void pte_changed_under_an_update_is_read_again(void **state)
{
    (void)state;
    map(VA, 0, ppn(PAGE) | (RWX & ~PTE_D));
    walk.hw_ad = true;
    t.busy = 3;
    works(VA, MMU_STORE);
    assert_int_equal(t.cas_calls, 4);
}

static void pte_that_keeps_changing_ends_in_a_page_fault(void **state)
{
    (void)state;
    map(VA, 0, ppn(PAGE) | (RWX & ~PTE_D));
    walk.hw_ad = true;
    t.busy = UINT32_MAX;
    faults(VA, MMU_STORE, CAUSE_STORE_PAGE);
}

static void update_of_a_pte_in_read_only_memory_is_an_access_fault(void **state)
{
    (void)state;
    t.read_only = true;
    walk.hw_ad = true;
    map(VA, 0, ppn(PAGE) | (RWX & ~(PTE_A | PTE_D)));
    faults(VA, MMU_LOAD, CAUSE_LOAD_ACCESS);
    faults(VA, MMU_STORE, CAUSE_STORE_ACCESS);
    faults(VA, MMU_FETCH, CAUSE_INSN_ACCESS);
}

static void pte_outside_memory_is_an_access_fault_of_the_original_access(void **state)
{
    (void)state;
    map(VA, 1, ppn(UINT64_C(0xfffffffffff)) | PTE_V);
    faults(VA, MMU_LOAD, CAUSE_LOAD_ACCESS);
    faults(VA, MMU_STORE, CAUSE_STORE_ACCESS);
    faults(VA, MMU_FETCH, CAUSE_INSN_ACCESS);
}

static void root_beyond_44_bits_of_page_number_is_an_access_fault(void **state)
{
    (void)state;
    map(VA, 0, ppn(PAGE) | RWX);
    walk.root.ppn |= UINT64_C(1) << 52; /* would be shifted out */
    faults(VA, MMU_LOAD, CAUSE_LOAD_ACCESS);
}

static void G_in_a_leaf_or_on_the_way_to_it_makes_it_global(void **state)
{
    uint64_t *pte = map(VA, 0, ppn(PAGE) | RWX);

    (void)state;
    works(VA, MMU_LOAD);
    assert_false(leaf.global);
    *pte |= PTE_G;
    works(VA, MMU_LOAD);
    assert_true(leaf.global);
    *pte &= ~PTE_G;
    *t.trail[0] |= PTE_G;
    works(VA, MMU_LOAD);
    assert_true(leaf.global);
}

static void probe_takes_A_and_D_for_set_and_writes_nothing(void **state)
{
    uint64_t clear = ppn(PAGE) | (RWX & ~(PTE_A | PTE_D));
    const uint64_t *pte = map(VA, 0, clear);

    (void)state;
    walk.probe = true;
    for (int hw_ad = 0; hw_ad < 2; hw_ad++) {
        walk.hw_ad = hw_ad != 0;
        works(VA, MMU_STORE);
        assert_true(leaf.writable);
        assert_int_equal(leaf.gpa, PAGE << PAGE_SHIFT | (VA & ~PAGE_MASK));
        assert_int_equal(*pte, clear);
    }
}

#define RULE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(bare_mode_passes_every_address_unchanged),
        RULE(reserved_modes_have_no_geometry),
        RULE(address_bits_above_the_page_number_must_repeat_its_top_bit),
        RULE(leaf_at_each_level_takes_the_rest_of_the_address_from_va),
        RULE(misaligned_superpage_is_a_page_fault),
        RULE(pte_without_V_is_a_page_fault),
        RULE(pte_with_W_but_not_R_is_reserved),
        RULE(each_of_bits_60_to_54_is_reserved_in_leaves_and_pointers),
        RULE(bits_for_software_do_not_matter),
        RULE(pointer_with_A_D_U_N_or_PBMT_is_reserved),
        RULE(pointer_at_the_last_level_is_a_page_fault),
        RULE(N_is_reserved_without_Svnapot),
        RULE(napot_leaf_covers_64_KiB),
        RULE(napot_sizes_other_than_64_KiB_are_reserved),
        RULE(napot_above_level_0_is_reserved),
        RULE(PBMT_is_reserved_without_Svpbmt_and_3_always),
        RULE(user_mode_reaches_only_U_pages),
        RULE(supervisor_reaches_U_pages_with_SUM_but_never_executes_them),
        RULE(each_access_needs_its_own_permission),
        RULE(MXR_makes_executable_pages_readable_and_nothing_else),
        RULE(svade_faults_when_A_is_clear_or_D_is_clear_on_a_store),
        RULE(svadu_sets_A_and_for_a_store_D),
        RULE(svadu_leaves_the_pte_alone_when_the_access_is_not_allowed),
        RULE(pte_changed_under_an_update_is_read_again),
        RULE(pte_that_keeps_changing_ends_in_a_page_fault),
        RULE(update_of_a_pte_in_read_only_memory_is_an_access_fault),
        RULE(pte_outside_memory_is_an_access_fault_of_the_original_access),
        RULE(root_beyond_44_bits_of_page_number_is_an_access_fault),
        RULE(G_in_a_leaf_or_on_the_way_to_it_makes_it_global),
        RULE(probe_takes_A_and_D_for_set_and_writes_nothing),
    };

    return cmocka_run_group_tests_name("mmu", tests, NULL, NULL);
}
