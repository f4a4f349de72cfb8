/* SPDX-License-Identifier: MIT */
/* Runs the assembler (for an object file that names the extensions) and objdump, reads the text. */
#include "tests/unit/disasm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PREFIX "riscv64-linux-gnu-"
#define MARCH  "rv64imafdc_zicbom_zicboz_zicsr_zifencei_zihintpause_zfh_zba_zbb_zbc_zbs"

void disasm_put(struct disasm_line *line, uint64_t operand)
{
    assert_in_range(line->count, 0, DISASM_MAX_OPERANDS - 1);
    line->operand[line->count++] = operand;
}

void disasm_require(void)
{
    if (system("command -v " PREFIX "as " PREFIX "objdump >/dev/null") == 0)
        return;
    print_message("skipped: no " PREFIX "objdump and " PREFIX "as (Debian: "
                  "binutils-riscv64-linux-gnu)\n");
    skip();
}

/* How a compressed mnemonic reads as a base instruction: digits are its own operands, z is x0 or 0
 * and r is ra. From the "expands to" sentences of Unpriv. "C". */
static const struct {
    const char *name, *base, *operands;
} compressed[] = {
    {"c.addi4spn", "addi", "012"}, {"c.fld", "fld", "012"},       {"c.lw", "lw", "012"},
    {"c.ld", "ld", "012"},         {"c.fsd", "fsd", "012"},       {"c.sw", "sw", "012"},
    {"c.sd", "sd", "012"},         {"c.addi", "addi", "001"},     {"c.addiw", "addiw", "001"},
    {"c.li", "addi", "0z1"},       {"c.addi16sp", "addi", "001"}, {"c.lui", "lui", "01"},
    {"c.srli", "srli", "001"},     {"c.srai", "srai", "001"},     {"c.slli", "slli", "001"},
    {"c.srli64", "srli", "00z"},   {"c.srai64", "srai", "00z"},   {"c.slli64", "slli", "00z"},
    {"c.andi", "andi", "001"},     {"c.sub", "sub", "001"},       {"c.xor", "xor", "001"},
    {"c.or", "or", "001"},         {"c.and", "and", "001"},       {"c.subw", "subw", "001"},
    {"c.addw", "addw", "001"},     {"c.j", "jal", "z0"},          {"c.beqz", "beq", "0z1"},
    {"c.bnez", "bne", "0z1"},      {"c.fldsp", "fld", "012"},     {"c.lwsp", "lw", "012"},
    {"c.ldsp", "ld", "012"},       {"c.jr", "jalr", "zz0"},       {"c.mv", "add", "0z1"},
    {"c.ebreak", "ebreak", ""},    {"c.jalr", "jalr", "rz0"},     {"c.add", "add", "001"},
    {"c.fsdsp", "fsd", "012"},     {"c.swsp", "sw", "012"},       {"c.sdsp", "sd", "012"},
};

static void expand(struct disasm_line *line)
{
    struct disasm_line base = {0};
    size_t i = 0;

    if (strcmp(line->name, "c.nop") == 0) { /* without its immediate, or with one: a hint */
        strcpy(base.name, "addi");
        base.count = 3;
        base.operand[2] = line->count == 1 ? line->operand[0] : 0;
        *line = base;
        return;
    }
    while (i < ARRAY_SIZE(compressed) && strcmp(line->name, compressed[i].name) != 0)
        i++;
    if (i == ARRAY_SIZE(compressed))
        return;
    strcpy(base.name, compressed[i].base);
    for (const char *c = compressed[i].operands; *c != '\0'; c++)
        disasm_put(&base, *c == 'z' ? 0 : *c == 'r' ? 1 : line->operand[*c - '0']);
    *line = base;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Numbers of a few CSRs that appear by name. */
static bool csr_number(const char *text, uint64_t *number)
{
    static const struct {
        const char *name;
        unsigned number;
    } names[] = {{"fflags", 0x001},  {"frm", 0x002},   {"fcsr", 0x003}, {"cycle", 0xc00},
                 {"time", 0xc01},    {"stvec", 0x105}, {"satp", 0x180}, {"sepc", 0x141},
                 {"sstatus", 0x100}, {"sie", 0x104},   {"sip", 0x144},  {"stimecmp", 0x14d}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i].name) == 0) {
            *number = names[i].number;
            return true;
        }
    }
    return false;
}

/* pred or succ of a fence: letters, of which w is bit 0; "unknown" is the empty set. */
static uint64_t fence_set(const char *text)
{
    uint64_t set = 0;

    if (strcmp(text, "unknown") == 0)
        return 0;
    for (; *text != '\0'; text++)
        set |= *text == 'w' ? 1 : *text == 'r' ? 2 : *text == 'o' ? 4 : 8;
    return set;
}

static void read_operand(struct disasm_line *line, const char *text, int base)
{
    static const char *const rounding[] = {"rne", "rtz", "rdn", "rup", "rmm", "dyn", "unknown"};
    uint64_t number;
    char *end;

    if (strcmp(line->name, "fence") == 0) {
        disasm_put(line, fence_set(text));
        return;
    }
    if (is_one_of(text, rounding, ARRAY_SIZE(rounding)))
        return;
    if ((text[0] == 'x' || (text[0] == 'f' && base != 16)) && text[1] >= '0' && text[1] <= '9')
        number = strtoull(text + 1, &end, 10);
    else
        number = strtoull(text, &end, base);
    if (*end != '\0') {
        line->unknown[line->count] = !csr_number(text, &number);
    }
    disasm_put(line, number);
}

/* "x10,-4(x2)", "x1,x2,fffe <.text+0xfffe>": the last operand of a jump is an address in hex. */
static void read_operands(struct disasm_line *line, char *text)
{
    static const char *const jumps[] = {"jal",  "beq",  "bne", "blt",    "bge",
                                        "bltu", "bgeu", "c.j", "c.beqz", "c.bnez"};
    bool jump = is_one_of(line->name, jumps, ARRAY_SIZE(jumps));
    char *save = NULL;

    text[strcspn(text, " \n")] = '\0';
    for (char *token = strtok_r(text, ",()", &save); token != NULL;) {
        char *next = strtok_r(NULL, ",()", &save);

        read_operand(line, token, jump && next == NULL ? 16 : 0);
        token = next;
    }
}

static void read_name(struct disasm_line *line, const char *text)
{
    static const char *const orders[] = {".aqrl", ".aq", ".rl"};

    snprintf(line->name, sizeof(line->name), "%s", text);
    line->name[strcspn(line->name, " \n")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        size_t length = strlen(line->name), suffix = strlen(orders[i]);

        if (length > suffix && strcmp(line->name + length - suffix, orders[i]) == 0)
            line->name[length - suffix] = '\0';
    }
}

/* "  1c:<tab>00000013  <tab>addi<tab>x0,x0,0"; false for lines that are no instruction. */
static bool read_line(char *text, uint64_t *address, struct disasm_line *line)
{
    char *field[4] = {text, NULL, NULL, NULL};
    char *end;

    memset(line, 0, sizeof(*line));
    for (unsigned i = 1; i < ARRAY_SIZE(field); i++) {
        char *tab = field[i - 1] != NULL ? strchr(field[i - 1], '\t') : NULL;

        if (tab != NULL) {
            *tab = '\0';
            field[i] = tab + 1;
        }
    }
    *address = strtoull(field[0], &end, 16);
    if (*end != ':' || field[2] == NULL)
        return false;
    read_name(line, field[2]);
    if (line->name[0] == '.' || strcmp(line->name, "c.unimp") == 0) {
        strcpy(line->name, "illegal");
        return true;
    }
    if (field[3] != NULL)
        read_operands(line, field[3]);
    expand(line);
    return true;
}

static void write_file(const char *directory, const char *name, const void *data, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void disasm(const void *code, size_t size,
            void (*each)(void *ctx, uint64_t address, const struct disasm_line *line), void *ctx)
{
    static const char source[] = ".text\n.incbin \"code.bin\"\n";
    char directory[] = "/tmp/disasm.XXXXXX", command[512], text[512];
    struct disasm_line line;
    uint64_t address;
    FILE *pipe;

    assert_non_null(mkdtemp(directory));
    write_file(directory, "code.bin", code, size);
    write_file(directory, "code.s", source, sizeof(source) - 1);
    snprintf(command, sizeof(command),
             "cd %s && " PREFIX "as -march=" MARCH " -o code.o code.s && " PREFIX
             "objdump -z -D -j .text -M no-aliases,numeric code.o",
             directory);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(text, sizeof(text), pipe) != NULL) {
        if (read_line(text, &address, &line))
            each(ctx, address, &line);
    }
    assert_int_equal(pclose(pipe), 0);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}
