/* SPDX-License-Identifier: MIT */
/*
 * Integer operations that C has no operator for, as RISC-V defines them for every operand. All of
 * them take and return register values; none needs the compiler's support library.
 */
#ifndef CORE_ALU_H
#define CORE_ALU_H

#include "core/types.h"

static inline uint64_t alu_sext32(uint64_t a)
{
    return (uint64_t)(int64_t)(int32_t)(uint32_t)a;
}

/* Arithmetic right shift; `count` below 64. */
static inline uint64_t alu_sra(uint64_t a, unsigned count)
{
    return (uint64_t)((int64_t)a >> count);
}

static inline uint64_t alu_sraw(uint64_t a, unsigned count)
{
    return alu_sra(alu_sext32(a), count);
}

/* Rotations by any count; only its low six or five bits count. */
static inline uint64_t alu_rol(uint64_t a, uint64_t count)
{
    return a << (count & 63) | a >> (-count & 63);
}

static inline uint64_t alu_ror(uint64_t a, uint64_t count)
{
    return alu_rol(a, -count);
}

static inline uint64_t alu_rolw(uint64_t a, uint64_t count)
{
    uint32_t word = (uint32_t)a;

    return alu_sext32(word << (count & 31) | word >> (-count & 31));
}

static inline uint64_t alu_rorw(uint64_t a, uint64_t count)
{
    return alu_rolw(a, -count);
}

/* The upper halves of 128-bit products (Unpriv. "M"), from four products of 32-bit halves. */
static inline uint64_t alu_mulhu(uint64_t a, uint64_t b)
{
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t mid = a1 * b0 + (a0 * b0 >> 32);
    uint64_t mid2 = a0 * b1 + (uint32_t)mid;

    return a1 * b1 + (mid >> 32) + (mid2 >> 32);
}

static inline uint64_t alu_mulhsu(uint64_t a, uint64_t b)
{
    return alu_mulhu(a, b) - ((int64_t)a < 0 ? b : 0);
}

static inline uint64_t alu_mulh(uint64_t a, uint64_t b)
{
    return alu_mulhsu(a, b) - ((int64_t)b < 0 ? a : 0);
}

/* Division: by zero gives all ones and the dividend; overflow the dividend and 0. */
static inline uint64_t alu_divu(uint64_t a, uint64_t b)
{
    return b == 0 ? UINT64_MAX : a / b;
}

static inline uint64_t alu_remu(uint64_t a, uint64_t b)
{
    return b == 0 ? a : a % b;
}

/* -1 is a case of its own since the most negative number has no negative in C. */
static inline uint64_t alu_div(uint64_t a, uint64_t b)
{
    if (b == 0)
        return UINT64_MAX;
    return b == UINT64_MAX ? -a : (uint64_t)((int64_t)a / (int64_t)b);
}

static inline uint64_t alu_rem(uint64_t a, uint64_t b)
{
    if (b == 0)
        return a;
    return b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

/* Division of words: in 64 bits nothing overflows, and cutting to 32 bits gives what RISC-V wants.
 */
static inline uint64_t alu_divw(uint64_t a, uint64_t b)
{
    return alu_sext32(alu_div(alu_sext32(a), alu_sext32(b)));
}

static inline uint64_t alu_remw(uint64_t a, uint64_t b)
{
    return alu_sext32(alu_rem(alu_sext32(a), alu_sext32(b)));
}

static inline uint64_t alu_divuw(uint64_t a, uint64_t b)
{
    return alu_sext32(alu_divu((uint32_t)a, (uint32_t)b));
}

static inline uint64_t alu_remuw(uint64_t a, uint64_t b)
{
    return alu_sext32(alu_remu((uint32_t)a, (uint32_t)b));
}

/* Counting bits: sums of neighbours, ever wider. */
static inline uint64_t alu_cpop(uint64_t a)
{
    a -= a >> 1 & UINT64_C(0x5555555555555555);
    a = (a & UINT64_C(0x3333333333333333)) + (a >> 2 & UINT64_C(0x3333333333333333));
    a = (a + (a >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return a * UINT64_C(0x0101010101010101) >> 56;
}

/* Trailing zeros; 64 for 0. The subtraction sets just the bits below the lowest one. */
static inline uint64_t alu_ctz(uint64_t a)
{
    return alu_cpop(~a & (a - 1));
}

/* Leading zeros; 64 for 0. Every bit below the highest one is set first. */
static inline uint64_t alu_clz(uint64_t a)
{
    for (unsigned step = 1; step < 64; step *= 2)
        a |= a >> step;
    return 64 - alu_cpop(a);
}

/* Each byte becomes 0xff unless it is 0. */
static inline uint64_t alu_orc_b(uint64_t a)
{
    a |= a >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f);
    a |= a >> 2 & UINT64_C(0x0303030303030303);
    a |= a >> 1 & UINT64_C(0x0101010101010101);
    return (a & UINT64_C(0x0101010101010101)) * 0xff;
}

/* The bytes in reverse order. */
static inline uint64_t alu_rev8(uint64_t a)
{
    a = (a & UINT64_C(0x00ff00ff00ff00ff)) << 8 | (a >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    a = (a & UINT64_C(0x0000ffff0000ffff)) << 16 | (a >> 16 & UINT64_C(0x0000ffff0000ffff));
    return a << 32 | a >> 32;
}

/* Carry-less products (Unpriv. "Zbc"): bits 63..0, 127..64 and 126..63. */
static inline uint64_t alu_clmul(uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    for (unsigned i = 0; i < 64; i++)
        product ^= (b >> i & 1) != 0 ? a << i : 0;
    return product;
}

static inline uint64_t alu_clmulr(uint64_t a, uint64_t b)
{
    uint64_t product = 0;

    for (unsigned i = 0; i < 64; i++)
        product ^= (b >> i & 1) != 0 ? a >> (63 - i) : 0;
    return product;
}

static inline uint64_t alu_clmulh(uint64_t a, uint64_t b)
{
    return alu_clmulr(a, b) >> 1;
}

#endif
