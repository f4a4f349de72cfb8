/* SPDX-License-Identifier: MIT */
/* What the monitor of the engine trap takes from its spaces, and what it refuses. */
#include <sys/mman.h>

#include "core/csr.h"
#include "core/mmu.h"
#include "engine/trap/check.h"
#include "tests/unit/fixture.h"

#define ROOT   0x1000 /* offsets in RAM of a table of each level */
#define MIDDLE 0x2000
#define LAST   0x3000
#define CODE   0x8000 /* and of pages */
#define VA     UINT64_C(0x40000000)
#define RWAD   (PTE_R | PTE_W | PTE_A | PTE_D)

static const struct trap_place place = {UINT64_C(0x2000000000), UINT64_C(0x2010000000),
                                        UINT64_C(0x4000000000)};
static const uint64_t satp = SATP_MODE_SV39 << SATP_MODE_SHIFT | (FIXTURE_RAM + ROOT) >> PAGE_SHIFT;

static void set_word(struct fixture *f, uint64_t at, unsigned index, uint64_t target,
                     uint64_t flags)
{
    uint64_t pte = (FIXTURE_RAM + target) >> PAGE_SHIFT << PTE_PPN_SHIFT | flags | PTE_V;

    memcpy(f->ram + at + 8 * index, &pte, 8);
}

/* The page at VA + 4096 n is the one at CODE + 4096 n. */
static void set_leaf(struct fixture *f, unsigned n, uint64_t flags)
{
    set_word(f, ROOT, 1, MIDDLE, 0);
    set_word(f, MIDDLE, 0, LAST, 0);
    set_word(f, LAST, n, CODE + n * PAGE_SIZE, flags);
}

static bool allowed(struct fixture *f, uint64_t va, uint64_t length, uint64_t prot, uint64_t offset)
{
    const uint64_t args[6] = {va, length, prot, 0, 0, offset};

    return check_mapping(&f->vm, &place, satp, args);
}

static bool page_allowed(struct fixture *f, uint64_t flags, uint64_t prot)
{
    set_leaf(f, 0, flags);
    return allowed(f, VA, PAGE_SIZE, prot, CODE);
}

static void a_space_maps_a_page_with_the_rights_that_u_mode_has(void **state)
{
    assert_true(page_allowed(*state, PTE_U | RWAD, PROT_READ | PROT_WRITE));
    assert_true(page_allowed(*state, PTE_U | PTE_A | PTE_R, PROT_READ));
    assert_true(page_allowed(*state, PTE_U | PTE_A | PTE_X, PROT_EXEC));
    assert_false(page_allowed(*state, PTE_U | PTE_A | PTE_X, PROT_READ));
    assert_false(page_allowed(*state, PTE_U | PTE_A | PTE_D | PTE_R, PROT_READ | PROT_WRITE));
    assert_false(page_allowed(*state, PTE_U | RWAD, PROT_READ | PROT_EXEC));
    assert_false(page_allowed(*state, PTE_U | RWAD | PTE_X, PROT_READ | 8));
}

static void a_page_of_the_kernel_is_refused(void **state)
{
    assert_false(page_allowed(*state, RWAD, PROT_READ));
}

static void a_page_is_writable_only_when_it_is_dirty(void **state)
{
    assert_false(page_allowed(*state, PTE_U | PTE_A | PTE_R | PTE_W, PROT_READ | PROT_WRITE));
    assert_true(page_allowed(*state, PTE_U | PTE_A | PTE_R | PTE_W, PROT_READ));
}

static void a_page_that_was_not_accessed_is_refused(void **state)
{
    assert_false(page_allowed(*state, PTE_U | PTE_R, PROT_READ));
}

static void another_page_than_the_tables_say_is_refused(void **state)
{
    struct fixture *f = *state;

    set_leaf(f, 0, PTE_U | RWAD);
    assert_false(allowed(f, VA, PAGE_SIZE, PROT_READ, CODE + PAGE_SIZE));
    assert_false(allowed(f, VA + PAGE_SIZE, PAGE_SIZE, PROT_READ, CODE + PAGE_SIZE));
}

static void neighbours_come_along_only_with_the_same_rights_and_in_order(void **state)
{
    struct fixture *f = *state;

    set_leaf(f, 0, PTE_U | RWAD);
    set_leaf(f, 1, PTE_U | RWAD);
    assert_true(allowed(f, VA, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, CODE));
    assert_false(allowed(f, VA, 3 * PAGE_SIZE, PROT_READ, CODE));
    set_leaf(f, 1, RWAD);
    assert_false(allowed(f, VA, 2 * PAGE_SIZE, PROT_READ, CODE));
    set_word(f, LAST, 1, CODE + 2 * PAGE_SIZE, PTE_U | RWAD);
    assert_false(allowed(f, VA, 2 * PAGE_SIZE, PROT_READ, CODE));
}

static void neighbours_end_with_their_table(void **state)
{
    struct fixture *f = *state;

    set_leaf(f, 511, PTE_U | RWAD);
    set_word(f, LAST + PAGE_SIZE, 0, CODE + 512 * PAGE_SIZE,
             PTE_U | RWAD); /* of no table of ours */
    assert_true(allowed(f, VA + 511 * PAGE_SIZE, PAGE_SIZE, PROT_READ, CODE + 511 * PAGE_SIZE));
    assert_false(
        allowed(f, VA + 511 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ, CODE + 511 * PAGE_SIZE));
}

static void a_superpage_is_mapped_no_farther_than_it_reaches(void **state)
{
    struct fixture *f = *state;

    set_word(f, ROOT, 1, MIDDLE, 0);
    set_word(f, MIDDLE, 0, MIB(2), PTE_U | RWAD);
    assert_true(allowed(f, VA, MIB(2), PROT_READ, MIB(2)));
    assert_true(allowed(f, VA + MIB(1), MIB(1), PROT_READ, MIB(3)));
    assert_false(allowed(f, VA + MIB(1), MIB(2), PROT_READ, MIB(3)));
}

/* 64 KiB by Svnapot; the entries behind the first are none, though they count on. */
static void a_napot_page_is_mapped_no_farther_than_it_reaches(void **state)
{
    struct fixture *f = *state;

    for (unsigned n = 0; n < 17; n++)
        set_leaf(f, n, PTE_U | RWAD | PTE_N);
    assert_true(allowed(f, VA, KIB(64), PROT_READ, 0));
    assert_false(allowed(f, VA, KIB(68), PROT_READ, 0));
}

static void nothing_but_whole_pages_of_ram_is_mapped(void **state)
{
    struct fixture *f = *state;

    set_leaf(f, 0, PTE_U | RWAD);
    assert_true(allowed(f, VA, PAGE_SIZE, PROT_READ, CODE));
    assert_false(allowed(f, VA, 0, PROT_READ, CODE));
    assert_false(allowed(f, VA, PAGE_SIZE + 8, PROT_READ, CODE));
    assert_false(allowed(f, VA + 8, PAGE_SIZE, PROT_READ, CODE));
    assert_false(allowed(f, VA, PAGE_SIZE, PROT_READ, CODE + 8));
    assert_false(allowed(f, VA, UINT64_MAX & PAGE_MASK, PROT_READ, CODE));
    assert_false(allowed(f, VA, PAGE_SIZE, PROT_READ, UINT64_MAX & PAGE_MASK));
    set_word(f, LAST, 0, FIXTURE_RAM_SIZE, PTE_U | RWAD);
    assert_false(allowed(f, VA, PAGE_SIZE, PROT_READ, FIXTURE_RAM_SIZE));
}

static void the_place_of_the_stub_is_refused(void **state)
{
    struct fixture *f = *state;

    set_word(f, ROOT, (unsigned)(place.base >> 30), 0, PTE_U | RWAD); /* 1 GiB of RAM, and more */
    assert_false(allowed(f, place.base, PAGE_SIZE, PROT_READ, 0));
    assert_false(allowed(f, place.end - PAGE_SIZE, PAGE_SIZE, PROT_READ,
                         place.end - PAGE_SIZE - place.base));
    set_word(f, ROOT, (unsigned)(place.base >> 30) - 1, 0, PTE_U | RWAD);
    assert_true(allowed(f, place.base - GIB(1), PAGE_SIZE, PROT_READ, 0));
}

static void with_paging_off_ram_is_where_it_is(void **state)
{
    struct fixture *f = *state;
    const uint64_t there[6] = {FIXTURE_RAM + CODE, PAGE_SIZE, PROT_READ, 0, 0, CODE};
    const uint64_t elsewhere[6] = {FIXTURE_RAM, PAGE_SIZE, PROT_READ, 0, 0, CODE};

    assert_true(check_mapping(&f->vm, &place, 0, there));
    assert_false(check_mapping(&f->vm, &place, 0, elsewhere));
    /* An unknown mode is not Bare. */
    assert_false(check_mapping(&f->vm, &place, UINT64_C(5) << SATP_MODE_SHIFT, there));
}

static void a_space_maps_only_what_it_was_told_to(void **state)
{
    const struct trap_map grant = {
        .va = VA, .length = PAGE_SIZE, .offset = CODE, .prot = PROT_READ};
    const uint64_t args[6] = {VA, PAGE_SIZE, PROT_READ, 0, 0, CODE};

    (void)state;
    assert_true(check_granted(&grant, args));
    for (unsigned i = 0; i < 6; i++) {
        uint64_t other[6];
        memcpy(other, args, sizeof(other));
        other[i]++;
        assert_int_equal(check_granted(&grant, other), i == 3 || i == 4);
    }
}

static void only_ranges_that_have_to_go_count_as_gone(void **state)
{
    struct trap_revoke revoke = {.count = 2, .range = {{VA, 1}, {VA + 5, 2}, {VA + 9, 3}}};

    (void)state;
    assert_int_equal(check_revoked(&revoke, (uint64_t[]){VA, 1}), 1);
    assert_int_equal(check_revoked(&revoke, (uint64_t[]){VA + 5, 2}), 2);
    assert_int_equal(check_revoked(&revoke, (uint64_t[]){VA + 5, 1}), 0);
    assert_int_equal(check_revoked(&revoke, (uint64_t[]){VA + 9, 3}), 0);
    revoke.count = UINT32_MAX;
    assert_int_equal(check_revoked(&revoke, (uint64_t[]){VA + 9, 3}), 4);
}

static void slots_that_no_space_has_are_none(void **state)
{
    static struct trap_area area;
    struct trap_handover to;

    (void)state;
    area.kernel = TRAP_SPACES;
    area.want_slot = UINT32_MAX - 1;
    area.reason = 77;
    area.want_mode = 77;
    area.want_site = 77;
    check_handover(&area, &to);
    assert_int_equal(to.kernel, TRAP_NONE);
    assert_int_equal(to.slot, TRAP_NONE);
    assert_int_equal(to.reason, REASON_EXIT);
    assert_int_equal(to.mode, PRIV_S);
    assert_in_range(to.site, 0, TRAP_SITES - 1);
    area.kernel = TRAP_SPACES - 1;
    check_handover(&area, &to);
    assert_int_equal(to.kernel, TRAP_SPACES - 1);
}

static void more_output_than_there_is_room_for_is_none(void **state)
{
    static struct trap_area area;
    uint32_t taken = UINT32_MAX - 1;
    uint8_t bytes[8];

    (void)state;
    area.printed = taken + 3;
    memcpy(&area.output[taken % TRAP_OUTPUT], "ab", 2);
    area.output[0] = 'c';
    assert_int_equal(check_output(&area, &taken, bytes, sizeof(bytes)), 3);
    assert_memory_equal(bytes, "abc", 3);
    area.printed = taken + TRAP_OUTPUT + 1;
    assert_int_equal(check_output(&area, &taken, bytes, sizeof(bytes)), 0);
    area.printed = taken + TRAP_OUTPUT;
    assert_int_equal(check_output(&area, &taken, bytes, sizeof(bytes)), sizeof(bytes));
}

static void a_record_comes_back_as_one_that_a_guest_could_have_brought_about(void **state)
{
    struct fixture *f = *state;
    static struct vcpu theirs;

    memset(&theirs, 0xff, sizeof(theirs));
    check_record(&f->vcpu[1], &theirs);
    assert_int_equal(f->vcpu[1].user.x[0], 0);
    assert_int_equal(f->vcpu[1].user.x[5], UINT64_MAX);
    assert_int_equal(f->vcpu[1].priv.hartid, 1);
    assert_int_equal(f->vcpu[1].priv.mode, PRIV_S);
    assert_int_equal(f->vcpu[1].priv.satp, 0);
    assert_int_equal(f->vcpu[1].priv.version, VCPU_RECORD_VERSION);
    assert_true(f->vcpu[1].priv.exit.kind < EXIT_COUNT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_space_maps_a_page_with_the_rights_that_u_mode_has),
        TEST(a_page_of_the_kernel_is_refused),
        TEST(a_page_is_writable_only_when_it_is_dirty),
        TEST(a_page_that_was_not_accessed_is_refused),
        TEST(another_page_than_the_tables_say_is_refused),
        TEST(neighbours_come_along_only_with_the_same_rights_and_in_order),
        TEST(neighbours_end_with_their_table),
        TEST(a_superpage_is_mapped_no_farther_than_it_reaches),
        TEST(a_napot_page_is_mapped_no_farther_than_it_reaches),
        TEST(nothing_but_whole_pages_of_ram_is_mapped),
        TEST(the_place_of_the_stub_is_refused),
        TEST(with_paging_off_ram_is_where_it_is),
        TEST(a_space_maps_only_what_it_was_told_to),
        TEST(only_ranges_that_have_to_go_count_as_gone),
        TEST(slots_that_no_space_has_are_none),
        TEST(more_output_than_there_is_room_for_is_none),
        TEST(a_record_comes_back_as_one_that_a_guest_could_have_brought_about),
    };

    return cmocka_run_group_tests_name("spaces", tests, NULL, NULL);
}
