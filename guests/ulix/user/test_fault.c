/* SPDX-License-Identifier: MIT */
/* What programs may not do costs them their life, or -1, and the kernel nothing. */
#include "guests/ulix/user/tests.h"

#define KERNEL     0x80200000UL
#define DEVICE     0x10000000UL
#define TRAMPOLINE (-4096UL)
#define HART_PAGE  (-8192UL)
#define NOWHERE    0x3f000000UL
#define BEYOND     (1UL << 40) /* not an address of Sv39 */

static uint64_t target;
static const uint64_t constant = 1;

static void load(void)
{
    exit((int)*(volatile uint8_t *)target & 1);
}

static void store(void)
{
    *(volatile uint8_t *)target = 1;
}

static void jump(void)
{
    ((void (*)(void))target)();
}

static bool dies(void (*how)(void), uint64_t address, int cause)
{
    target = address;
    return run(how) == (STATUS_KILLED | cause);
}

static bool dies_everywhere(void (*how)(void), int cause)
{
    static const uint64_t places[] = {KERNEL, DEVICE, TRAMPOLINE, HART_PAGE, NOWHERE, BEYOND};
    bool good = true;

    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++)
        good &= dies(how, places[i], cause);
    return good;
}

#define ILLEGAL(name, instruction)                                                                 \
    static void name(void)                                                                         \
    {                                                                                              \
        __asm__ volatile(instruction : : : "t0", "memory");                                        \
    }

ILLEGAL(read_sstatus, "csrr t0, sstatus")
ILLEGAL(write_satp, "csrw satp, zero")
ILLEGAL(return_from_trap, "sret")
ILLEGAL(fence_tables, "sfence.vma")
ILLEGAL(no_instruction, ".half 0")
ILLEGAL(break_point, "ebreak")

static void test_pointers(void)
{
    static const uint64_t bad[] = {KERNEL, TRAMPOLINE, HART_PAGE, NOWHERE, BEYOND, -1UL};
    bool good = true;

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *pointer = (void *)bad[i];
        char *const arguments[] = {pointer, NULL};

        good &= write(1, pointer, 1) == -1 && open(pointer) == -1 && pipe(pointer) == -1;
        good &= exec(pointer, arguments) == -1 && exec("echo", arguments) == -1;
        good &= exec("echo", pointer) == -1;
    }
    check(good, "pointers to what is not the program's are refused by system calls");
    check(pipe((int *)0) == -1 && pipe((int *)&constant) == -1, "... and to what it may not write");
    check(write(1, (void *)(-2UL), 4) == -1, "... and ranges that wrap around");
}

void test_faults(void)
{
    static uint64_t data;

    check(dies_everywhere(load, 13), "a load from what is not the program's ends it");
    check(dies_everywhere(store, 15), "... a store to it too");
    check(dies_everywhere(jump, 12), "... and a jump there");
    check(dies(store, 0, 15), "code is not written");
    check(dies(store, (uint64_t)&constant, 15), "constants are not written");
    check(dies(jump, (uint64_t)&data & -2UL, 12), "data is not executed");
    check(run(read_sstatus) == (STATUS_KILLED | 2) && run(write_satp) == (STATUS_KILLED | 2) &&
              run(return_from_trap) == (STATUS_KILLED | 2) &&
              run(fence_tables) == (STATUS_KILLED | 2) &&
              run(no_instruction) == (STATUS_KILLED | 2),
          "what is privileged, or no instruction, is illegal");
    check(run(break_point) == (STATUS_KILLED | 3), "ebreak ends a program");
    test_pointers();
}
