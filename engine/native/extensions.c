/* SPDX-License-Identifier: MIT */
/* Extensions of the host's harts, from Linux or by trying. */
#include "engine/native/extensions.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/isa.h"

#define EXT(id) (UINT64_C(1) << ISA_##id)

/* riscv_hwprobe (Linux, Documentation/arch/riscv/hwprobe.rst). */
#define SYS_HWPROBE           258
#define KEY_IMA_EXT_0         4
#define KEY_ZICBOZ_BLOCK_SIZE 6

/* Bits of KEY_IMA_EXT_0. */
static const struct {
    uint64_t bit, ext;
} named[] = {
    {1 << 0, EXT(F) | EXT(D)}, {1 << 1, EXT(C)},      {1 << 3, EXT(ZBA)}, {1 << 4, EXT(ZBB)},
    {1 << 5, EXT(ZBS)},        {1 << 6, EXT(ZICBOZ)}, {1 << 7, EXT(ZBC)}, {1 << 27, EXT(ZFH)},
};

/* False: this kernel does not say. */
static bool ask(uint64_t *ext)
{
    struct {
        int64_t key;
        uint64_t value;
    } pair[] = {{.key = KEY_IMA_EXT_0}, {.key = KEY_ZICBOZ_BLOCK_SIZE}};

    if (syscall(SYS_HWPROBE, pair, ARRAY_SIZE(pair), 0, NULL, 0) != 0 || pair[0].key < 0)
        return false;
    *ext = 0;
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        if ((pair[0].value & named[i].bit) != 0)
            *ext |= named[i].ext;
    }
    if (pair[1].key < 0 || pair[1].value != NATIVE_CBO_BLOCK)
        *ext &= ~EXT(ZICBOZ);
    return true;
}

/* An instruction that there is not has no effect. */
static void skip(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.__gregs[REG_PC] += 4;
}

/* What an instruction makes of a0 = 5 and a1 = 6. */
#define COMPUTE(name, word)                                                                        \
    static uint64_t name(void)                                                                     \
    {                                                                                              \
        register uint64_t a0 __asm__("a0") = 5;                                                    \
        register uint64_t a1 __asm__("a1") = 6;                                                    \
                                                                                                   \
        __asm__ volatile(".word " #word : "+r"(a0) : "r"(a1));                                     \
        return a0;                                                                                 \
    }

COMPUTE(sh1add, 0x20b52533)
COMPUTE(andn, 0x40b57533)
COMPUTE(clmul, 0x0ab51533)
COMPUTE(bset, 0x28b51533)

/* fmv.h.x: a half of 1, as all 64 bits have it. */
static uint64_t move_half(void)
{
    register uint64_t a0 __asm__("a0") = 0x3c00;

    __asm__ volatile("fmv.d.x fa0, zero\n\t"
                     ".word 0xf4050553\n\t"
                     "fmv.x.d a0, fa0"
                     : "+r"(a0)
                     :
                     : "fa0");
    return a0;
}

/* cbo.zero: how many bytes behind the block's start it clears, the whole being four blocks. */
static uint64_t clear_block(void)
{
    static _Alignas(4 * NATIVE_CBO_BLOCK) uint8_t bytes[4 * NATIVE_CBO_BLOCK];
    register uint8_t *a0 __asm__("a0") = bytes + NATIVE_CBO_BLOCK;
    uint64_t cleared = 0;

    memset(bytes, 0xff, sizeof(bytes));
    __asm__ volatile(".word 0x0045200f" : : "r"(a0) : "memory");
    for (size_t i = 0; i < sizeof(bytes); i++)
        cleared += bytes[i] == 0;
    return a0[0] == 0 && a0[NATIVE_CBO_BLOCK - 1] == 0 ? cleared : 0;
}

static const struct {
    uint64_t ext;
    uint64_t (*result)(void);
    uint64_t expected;
} tries[] = {
    {EXT(ZBA), sh1add, 2 * 5 + 6},
    {EXT(ZBB), andn, 5 & ~6},
    {EXT(ZBC), clmul, 5 << 1 ^ 5 << 2},
    {EXT(ZBS), bset, 5 | 1 << 6},
    {EXT(ZFH), move_half, UINT64_C(0xffffffffffff3c00)},
    {EXT(ZICBOZ), clear_block, NATIVE_CBO_BLOCK},
};

static uint64_t try(void)
{
    uint64_t ext = EXT(F) | EXT(D) | EXT(C); /* what every Linux user has */
    struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO}, before;

    if (sigaction(SIGILL, &action, &before) != 0)
        return ext;
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        if (tries[i].result() == tries[i].expected)
            ext |= tries[i].ext;
    }
    sigaction(SIGILL, &before, NULL);
    return ext;
}

uint64_t native_extensions(void)
{
    uint64_t ext;

    return ask(&ext) ? ext : try();
}
