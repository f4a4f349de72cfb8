/* SPDX-License-Identifier: MIT */
/* Device trees from outside: what is adopted, what is refused. */
#include "core/fdt.h"

#include <libfdt.h>

#include "core/error.h"
#include "tests/unit/fixture.h"

static _Alignas(8) uint8_t tree[FDT_MAX_SIZE];

static const void *prop(const char *path, const char *name)
{
    return fdt_getprop(tree, fdt_path_offset(tree, path), name, NULL);
}

static void assert_text(const char *path, const char *name, const char *text)
{
    assert_non_null(prop(path, name));
    assert_string_equal(prop(path, name), text);
}

static uint64_t u64(const char *path, const char *name)
{
    assert_non_null(prop(path, name));
    return fdt64_ld(prop(path, name));
}

static _Alignas(8) uint8_t outside[KIB(16)];

/* A small tree as dtc would make it; returns its size. */
static size_t make_outside(bool with_chosen)
{
    static _Alignas(8) uint8_t made[KIB(16)];

    assert_int_equal(fdt_create(made, sizeof(made)), 0);
    assert_int_equal(fdt_finish_reservemap(made), 0);
    assert_int_equal(fdt_begin_node(made, ""), 0);
    assert_int_equal(fdt_property_string(made, "compatible", "outside"), 0);
    if (with_chosen) {
        assert_int_equal(fdt_begin_node(made, "chosen"), 0);
        assert_int_equal(fdt_property_string(made, "bootargs", "theirs"), 0);
        assert_int_equal(fdt_property_string(made, "stdout-path", "/uart"), 0);
        assert_int_equal(fdt_end_node(made), 0);
    }
    assert_int_equal(fdt_end_node(made), 0);
    assert_int_equal(fdt_finish(made), 0);
    memcpy(outside, made, fdt_totalsize(made));
    return fdt_totalsize(made);
}

static const struct fdt_chosen ours = {
    .bootargs = "ours", .initrd = UINT64_C(0x90000000), .initrd_size = 0x1234};

static void adopted_tree_gets_bootargs_and_initrd(void **state)
{
    (void)state;
    for (unsigned with_chosen = 0; with_chosen < 2; with_chosen++) {
        size_t size = make_outside(with_chosen);
        int got = fdt_adopt(outside, size, &ours, tree, sizeof(tree));
        assert_true(got > 0);
        assert_int_equal(fdt_check_full(tree, (size_t)got), 0);
        assert_text("/", "compatible", "outside");
        assert_text("/chosen", "bootargs", "ours");
        assert_int_equal(u64("/chosen", "linux,initrd-start"), 0x90000000);
        assert_int_equal(u64("/chosen", "linux,initrd-end"), 0x90001234);
    }
    assert_text("/chosen", "stdout-path", "/uart");
}

static void adopted_tree_keeps_its_own_where_nothing_is_given(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    assert_true(fdt_adopt(outside, size, &(struct fdt_chosen){0}, tree, sizeof(tree)) > 0);
    assert_text("/chosen", "bootargs", "theirs");
    assert_null(prop("/chosen", "linux,initrd-start"));
}

static void adopted_tree_may_lie_at_any_alignment(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    for (size_t shift = 1; shift < 8; shift++) {
        memmove(outside + shift, outside + shift - 1, size);
        assert_true(fdt_adopt(outside + shift, size, &ours, tree, sizeof(tree)) > 0);
    }
}

static void adopted_tree_has_room_for_a_boot_loader_too(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    memset(tree, 0xff, sizeof(tree));
    int got = fdt_adopt(outside, size, &ours, tree, sizeof(tree));
    assert_true(got > (int)FDT_ROOM);
    for (size_t i = (size_t)got - FDT_ROOM; i < (size_t)got; i++)
        assert_int_equal(tree[i], 0); /* nothing of the host's memory */
    assert_int_equal(fdt_totalsize(tree), got);
    assert_int_equal(fdt_off_dt_strings(tree) + fdt_size_dt_strings(tree) + FDT_ROOM, got);
}

static void adopted_tree_that_does_not_fit_is_out_of_memory(void **state)
{
    (void)state;

    for (unsigned with_chosen = 0; with_chosen < 2; with_chosen++) {
        size_t size = make_outside(with_chosen);
        for (size_t room = size - 8; room <= size + 8; room++) {
            uint8_t *exact = malloc(room);
            assert_int_equal(fdt_adopt(outside, size, &ours, exact, room), ERR_NO_MEMORY);
            free(exact);
        }
    }
}

static void tree_cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut);
        memcpy(exact, outside, cut);
        assert_int_equal(fdt_adopt(exact, cut, &ours, tree, sizeof(tree)), ERR_FORMAT);
        free(exact);
    }
}

static void tree_shorter_than_it_says_is_refused_without_reading_behind_it(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut);
        memcpy(exact, outside, cut);
        assert_false(fdt_is_sound(exact, cut));
        free(exact);
    }
}

enum { NO_ENTRIES = sizeof(struct fdt_header), BLOCK = NO_ENTRIES + 16 };

/* Is a tree sound that ends with this structure block? */
static bool is_sound_with(const char *block, size_t length)
{
    uint8_t *exact = calloc(1, BLOCK + length);

    assert_non_null(exact);
    fdt_set_magic(exact, FDT_MAGIC);
    fdt_set_totalsize(exact, (uint32_t)(BLOCK + length));
    fdt_set_version(exact, 17);
    fdt_set_last_comp_version(exact, 16);
    fdt_set_off_mem_rsvmap(exact, NO_ENTRIES);
    fdt_set_off_dt_strings(exact, BLOCK);
    fdt_set_off_dt_struct(exact, BLOCK);
    fdt_set_size_dt_struct(exact, (uint32_t)length);
    memcpy(exact + BLOCK, block, length);
    bool sound = fdt_is_sound(exact, BLOCK + length);
    free(exact);
    return sound;
}

#define BEGIN    "\0\0\0\1"
#define END_NODE "\0\0\0\2"
#define PROP     "\0\0\0\3"
#define END      "\0\0\0\11"

static void structure_that_ends_inside_a_token_is_refused_without_reading_behind_it(void **state)
{
    static const char whole[] = BEGIN "\0\0\0\0" END_NODE END;
    static const char property[] = BEGIN "\0\0\0\0" PROP;
    static const char name[] = BEGIN "name";

    (void)state;
    assert_true(is_sound_with(whole, sizeof(whole) - 1));
    for (size_t cut = 0; cut < sizeof(whole) - 1; cut++)
        assert_false(is_sound_with(whole, cut));
    assert_false(is_sound_with(property, sizeof(property) - 1));
    assert_false(is_sound_with(name, sizeof(name) - 1));
}

static void tree_without_the_magic_number_is_refused(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    outside[0] ^= 1;
    assert_int_equal(fdt_adopt(outside, size, &ours, tree, sizeof(tree)), ERR_FORMAT);
}

static void tree_of_a_version_before_17_is_refused(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    fdt_set_version(outside, 4);
    fdt_set_last_comp_version(outside, 0);
    assert_int_equal(fdt_adopt(outside, size, &ours, tree, sizeof(tree)), ERR_FORMAT);
}

static void tree_whose_structure_is_broken_is_refused(void **state)
{
    (void)state;
    size_t size = make_outside(true);
    uint32_t end_node = 2;
    size_t at = fdt_off_dt_struct(outside) + fdt_size_dt_struct(outside) - 8;

    /* the root's FDT_END_NODE, behind which only FDT_END stands */
    assert_int_equal(fdt32_ld((const fdt32_t *)(outside + at)), end_node);
    fdt32_st(outside + at, 9); /* FDT_END a token early */
    assert_int_equal(fdt_adopt(outside, size, &ours, tree, sizeof(tree)), ERR_FORMAT);
}

static void no_flipped_bit_in_a_tree_does_harm(void **state)
{
    (void)state;
    size_t size = make_outside(true);

    for (size_t bit = 0; bit < 8 * size; bit++) {
        outside[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        int got = fdt_adopt(outside, size, &ours, tree, sizeof(tree));
        assert_true(got == ERR_FORMAT || got == ERR_NO_MEMORY ||
                    (got > 0 && fdt_check_full(tree, (size_t)got) == 0));
        outside[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
}

/* Lengths at which a walk that adds without care stays where it is, or goes back. */
static void a_property_longer_than_its_block_is_refused(void **state)
{
    static const uint32_t lengths[] = {0xfffffff4, 0xfffffff0, 0x7fffffff, 0x1000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        size_t size = make_outside(false);
        /* the root's FDT_BEGIN_NODE and empty name, then FDT_PROP and its length */
        fdt32_t *length = (fdt32_t *)(outside + fdt_off_dt_struct(outside) + 12);
        assert_int_equal(fdt32_to_cpu(*length), sizeof("outside"));
        *length = cpu_to_fdt32(lengths[i]);
        assert_int_equal(fdt_adopt(outside, size, &ours, tree, sizeof(tree)), ERR_FORMAT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(adopted_tree_gets_bootargs_and_initrd),
        TEST(a_property_longer_than_its_block_is_refused),
        TEST(adopted_tree_keeps_its_own_where_nothing_is_given),
        TEST(adopted_tree_may_lie_at_any_alignment),
        TEST(adopted_tree_has_room_for_a_boot_loader_too),
        TEST(adopted_tree_that_does_not_fit_is_out_of_memory),
        TEST(tree_cut_anywhere_is_refused),
        TEST(tree_shorter_than_it_says_is_refused_without_reading_behind_it),
        TEST(structure_that_ends_inside_a_token_is_refused_without_reading_behind_it),
        TEST(tree_without_the_magic_number_is_refused),
        TEST(tree_of_a_version_before_17_is_refused),
        TEST(tree_whose_structure_is_broken_is_refused),
        TEST(no_flipped_bit_in_a_tree_does_harm),
    };

    return cmocka_run_group_tests_name("fdt_adopt", tests, NULL, NULL);
}
