/* SPDX-License-Identifier: MIT */
/* Kernel images, good and hostile, and the places of initrd and device tree. */
#include "core/image.h"

#include "tests/unit/fixture.h"

#define RAM      FIXTURE_RAM
#define FILE_MAX KIB(64)

/* The file under test, filled field by field from the formats' specifications. */
struct file {
    uint8_t data[FILE_MAX];
    size_t size;
};

static struct file file;
static struct image image;

static void put(size_t offset, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        file.data[offset + i] = (uint8_t)(value >> (8 * i));
}

static int load(void **state)
{
    struct fixture *f = *state;
    /* a copy of just the right size, so that the sanitizer sees a read behind the file */
    uint8_t *exact = malloc(file.size + 1);

    assert_non_null(exact);
    memcpy(exact, file.data, file.size);
    int error = image_load(&f->vm.mem, RAM, FIXTURE_RAM_SIZE, exact, file.size, &image);
    free(exact);
    return error;
}

/* A refusal has the expected code, one line of text that names the cause, and changes no RAM. */
static void assert_refused(void **state, int error, const char *cause)
{
    struct fixture *f = *state;

    assert_int_equal(load(state), error);
    assert_non_null(image.why);
    assert_null(strchr(image.why, '\n'));
    if (strstr(image.why, cause) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", image.why, cause);
    for (size_t i = 0; i < MIB(4); i++) {
        if (f->ram[i] != 0)
            fail_msg("RAM was written at offset 0x%zx", i);
    }
}

/* ---- Linux Image ---- */

static void make_linux(uint64_t text_offset, uint64_t image_size, size_t size)
{
    memset(&file, 0, sizeof(file));
    memset(file.data, 0xa5, size);
    memset(file.data, 0, 0x40);
    put(0x00, 0x5a4d, 2); /* "MZ": the EFI stub's header stands in front */
    put(0x08, text_offset, 8);
    put(0x10, image_size, 8);
    put(0x20, 2, 4); /* version 0.2 */
    put(0x30, UINT64_C(0x5643534952), 8);
    put(0x38, 0x05435352, 4);
    file.size = size;
}

static void image_goes_to_ram_plus_text_offset_and_is_entered_at_its_start(void **state)
{
    struct fixture *f = *state;

    make_linux(MIB(2), KIB(32), KIB(8));
    assert_int_equal(load(state), 0);
    assert_int_equal(image.kind, IMAGE_LINUX);
    assert_int_equal(image.entry, RAM + MIB(2));
    assert_int_equal(image.start, RAM + MIB(2));
    assert_int_equal(image.end, RAM + MIB(2) + KIB(32));
    assert_memory_equal(f->ram + MIB(2), file.data, file.size);
    assert_null(image.why);
}

static void image_bss_is_zeroed_to_image_size(void **state)
{
    struct fixture *f = *state;

    make_linux(MIB(2), KIB(32), KIB(8));
    memset(f->ram + MIB(2), 0xff, KIB(64));
    assert_int_equal(load(state), 0);
    for (size_t i = KIB(8); i < KIB(32); i++)
        assert_int_equal(f->ram[MIB(2) + i], 0);
    assert_int_equal(f->ram[MIB(2) + KIB(32)], 0xff);
}

static void image_size_zero_means_the_file_size(void **state)
{
    make_linux(MIB(2), 0, KIB(8));
    assert_int_equal(load(state), 0);
    assert_int_equal(image.end, RAM + MIB(2) + KIB(8));
}

static void file_longer_than_image_size_is_loaded_whole(void **state)
{
    struct fixture *f = *state;

    make_linux(MIB(2), KIB(4), KIB(8));
    assert_int_equal(load(state), 0);
    assert_int_equal(image.end, RAM + MIB(2) + KIB(8));
    assert_int_equal(f->ram[MIB(2) + KIB(8) - 1], 0xa5);
}

static void image_marks_the_pages_it_writes_dirty(void **state)
{
    struct fixture *f = *state;
    uint64_t dirty[FIXTURE_RAM_SIZE / PAGE_SIZE / 64];

    make_linux(MIB(2), KIB(8), KIB(8));
    assert_int_equal(load(state), 0);
    assert_int_equal(gmem_dirty_fetch(&f->vm.mem, 0, dirty), 0);
    assert_int_equal(dirty[MIB(2) / PAGE_SIZE / 64], 3);
}

static void image_may_fill_ram_to_its_last_byte(void **state)
{
    make_linux(MIB(2), FIXTURE_RAM_SIZE - MIB(2), KIB(8));
    assert_int_equal(load(state), 0);
    assert_int_equal(image.end, RAM + FIXTURE_RAM_SIZE);
}

static void image_size_beyond_ram_is_refused(void **state)
{
    make_linux(MIB(2), FIXTURE_RAM_SIZE - MIB(2) + 1, KIB(8));
    assert_refused(state, ERR_RANGE, "does not fit");
}

static void image_size_that_wraps_is_refused(void **state)
{
    make_linux(MIB(2), UINT64_MAX - MIB(1), KIB(8));
    assert_refused(state, ERR_RANGE, "does not fit");
}

static void text_offset_beyond_ram_is_refused(void **state)
{
    make_linux(FIXTURE_RAM_SIZE + 2, KIB(8), KIB(8));
    assert_refused(state, ERR_RANGE, "does not fit");
}

static void text_offset_that_wraps_is_refused(void **state)
{
    make_linux(UINT64_MAX - KIB(4) + 1, KIB(8), KIB(8));
    assert_refused(state, ERR_RANGE, "does not fit");
}

static void odd_text_offset_is_refused(void **state)
{
    make_linux(MIB(2) + 1, KIB(8), KIB(8));
    assert_refused(state, ERR_FORMAT, "odd");
}

static void big_endian_image_is_refused(void **state)
{
    make_linux(MIB(2), KIB(8), KIB(8));
    put(0x18, 1, 8);
    assert_refused(state, ERR_UNSUPPORTED, "big-endian");
}

/* ---- flat ---- */

static void anything_else_is_flat_at_ram_plus_2_mib(void **state)
{
    struct fixture *f = *state;

    memset(&file, 0x13, sizeof(file));
    file.size = 100;
    assert_int_equal(load(state), 0);
    assert_int_equal(image.kind, IMAGE_FLAT);
    assert_int_equal(image.entry, RAM + MIB(2));
    assert_int_equal(image.end, RAM + MIB(2) + 100);
    assert_memory_equal(f->ram + MIB(2), file.data, 100);
}

static void file_too_short_for_an_image_header_is_flat(void **state)
{
    make_linux(MIB(4), 0, 0x40);
    file.size = 0x3f;
    assert_int_equal(load(state), 0);
    assert_int_equal(image.kind, IMAGE_FLAT);
}

static void every_short_file_is_flat_or_refused_without_reading_behind_it(void **state)
{
    make_linux(MIB(2), 0, KIB(1));
    for (file.size = 1; file.size < 0x40; file.size++)
        assert_int_equal(load(state), 0);
}

static void empty_file_is_refused(void **state)
{
    file.size = 0;
    assert_refused(state, ERR_FORMAT, "empty");
}

static void flat_file_larger_than_ram_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t *big = calloc(1, FIXTURE_RAM_SIZE - MIB(2) + 1);

    assert_non_null(big);
    assert_int_equal(
        image_load(&f->vm.mem, RAM, FIXTURE_RAM_SIZE, big, FIXTURE_RAM_SIZE - MIB(2) + 1, &image),
        ERR_RANGE);
    assert_non_null(image.why);
    assert_int_equal(
        image_load(&f->vm.mem, RAM, FIXTURE_RAM_SIZE, big, FIXTURE_RAM_SIZE - MIB(2), &image), 0);
    free(big);
}

static void ram_that_no_slot_backs_is_refused(void **state)
{
    struct fixture *f = *state;

    memset(&file, 0x13, 100);
    assert_int_equal(
        image_load(&f->vm.mem, RAM + FIXTURE_RAM_SIZE, FIXTURE_RAM_SIZE, file.data, 100, &image),
        ERR_RANGE);
    assert_non_null(image.why);
}

static void gzip_is_refused_and_the_message_says_so(void **state)
{
    memset(&file, 0, sizeof(file));
    put(0, 0x8b1f, 2);
    file.size = 100;
    assert_refused(state, ERR_FORMAT, "gzip");
}

/* ---- ELF ---- */

#define PH(n)   (64 + 56 * (size_t)(n))
#define CODE    0x1000 /* file offset of the first segment's bytes */
#define VIRTUAL UINT64_C(0xffffffff80000000)

static void make_segment(unsigned n, uint64_t offset, uint64_t vaddr, uint64_t paddr,
                         uint64_t filesz, uint64_t memsz)
{
    put(PH(n), 1, 4);
    put(PH(n) + 8, offset, 8);
    put(PH(n) + 16, vaddr, 8);
    put(PH(n) + 24, paddr, 8);
    put(PH(n) + 32, filesz, 8);
    put(PH(n) + 40, memsz, 8);
}

/* Two segments: code at RAM, data with bss at RAM + 64 KiB, linked high. */
static void make_elf(void)
{
    memset(&file, 0, sizeof(file));
    memset(file.data + CODE, 0x5a, 0x3000);
    memcpy(file.data, "\177ELF\2\1\1", 7);
    put(16, 2, 2);
    put(18, 243, 2);
    put(20, 1, 4);
    put(24, VIRTUAL + 0x100, 8);
    put(32, 64, 8);
    put(52, 64, 2);
    put(54, 56, 2);
    put(56, 2, 2);
    make_segment(0, CODE, VIRTUAL, RAM, 0x2000, 0x2000);
    make_segment(1, CODE + 0x2000, VIRTUAL + KIB(64), RAM + KIB(64), 0x1000, 0x3000);
    file.size = CODE + 0x3000;
}

static void elf_segments_go_to_their_physical_addresses(void **state)
{
    struct fixture *f = *state;

    make_elf();
    memset(file.data + CODE + 0x2000, 0x77, 0x1000);
    assert_int_equal(load(state), 0);
    assert_int_equal(image.kind, IMAGE_ELF);
    assert_int_equal(image.start, RAM);
    assert_int_equal(image.end, RAM + KIB(64) + 0x3000);
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
    assert_int_equal(load(state), 0);
    for (size_t i = 0x1000; i < 0x3000; i++)
        assert_int_equal(f->ram[KIB(64) + i], 0);
    assert_int_equal(f->ram[KIB(64) + 0x3000], 0xff);
}

static void elf_entry_is_translated_by_the_segment_that_contains_it(void **state)
{
    make_elf();
    put(24, VIRTUAL + KIB(64) + 0x2ffe, 8);
    assert_int_equal(load(state), 0);
    assert_int_equal(image.entry, RAM + KIB(64) + 0x2ffe);
}

static void elf_entry_that_is_physical_already_is_taken_as_it_is(void **state)
{
    make_elf();
    put(24, RAM + 0x40, 8);
    assert_int_equal(load(state), 0);
    assert_int_equal(image.entry, RAM + 0x40);
}

static void elf_et_dyn_is_loaded(void **state)
{
    make_elf();
    put(16, 3, 2);
    assert_int_equal(load(state), 0);
}

static void elf_p_flags_do_not_matter(void **state)
{
    make_elf();
    put(PH(0) + 4, 0, 4); /* neither readable, writable nor executable */
    assert_int_equal(load(state), 0);
    assert_int_equal(((struct fixture *)*state)->ram[0], 0x5a);
}

static void elf_headers_that_are_not_pt_load_are_passed_over(void **state)
{
    make_elf();
    put(56, 3, 2);
    make_segment(2, UINT64_MAX, 0, 0, UINT64_MAX, 0);
    put(PH(2), 4, 4); /* PT_NOTE */
    assert_int_equal(load(state), 0);
}

static void elf_empty_pt_load_is_passed_over(void **state)
{
    make_elf();
    put(56, 3, 2);
    make_segment(2, 0, 0, 0, 0, 0);
    assert_int_equal(load(state), 0);
    assert_int_equal(image.start, RAM);
}

static void elf_segments_that_touch_do_not_overlap(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + 0x2000, RAM + 0x2000, 0x1000, 0x1000);
    assert_int_equal(load(state), 0);
}

static void elf_segment_may_end_with_ram(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + MIB(8), RAM + FIXTURE_RAM_SIZE - 0x1000, 0x1000, 0x1000);
    assert_int_equal(load(state), 0);
    assert_int_equal(image.end, RAM + FIXTURE_RAM_SIZE);
}

static void elf_in_ram_that_no_slot_backs_is_refused(void **state)
{
    struct fixture *f = *state;

    make_elf();
    put(56, 1, 2);
    make_segment(0, CODE, VIRTUAL, RAM + FIXTURE_RAM_SIZE, 0x2000, 0x2000);
    assert_int_equal(image_load(&f->vm.mem, RAM + FIXTURE_RAM_SIZE, FIXTURE_RAM_SIZE, file.data,
                                file.size, &image),
                     ERR_RANGE);
    assert_non_null(image.why);
}

static void elf32_is_refused(void **state)
{
    make_elf();
    put(4, 1, 1);
    assert_refused(state, ERR_UNSUPPORTED, "32-bit");
}

static void big_endian_elf_is_refused(void **state)
{
    make_elf();
    put(5, 2, 1);
    assert_refused(state, ERR_UNSUPPORTED, "big-endian");
}

static void elf_for_another_machine_is_refused(void **state)
{
    make_elf();
    put(18, 62, 2);
    assert_refused(state, ERR_UNSUPPORTED, "another machine");
}

static void relocatable_elf_is_refused(void **state)
{
    make_elf();
    put(16, 1, 2);
    assert_refused(state, ERR_UNSUPPORTED, "object file");
}

static void elf_that_ends_in_its_header_is_refused(void **state)
{
    make_elf();
    for (file.size = 4; file.size < 64; file.size++)
        assert_refused(state, ERR_TRUNCATED, "ELF header");
}

static void elf_cut_anywhere_in_its_contents_is_refused(void **state)
{
    make_elf();
    for (size_t size = 64; size < CODE + 0x3000; size += 61) {
        file.size = size;
        assert_int_equal(load(state), ERR_TRUNCATED);
    }
}

static void elf_wrong_program_header_size_is_refused(void **state)
{
    make_elf();
    put(54, 55, 2);
    assert_refused(state, ERR_FORMAT, "wrong size");
}

static void elf_too_many_program_headers_are_refused(void **state)
{
    make_elf();
    file.size = FILE_MAX;
    put(56, 128, 2);
    assert_int_equal(load(state), 0);
    memset(((struct fixture *)*state)->ram, 0, MIB(1));
    put(56, 129, 2);
    assert_refused(state, ERR_UNSUPPORTED, "128");
}

static void elf_program_headers_outside_the_file_are_refused(void **state)
{
    make_elf();
    put(32, file.size - 56, 8);
    assert_refused(state, ERR_TRUNCATED, "program headers");
    put(32, UINT64_MAX - 55, 8);
    assert_refused(state, ERR_TRUNCATED, "program headers");
}

static void elf_without_program_headers_is_refused(void **state)
{
    make_elf();
    put(56, 0, 2);
    put(54, 0, 2);
    assert_refused(state, ERR_FORMAT, "nothing to load");
}

static void elf_segment_outside_the_file_is_refused(void **state)
{
    make_elf();
    make_segment(1, file.size - 0xfff, VIRTUAL, RAM + KIB(64), 0x1000, 0x1000);
    assert_refused(state, ERR_TRUNCATED, "outside the file");
    make_segment(1, UINT64_MAX - 0xfff, VIRTUAL, RAM + KIB(64), 0x1000, 0x1000);
    assert_refused(state, ERR_TRUNCATED, "outside the file");
}

static void elf_segment_larger_in_the_file_than_in_memory_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM + KIB(64), 0x1000, 0xfff);
    assert_refused(state, ERR_FORMAT, "larger in the file");
}

static void elf_segment_below_ram_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM - 1, 0x1000, 0x1000);
    assert_refused(state, ERR_RANGE, "outside the guest's memory");
}

static void elf_segment_beyond_ram_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM + FIXTURE_RAM_SIZE - 0xfff, 0x1000, 0x1000);
    assert_refused(state, ERR_RANGE, "outside the guest's memory");
}

static void elf_segment_that_wraps_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL, RAM + KIB(64), 0x1000, UINT64_MAX - RAM);
    assert_refused(state, ERR_RANGE, "outside the guest's memory");
    make_segment(1, CODE, VIRTUAL, UINT64_MAX - 0x7ff, 0x1000, 0x1000);
    assert_refused(state, ERR_RANGE, "outside the guest's memory");
}

static void elf_segments_that_overlap_are_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + KIB(64), RAM + 0x1fff, 0x1000, 0x1000);
    assert_refused(state, ERR_OVERLAP, "overlap");
}

static void elf_segment_inside_another_is_refused(void **state)
{
    make_elf();
    make_segment(1, CODE, VIRTUAL + KIB(64), RAM + 0x800, 0x10, 0x10);
    assert_refused(state, ERR_OVERLAP, "overlap");
}

static void elf_entry_outside_every_segment_is_refused(void **state)
{
    make_elf();
    put(24, VIRTUAL + 0x2000, 8);
    assert_refused(state, ERR_RANGE, "entry");
}

static void elf_entry_that_is_odd_is_refused(void **state)
{
    make_elf();
    put(24, VIRTUAL + 0x101, 8);
    assert_refused(state, ERR_FORMAT, "odd");
    make_elf();
    put(PH(0) + 24, RAM + 1, 8); /* even when virtual, odd when physical */
    assert_refused(state, ERR_FORMAT, "odd");
}

/* ---- places ---- */

struct place {
    struct image kernel;
    uint64_t ram_size, initrd_size, fdt_size;
    struct image_layout out;
};

static int place(struct place *p)
{
    return image_place(RAM, p->ram_size, &p->kernel, p->initrd_size, p->fdt_size, &p->out);
}

static bool apart(gpa_t a, uint64_t a_size, gpa_t b, uint64_t b_size)
{
    return a + a_size <= b || b + b_size <= a;
}

static void assert_placed(struct place *p)
{
    uint64_t kernel_size = p->kernel.end - p->kernel.start;

    assert_int_equal(place(p), 0);
    assert_true(p->out.fdt >= RAM && p->out.fdt + p->fdt_size <= RAM + p->ram_size);
    assert_int_equal(p->out.fdt % 8, 0);
    assert_true(apart(p->out.fdt, p->fdt_size, p->kernel.start, kernel_size));
    if (p->initrd_size == 0)
        return;
    assert_true(p->out.initrd >= RAM && p->out.initrd + p->initrd_size <= RAM + p->ram_size);
    assert_int_equal(p->out.initrd % PAGE_SIZE, 0);
    assert_true(apart(p->out.initrd, p->initrd_size, p->kernel.start, kernel_size));
    assert_true(apart(p->out.initrd, p->initrd_size, p->out.fdt, p->fdt_size));
}

static void initrd_and_fdt_are_clear_of_kernel_and_each_other(void **state)
{
    (void)state;
    /* kernels at the bottom, in the middle and at the top of a small RAM, unaligned on purpose */
    for (uint64_t at = 0; at <= MIB(12); at += KIB(256) + 24) {
        struct place p = {.kernel = {.start = RAM + at, .end = RAM + at + MIB(4)},
                          .ram_size = MIB(16),
                          .initrd_size = MIB(4) + 1,
                          .fdt_size = 5001};
        assert_placed(&p);
    }
}

static void places_are_as_high_as_sensible(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + MIB(2), .end = RAM + MIB(30)},
                      .ram_size = MIB(128),
                      .initrd_size = MIB(3),
                      .fdt_size = 5000};
    assert_placed(&p);
    assert_true(p.out.fdt >= RAM + MIB(127));
    assert_true(p.out.initrd >= RAM + MIB(124));
}

static void places_are_below_512_mib_when_ram_is_larger(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + MIB(2), .end = RAM + MIB(30)},
                      .ram_size = GIB(4),
                      .initrd_size = MIB(300),
                      .fdt_size = 5000};
    assert_placed(&p);
    assert_true(p.out.fdt + p.fdt_size <= RAM + MIB(512));
    assert_true(p.out.initrd + p.initrd_size <= RAM + MIB(512));
}

static void initrd_too_large_for_512_mib_goes_above(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + MIB(2), .end = RAM + MIB(30)},
                      .ram_size = GIB(2),
                      .initrd_size = MIB(700),
                      .fdt_size = 5000};
    assert_placed(&p);
}

static void initrd_that_fits_exactly_is_placed_and_a_byte_more_is_refused(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM, .end = RAM + MIB(4)},
                      .ram_size = MIB(16),
                      .initrd_size = MIB(12) - PAGE_SIZE,
                      .fdt_size = PAGE_SIZE};
    assert_placed(&p);
    p.initrd_size++;
    assert_int_equal(place(&p), ERR_RANGE);
    p.initrd_size = UINT64_MAX;
    assert_int_equal(place(&p), ERR_RANGE);
}

static void fdt_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM + 8, .end = RAM + MIB(16) - 8},
                      .ram_size = MIB(16),
                      .fdt_size = 5000};
    assert_int_equal(place(&p), ERR_RANGE);
}

static void no_initrd_needs_no_room(void **state)
{
    (void)state;
    struct place p = {.kernel = {.start = RAM, .end = RAM + MIB(16) - PAGE_SIZE},
                      .ram_size = MIB(16),
                      .fdt_size = PAGE_SIZE};
    assert_placed(&p);
    assert_int_equal(p.out.initrd, 0);
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
        TEST(elf_segments_go_to_their_physical_addresses),
        TEST(elf_bss_is_zeroed_and_nothing_behind_it),
        TEST(elf_entry_is_translated_by_the_segment_that_contains_it),
        TEST(elf_entry_that_is_physical_already_is_taken_as_it_is),
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
        TEST(initrd_and_fdt_are_clear_of_kernel_and_each_other),
        TEST(places_are_as_high_as_sensible),
        TEST(places_are_below_512_mib_when_ram_is_larger),
        TEST(initrd_too_large_for_512_mib_goes_above),
        TEST(initrd_that_fits_exactly_is_placed_and_a_byte_more_is_refused),
        TEST(fdt_that_does_not_fit_is_refused),
        TEST(no_initrd_needs_no_room),
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
