/* SPDX-License-Identifier: MIT */
/*
 * The build machine's FPU as a second source for binary32 and binary64, in the four rounding modes
 * that C knows. Operands and results go through volatile objects, so that no operation is folded or
 * moved across a change of the environment.
 */
#include <fenv.h>
#include <math.h>
#include <string.h>

#include "tests/unit/fp_reference.h"

static float to_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float f;

    memcpy(&f, &low, sizeof(f));
    return f;
}

static double to_double(uint64_t bits)
{
    double d;

    memcpy(&d, &bits, sizeof(d));
    return d;
}

static uint64_t from_float(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return fp_layout_is_nan(FP_S, bits) ? fp_layout_canonical(FP_S) : bits;
}

static uint64_t from_double(double d)
{
    uint64_t bits;

    memcpy(&bits, &d, sizeof(bits));
    return fp_layout_is_nan(FP_D, bits) ? fp_layout_canonical(FP_D) : bits;
}

/* Hosts that detect tininess after rounding, as RISC-V does. */
#if defined(__x86_64__) || defined(__riscv)
static const bool usable = true;
#else
static const bool usable = false;
#endif

static bool begin(enum fp_format fmt, enum fp_round rm)
{
    static const int mode[] = {[FP_RNE] = FE_TONEAREST,
                               [FP_RTZ] = FE_TOWARDZERO,
                               [FP_RDN] = FE_DOWNWARD,
                               [FP_RUP] = FE_UPWARD};

    if (!usable || fmt == FP_H || rm > FP_RUP)
        return false;
    return fesetround(mode[rm]) == 0 && feclearexcept(FE_ALL_EXCEPT) == 0;
}

static void end(unsigned *flags)
{
    int raised = fetestexcept(FE_ALL_EXCEPT);

    *flags |= (raised & FE_INEXACT ? FP_NX : 0u) | (raised & FE_UNDERFLOW ? FP_UF : 0u) |
              (raised & FE_OVERFLOW ? FP_OF : 0u) | (raised & FE_DIVBYZERO ? FP_DZ : 0u) |
              (raised & FE_INVALID ? FP_NV : 0u);
    fesetround(FE_TONEAREST);
}

#define ARITH(name, type, SQRT, FMA)                                                               \
    static type name(enum fp_op op, type x, type y, type z)                                        \
    {                                                                                              \
        volatile type a = x, b = y, c = z, r = 0;                                                  \
        switch (op) {                                                                              \
        case FP_OP_ADD:                                                                            \
            r = a + b;                                                                             \
            break;                                                                                 \
        case FP_OP_SUB:                                                                            \
            r = a - b;                                                                             \
            break;                                                                                 \
        case FP_OP_MUL:                                                                            \
            r = a * b;                                                                             \
            break;                                                                                 \
        case FP_OP_DIV:                                                                            \
            r = a / b;                                                                             \
            break;                                                                                 \
        case FP_OP_SQRT:                                                                           \
            r = SQRT(a);                                                                           \
            break;                                                                                 \
        default:                                                                                   \
            r = FMA(a, b, c);                                                                      \
            break;                                                                                 \
        }                                                                                          \
        return r;                                                                                  \
    }

ARITH(arith_float, float, sqrtf, fmaf)
ARITH(arith_double, double, sqrt, fma)

bool fphost_arith(enum fp_op op, enum fp_format fmt, const uint64_t operand[3], enum fp_round rm,
                  uint64_t *result, unsigned *flags)
{
    if (!begin(fmt, rm))
        return false;
    if (fmt == FP_S)
        *result = from_float(
            arith_float(op, to_float(operand[0]), to_float(operand[1]), to_float(operand[2])));
    else
        *result = from_double(
            arith_double(op, to_double(operand[0]), to_double(operand[1]), to_double(operand[2])));
    end(flags);
    return true;
}

bool fphost_convert(enum fp_format to, enum fp_format from, uint64_t a, enum fp_round rm,
                    uint64_t *result, unsigned *flags)
{
    volatile float f = to_float(a);
    volatile double d = to_double(a);

    if (from == FP_H || to == from || !begin(to, rm))
        return false;
    if (to == FP_S)
        f = (float)d;
    else
        d = (double)f;
    *result = to == FP_S ? from_float(f) : from_double(d);
    end(flags);
    return true;
}

bool fphost_to_long(enum fp_format fmt, uint64_t a, enum fp_round rm, uint64_t *result,
                    unsigned *flags)
{
    volatile float f = to_float(a);
    volatile double d = to_double(a);

    if (!begin(fmt, rm))
        return false;
    volatile long long value = fmt == FP_S ? llrintf(f) : llrint(d);
    *result = (uint64_t)value;
    end(flags);
    return true;
}

/* Only what fits in int64_t: compilers make other conversions of several roundings. */
bool fphost_from_int(enum fp_format fmt, uint64_t value, unsigned bits, bool is_signed,
                     enum fp_round rm, uint64_t *result, unsigned *flags)
{
    volatile int64_t number = bits == 64  ? (int64_t)value
                              : is_signed ? (int32_t)value
                                          : (int64_t)(uint32_t)value;
    volatile float f = 0;
    volatile double d = 0;

    if ((bits == 64 && !is_signed && value >> 63) || !begin(fmt, rm))
        return false;
    if (fmt == FP_S)
        f = (float)number;
    else
        d = (double)number;
    *result = fmt == FP_S ? from_float(f) : from_double(d);
    end(flags);
    return true;
}

bool fphost_relation(enum fp_format fmt, uint64_t a, uint64_t b, int *relation)
{
    /* binary32 is widened without error */
    double x = fmt == FP_S ? (double)to_float(a) : to_double(a);
    double y = fmt == FP_S ? (double)to_float(b) : to_double(b);

    *relation = isunordered(x, y) ? 2 : isless(x, y) ? -1 : isgreater(x, y) ? 1 : 0;
    return fmt != FP_H;
}
