/* SPDX-License-Identifier: MIT */
/*
 * Decode, compared with the disassembler of binutils, which other people wrote from the same
 * specification; and the rules that a comparison of valid encodings does not reach.
 */
#include "core/insn.h"
#include "tests/unit/disasm.h"
#include "tests/unit/fixture.h"

#define MAX_REPORTS 20

static uint32_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16);
}

static struct insn decode_with(struct isa isa, uint32_t raw)
{
    struct insn insn;

    memset(&insn, 0xa5, sizeof(insn));
    insn_decode(&isa, raw, &insn);
    return insn;
}

static struct insn decode(uint32_t raw)
{
    return decode_with(fixture_isa, raw);
}

static struct isa without(enum isa_ext ext)
{
    struct isa isa = fixture_isa;

    isa.ext &= ~(UINT64_C(1) << ext);
    return isa;
}

/* ---- comparison with binutils ---- */

/* Operands in the order of assembly text, as letters: d s t are rd rs1 rs2, u is rs3, i the
 * immediate, a the address PC + immediate, h the upper immediate, p and q a fence's sets. */
static const char *operand_order(const struct insn *insn)
{
    static const char *const by_format[] = {
        [INSN_FMT_NONE] = "", [INSN_FMT_R] = "dst",  [INSN_FMT_R4] = "dstu", [INSN_FMT_R1] = "ds",
        [INSN_FMT_I] = "dsi", [INSN_FMT_SH] = "dsi", [INSN_FMT_S] = "tis",   [INSN_FMT_B] = "sta",
        [INSN_FMT_U] = "dh",  [INSN_FMT_J] = "da",   [INSN_FMT_CSR] = "dis",
    };

    switch ((enum insn_class)insn_info(insn->id)->class) {
    case INSN_CLASS_LOAD:
    case INSN_CLASS_FLOAD:
        return "dis";
    case INSN_CLASS_SC:
    case INSN_CLASS_AMO:
        return "dts";
    case INSN_CLASS_CBO:
        return "s";
    default:
        break;
    }
    if (insn->id == INSN_jalr)
        return "dis";
    if (insn->id == INSN_sfence_vma)
        return "st";
    if (insn->id == INSN_fence)
        return "pq";
    return by_format[insn_info(insn->id)->format];
}

static uint64_t operand(const struct insn *insn, uint64_t pc, char letter)
{
    uint64_t imm = (uint64_t)(int64_t)insn->imm;

    switch (letter) {
    case 'd':
        return insn->rd;
    case 's':
        return insn->rs1;
    case 't':
        return insn->rs2;
    case 'u':
        return insn->raw >> 27;
    case 'a':
        return pc + imm;
    case 'h':
        return imm >> 12 & 0xfffff;
    case 'p':
        return imm >> 4 & 15;
    case 'q':
        return imm & 15;
    default:
        return imm;
    }
}

static bool same(const struct insn *insn, uint64_t pc, const struct disasm_line *line)
{
    const char *order = operand_order(insn);

    if (strcmp(line->name, insn_info(insn->id)->name) != 0 || line->count != strlen(order))
        return false;
    for (unsigned i = 0; i < line->count; i++) {
        if (!line->unknown[i] && line->operand[i] != operand(insn, pc, order[i]))
            return false;
    }
    return true;
}

/* Where binutils and the specification part: what the guest's harts do not have although binutils
 * always knows it, and reserved fields that hardware ignores. */
static bool known_difference(const struct insn *insn, const struct disasm_line *line)
{
    static const char *const not_ours[] = {"mret", "uret", "dret", "mnret", "hret", "sfence.vm"};
    unsigned funct3 = insn->raw >> 12 & 7;

    for (size_t i = 0; i < ARRAY_SIZE(not_ours); i++) {
        if (strcmp(line->name, not_ours[i]) == 0)
            return insn->id == INSN_illegal;
    }
    if (insn->raw == 0x6101) /* c.addi16sp with an immediate of 0, which is reserved */
        return insn->id == INSN_illegal;
    switch (insn->id) {
    case INSN_fence: /* fm, rd and rs1: "base implementations shall ignore these fields" */
        return (insn->raw & 0xf00fff80) != 0;
    case INSN_fence_i: /* imm, rd, rs1 likewise */
        return insn->raw != 0x0000100f;
    case INSN_fcvt_d_w: /* exact, so that any rounding mode will do; binutils wants 0 */
    case INSN_fcvt_d_wu:
    case INSN_fcvt_d_s:
    case INSN_fcvt_s_h:
    case INSN_fcvt_d_h:
        return funct3 != 0 && strcmp(line->name, "illegal") == 0;
    default:
        return false;
    }
}

struct comparison {
    const uint8_t *code;
    size_t size;
    unsigned compared, differences;
};

static void compare(void *ctx, uint64_t address, const struct disasm_line *line)
{
    struct comparison *c = ctx;
    uint32_t raw = 0;
    struct insn insn;

    assert_in_range(address, 0, c->size - 2);
    memcpy(&raw, c->code + address, address + 4 <= c->size ? 4 : 2);
    insn = decode(raw);
    c->compared++;
    if (same(&insn, address, line) || known_difference(&insn, line))
        return;
    if (c->differences++ < MAX_REPORTS)
        print_error("%08x: %s d%u s%u t%u imm %d, but binutils: %s (%u operands)\n", insn.raw,
                    insn_info(insn.id)->name, insn.rd, insn.rs1, insn.rs2, insn.imm, line->name,
                    line->count);
}

static void compare_all(const void *code, size_t size, size_t instructions)
{
    struct comparison c = {.code = code, .size = size};

    disasm(code, size, compare, &c);
    assert_int_equal(c.compared, instructions);
    assert_int_equal(c.differences, 0);
}

static void every_compressed_encoding_reads_as_binutils_reads_it(void **state)
{
    static uint16_t code[65536];
    size_t count = 0;

    (void)state;
    disasm_require();
    for (uint32_t raw = 0; raw < 65536; raw++) {
        if (insn_is_compressed(raw))
            code[count++] = (uint16_t)raw;
    }
    assert_int_equal(count, 3 * 16384);
    compare_all(code, count * 2, count);
}

static void every_row_with_random_operands_reads_as_binutils_reads_it(void **state)
{
    enum { PER_ROW = 500 };
    static uint32_t code[INSN_COUNT * PER_ROW];
    uint64_t seed = 0x123456789abcdef;
    size_t count = 0;

    (void)state;
    disasm_require();
    for (unsigned id = INSN_illegal + 1; id < INSN_COUNT; id++) {
        for (unsigned i = 0; i < PER_ROW; i++)
            code[count++] = insn_info(id)->match | (next_random(&seed) & ~insn_info(id)->mask);
    }
    compare_all(code, count * 4, count);
}

/* Half of them in the opcodes with the most rows, where a random word hits a near miss. */
static void random_words_read_as_binutils_reads_them(void **state)
{
    static const uint32_t opcodes[] = {0x0f, 0x13, 0x1b, 0x2f, 0x33, 0x3b, 0x53, 0x73};
    static uint32_t code[200000];
    uint64_t seed = 0xfedcba987654321;
    size_t count = 0;

    (void)state;
    disasm_require();
    while (count < ARRAY_SIZE(code)) {
        uint32_t raw = next_random(&seed) | 3;

        if (count % 2 == 0)
            raw = (raw & ~UINT32_C(0x7f)) | opcodes[count / 2 % ARRAY_SIZE(opcodes)];
        if ((raw & 0x1f) != 0x1f) /* longer than 32 bits */
            code[count++] = raw;
    }
    compare_all(code, sizeof(code), count);
}

/* ---- the table itself ---- */

static void rows_match_their_own_mask_and_decode_to_themselves(void **state)
{
    (void)state;
    for (unsigned id = INSN_illegal + 1; id < INSN_COUNT; id++) {
        const struct insn_info *info = insn_info(id);

        assert_int_equal(info->match & ~info->mask, 0);
        assert_int_equal(info->mask & 0x7f, 0x7f);
        assert_int_equal(decode(info->match).id, id);
    }
}

static void numbers_outside_the_table_have_the_illegal_row(void **state)
{
    (void)state;
    assert_ptr_equal(insn_info(INSN_COUNT), insn_info(INSN_illegal));
    assert_ptr_equal(insn_info(UINT32_MAX), insn_info(INSN_illegal));
    assert_int_equal(insn_info(INSN_illegal)->class, INSN_CLASS_ILLEGAL);
}

static void memory_rows_tell_width_and_sign(void **state)
{
    (void)state;
    assert_int_equal(insn_info(INSN_lb)->width, 0);
    assert_int_equal(insn_info(INSN_lh)->sign, 1);
    assert_int_equal(insn_info(INSN_lwu)->width, 2);
    assert_int_equal(insn_info(INSN_lwu)->sign, 0);
    assert_int_equal(insn_info(INSN_fld)->width, 3);
    assert_int_equal(insn_info(INSN_flh)->width, 1);
    assert_int_equal(insn_info(INSN_sd)->width, 3);
    assert_int_equal(insn_info(INSN_sc_w)->width, 2);
    assert_int_equal(insn_info(INSN_amomaxu_d)->width, 3);
}

/* ---- what the hart does not offer ---- */

static void instructions_of_an_extension_that_is_absent_are_illegal(void **state)
{
    (void)state;
    for (unsigned id = INSN_illegal + 1; id < INSN_COUNT; id++) {
        const struct insn_info *info = insn_info(id);
        unsigned got = decode_with(without((enum isa_ext)info->ext), info->match).id;

        assert_int_equal(got, id == INSN_pause ? INSN_fence : INSN_illegal);
    }
}

static void conversions_between_half_and_double_need_both_extensions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t raw = insn_info(i == 0 ? INSN_fcvt_d_h : INSN_fcvt_h_d)->match;

        assert_int_not_equal(decode(raw).id, INSN_illegal);
        assert_int_equal(decode_with(without(ISA_D), raw).id, INSN_illegal);
        assert_int_equal(decode_with(without(ISA_ZFH), raw).id, INSN_illegal);
    }
    assert_int_equal(decode_with(without(ISA_D), insn_info(INSN_fcvt_s_h)->match).id,
                     INSN_fcvt_s_h);
}

static void compressed_encodings_are_illegal_without_c(void **state)
{
    (void)state;
    for (uint32_t raw = 0; raw < 65536; raw++) {
        if (insn_is_compressed(raw))
            assert_int_equal(decode_with(without(ISA_C), raw).id, INSN_illegal);
    }
}

static void compressed_double_loads_and_stores_are_illegal_without_d(void **state)
{
    static const uint16_t codes[] = {0x2000, 0xa000, 0x2002, 0xa002};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        assert_int_not_equal(decode(codes[i]).id, INSN_illegal);
        assert_int_equal(decode_with(without(ISA_D), codes[i]).id, INSN_illegal);
    }
}

/* ---- lengths, reserved encodings and hints ---- */

static void length_follows_from_the_low_two_bits_and_raw_is_what_was_fetched(void **state)
{
    struct insn insn = decode(0xdeadbe01); /* c.addi x28, the next instruction above it */

    (void)state;
    assert_int_equal(insn.len, 2);
    assert_int_equal(insn.raw, 0xbe01);
    insn = decode(0x00000000);
    assert_int_equal(insn.id, INSN_illegal);
    assert_int_equal(insn.len, 2);
    insn = decode(0xffffffff);
    assert_int_equal(insn.id, INSN_illegal);
    assert_int_equal(insn.len, 4);
    assert_int_equal(insn.raw, 0xffffffff);
    assert_int_equal(insn.rd | insn.rs1 | insn.rs2 | insn.imm, 0);
}

static void encodings_longer_than_32_bits_are_illegal(void **state)
{
    (void)state;
    for (uint32_t upper = 0; upper < 0x10000; upper++) {
        assert_int_equal(decode(upper << 16 | 0x1f).id, INSN_illegal);
        assert_int_equal(decode(upper << 16 | 0x7f).id, INSN_illegal);
    }
}

static void reserved_compressed_encodings_are_illegal(void **state)
{
    static const uint16_t codes[] = {
        0x0000,         /* all zero */
        0x0004,         /* c.addi4spn with an immediate of 0 */
        0x8000,         /* quadrant 0, funct3 100 */
        0x2001,         /* c.addiw x0 */
        0x6101,         /* c.addi16sp with 0 */
        0x6081,         /* c.lui with 0 */
        0x9c41,         /* quadrant 1, funct3 100, after c.addw */
        0x9c61, 0x4002, /* c.lwsp x0 */
        0x6002,         /* c.ldsp x0 */
        0x8002,         /* c.jr x0 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        assert_int_equal(decode(codes[i]).id, INSN_illegal);
}

static void compressed_hints_write_x0_or_change_nothing(void **state)
{
    struct insn insn = decode(0x4005); /* c.li x0, 1 */

    (void)state;
    assert_int_equal(insn.id, INSN_addi);
    assert_int_equal(insn.rd, 0);
    insn = decode(0x800a); /* c.mv x0, x2 */
    assert_int_equal(insn.id, INSN_add);
    assert_int_equal(insn.rd, 0);
    insn = decode(0x900a); /* c.add x0, x2: ntl.p1 */
    assert_int_equal(insn.id, INSN_add);
    assert_int_equal(insn.rd, 0);
    insn = decode(0x0081); /* c.addi x1, 0 */
    assert_int_equal(insn.id, INSN_addi);
    assert_int_equal(insn.rd, insn.rs1);
    assert_int_equal(insn.imm, 0);
}

static void prefetch_hints_are_ori_to_x0(void **state)
{
    struct insn insn = decode(0x0010e013 | 2 << 15); /* prefetch.r */

    (void)state;
    assert_int_equal(insn.id, INSN_ori);
    assert_int_equal(insn.rd, 0);
}

static void reserved_fields_of_fences_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(decode(0x8330000f).id, INSN_fence); /* fence.tso */
    assert_int_equal(decode(0x0ff0000f | 1 << 7 | 1 << 15).id, INSN_fence);
    assert_int_equal(decode(0xfff0100f | 1 << 7 | 1 << 15).id, INSN_fence_i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_compressed_encoding_reads_as_binutils_reads_it),
        cmocka_unit_test(every_row_with_random_operands_reads_as_binutils_reads_it),
        cmocka_unit_test(random_words_read_as_binutils_reads_them),
        cmocka_unit_test(rows_match_their_own_mask_and_decode_to_themselves),
        cmocka_unit_test(numbers_outside_the_table_have_the_illegal_row),
        cmocka_unit_test(memory_rows_tell_width_and_sign),
        cmocka_unit_test(instructions_of_an_extension_that_is_absent_are_illegal),
        cmocka_unit_test(conversions_between_half_and_double_need_both_extensions),
        cmocka_unit_test(compressed_encodings_are_illegal_without_c),
        cmocka_unit_test(compressed_double_loads_and_stores_are_illegal_without_d),
        cmocka_unit_test(length_follows_from_the_low_two_bits_and_raw_is_what_was_fetched),
        cmocka_unit_test(encodings_longer_than_32_bits_are_illegal),
        cmocka_unit_test(reserved_compressed_encodings_are_illegal),
        cmocka_unit_test(compressed_hints_write_x0_or_change_nothing),
        cmocka_unit_test(prefetch_hints_are_ori_to_x0),
        cmocka_unit_test(reserved_fields_of_fences_are_ignored),
    };

    return cmocka_run_group_tests_name("insn", tests, NULL, NULL);
}
