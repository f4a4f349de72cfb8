/* SPDX-License-Identifier: MIT */
/* Symbols of an ELF file (System V ABI, chapters 4 "Sections" and "Symbol Table"), broken ones too.
 */
#include "fixture.h"

#include "host/metal/symbols.h"

#define SECTIONS 0x40 /* where the parts of the file lie */
#define SYMBOLS  0x140
#define NAMES    0x200
#define SIZE     0x240

enum { NONE, TABLE, STRINGS, NSECTIONS };

static const char names[] = "\0first\0label\0second\0object\0$x\0";
static uint8_t file[SIZE];
static unsigned nsymbols;

static void put(size_t at, unsigned size, uint64_t value)
{
    memcpy(file + at, &value, size);
}

static void put_section(unsigned index, uint32_t type, uint64_t offset, uint64_t size,
                        uint32_t link)
{
    size_t at = SECTIONS + 64 * index;

    put(at + 4, 4, type);
    put(at + 24, 8, offset);
    put(at + 32, 8, size);
    put(at + 40, 4, link);
}

static void add(uint32_t name, uint8_t type, uint16_t section, uint64_t value, uint64_t size)
{
    size_t at = SYMBOLS + 24 * nsymbols++;

    put(at, 4, name);
    put(at + 4, 1, type);
    put(at + 6, 2, section);
    put(at + 8, 8, value);
    put(at + 16, 8, size);
    put_section(TABLE, 2, SYMBOLS, 24 * nsymbols, STRINGS);
}

/* Two functions, a label between them, an object, a symbol of elsewhere. */
static int setup(void **state)
{
    (void)state;
    memset(file, 0, sizeof(file));
    nsymbols = 0;
    memcpy(file, "\177ELF\2\1", 6);
    put(40, 8, SECTIONS);
    put(58, 2, 64);
    put(60, 2, NSECTIONS);
    memcpy(file + NAMES, names, sizeof(names));
    put_section(STRINGS, 3, NAMES, sizeof(names), 0);
    add(0, 0, 0, 0, 0);
    add(13, 2, 1, 0x2000, 0x10);
    add(1, 2, 1, 0x1000, 0x100);
    add(7, 0, 1, 0x1800, 0);
    add(20, 1, 1, 0x1004, 8);
    add(27, 0, 1, 0x1008, 0);
    add(1, 2, 0, 0x3000, 0x100);
    return 0;
}

static void assert_is(uint64_t address, const char *name, uint64_t offset)
{
    struct symbol symbol;

    assert_true(symbol_find(file, SIZE, address, &symbol));
    assert_string_equal(symbol.name, name);
    assert_int_equal(symbol.offset, offset);
}

static void assert_is_none(uint64_t address)
{
    struct symbol symbol;

    assert_false(symbol_find(file, SIZE, address, &symbol));
}

static void an_address_belongs_to_the_function_that_holds_it(void **state)
{
    (void)state;
    assert_is(0x1000, "first", 0);
    assert_is(0x1010, "first", 0x10); /* nearer are an object and the assembler's $x */
    assert_is(0x10ff, "first", 0xff);
    assert_is(0x200f, "second", 0xf);
}

static void behind_a_function_only_a_label_counts_and_not_for_ever(void **state)
{
    (void)state;
    assert_is_none(0xfff);
    assert_is_none(0x1100);
    assert_is(0x1800, "label", 0);
    assert_is(0x2010, "label", 0x810);
    assert_is(0x1800 + SYMBOL_REACH - 1, "label", SYMBOL_REACH - 1);
    assert_is_none(0x1800 + SYMBOL_REACH);
}

static void a_symbol_defined_elsewhere_is_none(void **state)
{
    (void)state;
    put(SYMBOLS + 24 * 3 + 6, 2, 0); /* the label too */
    assert_is_none(0x3010);
}

static void a_file_of_another_kind_has_no_symbols(void **state)
{
    static const size_t magic[] = {0, 3, 4, 5};

    for (size_t i = 0; i < ARRAY_SIZE(magic); i++) {
        setup(state);
        file[magic[i]] ^= 1;
        assert_is_none(0x1000);
    }
    setup(state);
    put(58, 2, 40);
    assert_is_none(0x1000);
}

static void a_name_outside_its_table_or_without_end_makes_no_symbol(void **state)
{
    (void)state;
    put_section(STRINGS, 3, NAMES, 7, 0); /* "\0first\0", and behind it "label" */
    assert_is(0x1000, "first", 0);
    assert_is_none(0x2000);
    setup(state);
    put_section(STRINGS, 3, NAMES, 4, 0); /* "\0fir" */
    assert_is_none(0x1000);
}

static void tables_that_lie_outside_the_file_are_none(void **state)
{
    (void)state;
    put(40, 8, SIZE - 64);
    assert_is_none(0x1000);
    setup(state);
    put(40, 8, UINT64_MAX - 63);
    assert_is_none(0x1000);
    setup(state);
    put_section(TABLE, 2, SIZE - 24, 48, STRINGS);
    assert_is_none(0x1000);
    setup(state);
    put_section(TABLE, 2, 8, UINT64_MAX, STRINGS);
    assert_is_none(0x1000);
    setup(state);
    put_section(TABLE, 2, SYMBOLS, 24 * nsymbols, NSECTIONS);
    put_section(NSECTIONS, 3, NAMES, sizeof(names), 0);
    assert_is_none(0x1000);
}

/* On the heap, so that a byte read behind the end is noticed. */
static void no_byte_behind_a_file_cut_anywhere_is_read(void **state)
{
    struct symbol symbol;

    (void)state;
    for (size_t size = 0; size <= SIZE; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, file, size);
        uint8_t *exact = realloc(copy, size != 0 ? size : 1);
        assert_true(symbol_find(exact, size, 0x1010, &symbol) == (size >= NAMES + sizeof(names)));
        free(exact);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_address_belongs_to_the_function_that_holds_it),
        TEST(behind_a_function_only_a_label_counts_and_not_for_ever),
        TEST(a_symbol_defined_elsewhere_is_none),
        TEST(a_file_of_another_kind_has_no_symbols),
        TEST(a_name_outside_its_table_or_without_end_makes_no_symbol),
        TEST(tables_that_lie_outside_the_file_are_none),
        TEST(no_byte_behind_a_file_cut_anywhere_is_read),
    };

    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
