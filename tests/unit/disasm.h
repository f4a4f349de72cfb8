/* SPDX-License-Identifier: MIT */
/* The disassembler of binutils as an independent reading of encodings. */
#ifndef TESTS_UNIT_DISASM_H
#define TESTS_UNIT_DISASM_H

#include "core/types.h"

#define DISASM_MAX_OPERANDS 5

/* An instruction as its name and its operands in the order of assembly text, registers as numbers.
 */
struct disasm_line {
    char name[32]; /* without .aq, .rl; "illegal" for no instruction */
    unsigned count;
    uint64_t operand[DISASM_MAX_OPERANDS];
    bool unknown[DISASM_MAX_OPERANDS]; /* a name (of a CSR) that this reader does not know */
};

/* Appends an operand; too many fail the test. */
void disasm_put(struct disasm_line *line, uint64_t operand);

/* Fails the test unless the tools are there: then skips it and says why. */
void disasm_require(void);

/*
 * Disassembles `size` bytes of code that starts at address 0 and calls `each` per instruction. A
 * compressed instruction is given as the base instruction that Unpriv. "C" says it expands to.
 */
void disasm(const void *code, size_t size,
            void (*each)(void *ctx, uint64_t address, const struct disasm_line *line), void *ctx);

#endif
