/* SPDX-License-Identifier: MIT */
/* Random instructions: mostly legal ones, so that streams get somewhere. */
#include <stddef.h>

#include "guests/streams/streams.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OP_LOAD      0x03
#define OP_LOAD_FP   0x07
#define OP_MISC_MEM  0x0f
#define OP_STORE     0x23
#define OP_STORE_FP  0x27
#define OP_AMO       0x2f
#define OP_FP        0x53
#define OP_BRANCH    0x63
#define OP_JALR      0x67
#define OP_JAL       0x6f
#define OP_SYSTEM    0x73

uint64_t draw(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1d;
}

static uint32_t field(uint64_t value, unsigned bits, unsigned at)
{
    return (uint32_t)(value & ((1UL << bits) - 1)) << at;
}

static uint32_t rs1(void)
{
    return field(draw(), 5, 15);
}

static uint32_t rs2(void)
{
    return field(draw(), 5, 20);
}

static uint32_t funct3(void)
{
    return field(draw(), 3, 12);
}

static bool is_kept(uint64_t reg)
{
    return reg >= X_KEPT_FIRST && reg <= X_KEPT_LAST;
}

static uint32_t rd(void)
{
    uint64_t reg;

    do
        reg = draw_below(32);
    while (is_kept(reg));
    return field(reg, 5, 7);
}

/* One that holds an address, most of the time. */
static uint32_t base(void)
{
    return draw_below(16) == 0 ? rs1() : field(X_POINTER + draw_below(4), 5, 15);
}

static uint32_t from_computations(void)
{
    static const uint8_t opcodes[] = {0x13, 0x13, 0x1b, 0x33, 0x33, 0x3b, 0x37, 0x17};
    static const uint8_t functs[] = {0x00, 0x00, 0x20, 0x01, 0x05, 0x10, 0x30};
    uint32_t opcode = opcodes[draw_below(COUNT(opcodes))];
    uint32_t insn = opcode | rd() | funct3() | rs1();

    if (opcode == 0x37 || opcode == 0x17)
        return opcode | rd() | field(draw(), 20, 12);
    if (opcode == 0x33 || opcode == 0x3b)
        return insn | rs2() | field(functs[draw_below(COUNT(functs))], 7, 25);
    return insn | field(draw(), 12, 20);
}

static uint32_t from_memory(void)
{
    uint32_t offset = field(draw(), draw_below(2) ? 12 : 5, 20) & ~(draw_below(4) ? 0x700000U : 0U);

    switch (draw_below(5)) {
    case 0:
        return OP_STORE | base() | rs2() | field(draw_below(4), 3, 12) | field(draw(), 5, 7) |
               (offset & 0xfe000000);
    case 1: {
        uint64_t width = 2 + draw_below(2);
        return (draw_below(2) ? OP_LOAD_FP | field(draw(), 5, 7) | offset
                              : OP_STORE_FP | rs2() | field(draw(), 5, 7) | (offset & 0xfe000000)) |
               base() | field(width, 3, 12);
    }
    case 2: { /* no LR and SC: whether an SC fails is up to the machine */
        static const uint8_t functs[] = {0, 1, 4, 8, 12, 16, 20, 24, 28};
        return OP_AMO | rd() | base() | rs2() | field(2 + draw_below(2), 3, 12) |
               field(draw(), 2, 25) | field(functs[draw_below(COUNT(functs))], 5, 27);
    }
    default:
        return OP_LOAD | rd() | base() | field(draw_below(7), 3, 12) | offset;
    }
}

/* funct7 of those that write an x register and flags, with the number of their values of funct3
 * that are not for Zfa; and of min and max. */
#define FCVT_TO_X 0x60
#define FCOMPARE  0x50
#define FMINMAX   0x14

static uint32_t from_floating_point(void)
{
    static const uint8_t functs[] = {0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x20,
                                     0x2c, 0x50, 0x60, 0x68, 0x70, 0x78};
    uint32_t funct = functs[draw_below(COUNT(functs))], wide = (uint32_t)draw_below(2);
    uint32_t rounding = draw_below(8) == 0 ? funct3() : field(draw_below(5), 3, 12);
    uint32_t second = rs2(), destination = field(draw(), 5, 7);

    if (draw_below(4) == 0) /* multiply and add */
        return 0x43 | field(draw(), 2, 2) | destination | rounding | rs1() | second |
               field(wide, 2, 25) | field(draw(), 5, 27);
    if (funct == FCOMPARE || funct == FMINMAX)
        rounding = field(draw_below(funct == FCOMPARE ? 3 : 2), 3, 12);
    if (funct == 0x2c || funct >= 0x70)
        second = 0;
    else if (funct >= FCVT_TO_X)
        second = field(draw_below(4), 5, 20);
    else if (funct == 0x20)
        second = field(!wide, 5, 20);
    if (funct == FCOMPARE || funct == FCVT_TO_X || funct == 0x70)
        destination = rd();
    return OP_FP | destination | rounding | rs1() | second | field(funct | wide, 7, 25);
}

bool raises_flags_only(uint32_t insn)
{
    uint32_t funct = insn >> 25 & ~1U;

    return (insn & 0x7f) == OP_FP && (funct == FCOMPARE || funct == FCVT_TO_X);
}

static uint32_t from_jumps(void)
{
    uint32_t forward = 8 + 4 * (uint32_t)draw_below(3);

    switch (draw_below(8)) {
    case 0:
        return OP_JAL | rd() | field(forward >> 1, 10, 21);
    case 1:
        return OP_JALR | rd() | field(X_POINTER + draw_below(4), 5, 15) | field(draw(), 12, 20);
    default:
        return OP_BRANCH | funct3() | rs1() | rs2() | field(forward >> 1, 4, 8);
    }
}

/* CSRs that leave the kernel its way back: of both modes fflags, frm, fcsr; of S-mode sepc, scause,
 * stval; and some that nobody here may touch. */
static uint32_t from_system(bool supervisor)
{
    static const uint16_t users[] = {0x001, 0x002, 0x003, 0x100, 0x140, 0x300, 0x340, 0xc80, 0x7c0};
    static const uint16_t supervisors[] = {0x141, 0x142, 0x143, 0x141, 0x300, 0x5a8, 0xf14};
    static const uint32_t whole[] = {0x00000073, 0x00100073, 0x30200073, 0x12000073, 0x0ff0000f,
                                     0x0000100f, 0x0100000f, 0x10500073, 0xffffffff};
    uint32_t csr = users[draw_below(supervisor ? 3 : COUNT(users))];

    if (draw_below(3) == 0) {
        uint32_t insn = whole[draw_below(COUNT(whole))];
        return supervisor && insn == 0x10500073 ? 0x13 : insn; /* nothing would end a wfi */
    }
    if (supervisor && draw_below(2) == 0)
        csr = supervisors[draw_below(COUNT(supervisors))];
    return OP_SYSTEM | rd() | rs1() | field(1 + draw_below(3) + 4 * draw_below(2), 3, 12) |
           field(csr, 12, 20);
}

/* No jump and no branch, and nothing that writes a kept register. */
static uint32_t from_compressed(void)
{
    for (;;) {
        uint32_t half = (uint32_t)draw() & 0xffff;
        uint32_t quadrant = half & 3, op = half >> 13, reg = (half >> 7) & 31;
        if (quadrant == 3 || (quadrant == 1 && op >= 5) ||
            (quadrant == 2 && op == 4 && (half & 0x7c) == 0))
            continue;
        if (quadrant != 0 && is_kept(reg))
            continue;
        return half;
    }
}

uint32_t draw_insn(bool supervisor)
{
    switch (draw_below(16)) {
    case 0 ... 4:
        return from_computations();
    case 5 ... 8:
        return from_memory();
    case 9 ... 10:
        return from_floating_point();
    case 11:
        return from_jumps();
    case 12:
        return from_system(supervisor);
    default:
        return from_compressed();
    }
}
