/* SPDX-License-Identifier: MIT */
/* ELF kernels, good and hostile. System V ABI, ch. 4 and 5. */
#include "tests/unit/image_file.h"

#define PH(n)   (64 + 56 * (size_t)(n))
#define CODE    0x1000 /* file offset of the first segment's bytes */
#define VIRTUAL UINT64_C(0xffffffff80000000)

static void make_segment(unsigned n, uint64_t offset, uint64_t vaddr, uint64_t paddr,
                         uint64_t filesz, uint64_t memsz)
{
    file_put(PH(n), 1, 4);
    file_put(PH(n) + 8, offset, 8);
    file_put(PH(n) + 16, vaddr, 8);
    file_put(PH(n) + 24, paddr, 8);
    file_put(PH(n) + 32, filesz, 8);
    file_put(PH(n) + 40, memsz, 8);
}

/* Two segments: code at RAM, data with bss at RAM + 64 KiB, linked high. */
static void make_elf(void)
{
    memset(&file, 0, sizeof(file));
    memset(file.data + CODE, 0x5a, 0x3000);
    memcpy(file.data, "\177ELF\2\1\1", 7);
    file_put(16, 2, 2);
    file_put(18, 243, 2);
    file_put(20, 1, 4);
    file_put(24, VIRTUAL + 0x100, 8);
    file_put(32, 64, 8);
    file_put(52, 64, 2);
    file_put(54, 56, 2);
    file_put(56, 2, 2);
    make_segment(0, CODE, VIRTUAL, RAM, 0x2000, 0x2000);
    make_segment(1, CODE + 0x2000, VIRTUAL + KIB(64), RAM + KIB(64), 0x1000, 0x3000);
    file.size = CODE + 0x3000;
}

static void elf_segments_go_to_their_physical_addresses(void **state)
{
    struct fixture *f = *state;

    make_elf();
    memset(file.data + CODE + 0x2000, 0x77, 0x1000);
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.kind, IMAGE_ELF);
    assert_int_equal(file.image.start, RAM);
    assert_int_equal(file.image.end, RAM + KIB(64) + 0x3000);
    assert_int_equal(f->ram[0], 0x5a);
    assert_int_equal(f->ram[0x1fff], 0x5a);
    assert_int_equal(f->ram[0x2000], 0);
    assert_int_equal(f->ram[KIB(64)], 0x77);
    assert_int_equal(f->ram[KIB(64) + 0xfff], 0x77);
}

static void elf_bss_is_zeroed_and_nothing_behind_it(void **state)
{
    struct fixture *f = *state;

    make_elf();
    memset(f->ram, 0xff, MIB(1));
    assert_int_equal(file_load(state), 0);
    for (size_t i = 0x1000; i < 0x3000; i++)
        assert_int_equal(f->ram[KIB(64) + i], 0);
    assert_int_equal(f->ram[KIB(64) + 0x3000], 0xff);
}

static void elf_entry_is_translated_by_the_segment_that_contains_it(void **state)
{
    make_elf();
    file_put(24, VIRTUAL + KIB(64) + 0x2ffe, 8);
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.entry, RAM + KIB(64) + 0x2ffe);
}

static void elf_entry_that_is_physical_already_is_taken_as_it_is(void **state)
{
    make_elf();
    file_put(24, RAM + 0x40, 8);
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.entry, RAM + 0x40);
}

/* "If the file has no associated entry point, this member holds zero." */
static void elf_without_an_entry_is_entered_at_its_lowest_address(void **state)
{
    make_elf();
    file_put(24, 0, 8);
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.entry, file.image.start);
}

static void elf_et_dyn_is_loaded(void **state)
{
    make_elf();
    file_put(16, 3, 2);
    assert_int_equal(file_load(state), 0);
}

static void elf_p_flags_do_not_matter(void **state)
{
    make_elf();
    file_put(PH(0) + 4, 0, 4); /* neither readable, writable nor executable */
    assert_int_equal(file_load(state), 0);
    assert_int_equal(((struct fixture *)*state)->ram[0], 0x5a);
}

static void elf_headers_that_are_not_pt_load_are_passed_over(void **state)
{
    make_elf();
    file_put(56, 3, 2);
    make_segment(2, UINT64_MAX, 0, 0, UINT64_MAX, 0);
    file_put(PH(2), 4, 4); /* PT_NOTE */
    assert_int_equal(file_load(state), 0);
}

static void elf_empty_pt_load_is_passed_over(void **state)
{
    make_elf();
    file_put(56, 3, 2);
    make_segment(2, 0, 0, 0, 0, 0);
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.start, RAM);
}

static void elf_segments_that_touch_do_not_overlap(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + 0x2000, RAM + 0x2000, 0x1000, 0x1000);
    assert_int_equal(file_load(state), 0);
}

static void elf_segment_may_end_with_ram(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + MIB(8), RAM + FIXTURE_RAM_SIZE - 0x1000, 0x1000, 0x1000);
    assert_int_equal(file_load(state), 0);
    assert_int_equal(file.image.end, RAM + FIXTURE_RAM_SIZE);
}

static void elf_in_ram_that_no_slot_backs_is_refused(void **state)
{
    struct fixture *f = *state;

    make_elf();
    file_put(56, 1, 2);
    make_segment(0, CODE, VIRTUAL, RAM + FIXTURE_RAM_SIZE, 0x2000, 0x2000);
    assert_int_equal(image_load(&f->vm.mem, RAM + FIXTURE_RAM_SIZE, FIXTURE_RAM_SIZE, file.data,
                                file.size, &file.image),
                     ERR_RANGE);
    assert_non_null(file.image.why);
}

static void elf32_is_refused(void **state)
{
    make_elf();
    file_put(4, 1, 1);
    file_assert_refused(state, ERR_UNSUPPORTED, "32-bit");
}

static void big_endian_elf_is_refused(void **state)
{
    make_elf();
    file_put(5, 2, 1);
    file_assert_refused(state, ERR_UNSUPPORTED, "big-endian");
}

static void elf_for_another_machine_is_refused(void **state)
{
    make_elf();
    file_put(18, 62, 2);
    file_assert_refused(state, ERR_UNSUPPORTED, "another machine");
}

static void relocatable_elf_is_refused(void **state)
{
    make_elf();
    file_put(16, 1, 2);
    file_assert_refused(state, ERR_UNSUPPORTED, "object file");
}

static void elf_that_ends_in_its_header_is_refused(void **state)
{
    make_elf();
    for (file.size = 4; file.size < 64; file.size++)
        file_assert_refused(state, ERR_TRUNCATED, "ELF header");
}

static void elf_cut_anywhere_in_its_contents_is_refused(void **state)
{
    make_elf();
    for (size_t size = 64; size < CODE + 0x3000; size += 61) {
        file.size = size;
        assert_int_equal(file_load(state), ERR_TRUNCATED);
    }
}

static void elf_wrong_program_header_size_is_refused(void **state)
{
    make_elf();
    file_put(54, 55, 2);
    file_assert_refused(state, ERR_FORMAT, "wrong size");
}

static void elf_too_many_program_headers_are_refused(void **state)
{
    make_elf();
    file.size = FILE_MAX;
    file_put(56, 128, 2);
    assert_int_equal(file_load(state), 0);
    memset(((struct fixture *)*state)->ram, 0, MIB(1));
    file_put(56, 129, 2);
    file_assert_refused(state, ERR_UNSUPPORTED, "128");
}

static void elf_program_headers_outside_the_file_are_refused(void **state)
{
    make_elf();
    file_put(32, file.size - 56, 8);
    file_assert_refused(state, ERR_TRUNCATED, "program headers");
    file_put(32, UINT64_MAX - 55, 8);
    file_assert_refused(state, ERR_TRUNCATED, "program headers");
}

static void elf_without_program_headers_is_refused(void **state)
{
    make_elf();
    file_put(56, 0, 2);
    file_put(54, 0, 2);
    file_assert_refused(state, ERR_FORMAT, "nothing to load");
}

static void elf_segment_outside_the_file_is_refused(void **state)
{
    make_elf();
    make_segment(1, file.size - 0xfff, VIRTUAL, RAM + KIB(64), 0x1000, 0x1000);
    file_assert_refused(state, ERR_TRUNCATED, "outside the file");
    make_segment(1, UINT64_MAX - 0xfff, VIRTUAL, RAM + KIB(64), 0x1000, 0x1000);
    file_assert_refused(state, ERR_TRUNCATED, "outside the file");
}

static void elf_segment_larger_in_the_file_than_in_memory_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM + KIB(64), 0x1000, 0xfff);
    file_assert_refused(state, ERR_FORMAT, "larger in the file");
}

static void elf_segment_below_ram_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM - 1, 0x1000, 0x1000);
    file_assert_refused(state, ERR_RANGE, "outside the guest's memory");
}

static void elf_segment_beyond_ram_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM + FIXTURE_RAM_SIZE - 0xfff, 0x1000, 0x1000);
    file_assert_refused(state, ERR_RANGE, "outside the guest's memory");
}

static void elf_segment_that_wraps_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM + KIB(64), 0x1000, UINT64_MAX - RAM);
    file_assert_refused(state, ERR_RANGE, "outside the guest's memory");
    make_segment(1, CODE, VIRTUAL, UINT64_MAX - 0x7ff, 0x1000, 0x1000);
    file_assert_refused(state, ERR_RANGE, "outside the guest's memory");
}

static void elf_segments_that_overlap_are_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + KIB(64), RAM + 0x1fff, 0x1000, 0x1000);
    file_assert_refused(state, ERR_OVERLAP, "overlap");
}

static void elf_segment_inside_another_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + KIB(64), RAM + 0x800, 0x10, 0x10);
    file_assert_refused(state, ERR_OVERLAP, "overlap");
}

static void elf_entry_outside_every_segment_is_refused(void **state)
{
    make_elf();
    file_put(24, VIRTUAL + 0x2000, 8);
    file_assert_refused(state, ERR_RANGE, "entry");
}

static void elf_entry_that_is_odd_is_refused(void **state)
{
    make_elf();
    file_put(24, VIRTUAL + 0x101, 8);
    file_assert_refused(state, ERR_FORMAT, "odd");
    make_elf();
    file_put(PH(0) + 24, RAM + 1, 8); /* even when virtual, odd when physical */
    file_assert_refused(state, ERR_FORMAT, "odd");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(elf_segments_go_to_their_physical_addresses),
        TEST(elf_bss_is_zeroed_and_nothing_behind_it),
        TEST(elf_entry_is_translated_by_the_segment_that_contains_it),
        TEST(elf_entry_that_is_physical_already_is_taken_as_it_is),
        TEST(elf_without_an_entry_is_entered_at_its_lowest_address),
        TEST(elf_et_dyn_is_loaded),
        TEST(elf_p_flags_do_not_matter),
        TEST(elf_headers_that_are_not_pt_load_are_passed_over),
        TEST(elf_empty_pt_load_is_passed_over),
        TEST(elf_segments_that_touch_do_not_overlap),
        TEST(elf_segment_may_end_with_ram),
        TEST(elf_in_ram_that_no_slot_backs_is_refused),
        TEST(elf32_is_refused),
        TEST(big_endian_elf_is_refused),
        TEST(elf_for_another_machine_is_refused),
        TEST(relocatable_elf_is_refused),
        TEST(elf_that_ends_in_its_header_is_refused),
        TEST(elf_cut_anywhere_in_its_contents_is_refused),
        TEST(elf_wrong_program_header_size_is_refused),
        TEST(elf_too_many_program_headers_are_refused),
        TEST(elf_program_headers_outside_the_file_are_refused),
        TEST(elf_without_program_headers_is_refused),
        TEST(elf_segment_outside_the_file_is_refused),
        TEST(elf_segment_larger_in_the_file_than_in_memory_is_refused),
        TEST(elf_segment_below_ram_is_refused),
        TEST(elf_segment_beyond_ram_is_refused),
        TEST(elf_segment_that_wraps_is_refused),
        TEST(elf_segments_that_overlap_are_refused),
        TEST(elf_segment_inside_another_is_refused),
        TEST(elf_entry_outside_every_segment_is_refused),
        TEST(elf_entry_that_is_odd_is_refused),
    };

    return cmocka_run_group_tests_name("image_elf", tests, NULL, NULL);
}
