/* SPDX-License-Identifier: MIT */
/*
 * A guest that a wrong bounds check of the translator's has let into the process (tests/bt/hole.c):
 * puts code of its own into the code cache and has it executed, a system call by the letter that
 * the console says.
 */
#include <stddef.h>

#include "guests/hole/hole.h"
#include "guests/lib/csr.h"
#include "guests/lib/print.h"

#define UART 0x10000000UL
#define LSR  5
#define RAM  0x80000000UL

#define CWD  (-100L) /* AT_FDCWD */

struct call {
    char letter;
    uint64_t word[7]; /* number and arguments */
    const char *path;
    unsigned path_at; /* which argument that is */
};

extern const uint32_t native_begin[], native_end[];
void go(const uint64_t call[7], const volatile uint64_t *target, uint64_t code);

static const struct call calls[] = {
    {'o', {56, (uint64_t)CWD, 0, 01001}, "victim", 1},             /* openat, truncating */
    {'u', {35, (uint64_t)CWD, 0, 0}, "victim", 1},                 /* unlinkat */
    {'n', {276, (uint64_t)CWD, 0, (uint64_t)CWD, 0}, "victim", 1}, /* renameat2 */
    {'x', {221, 0, 0, 0}, "/bin/busybox", 0},                      /* execve */
    {'c', {220, 17}, NULL, 0},                                     /* clone */
    {'s', {198, 1, 1}, NULL, 0},                                   /* socket */
    {'q', {203, 0, 0, 0}, NULL, 0},                                /* connect */
    {'p', {167, 4, 0}, NULL, 0},                                   /* prctl */
    {'m', {222, 0, 4096, 7, 0x22, (uint64_t)-1}, NULL, 0},         /* mmap, executable */
    {'f', {222, 0, 4096, 3, 1, 3}, NULL, 0},                       /* mmap of a file */
    {'r', {226, 0, 4096, 7}, NULL, 0},                             /* mprotect, executable */
    {'k', {129, 1, 0}, NULL, 0},                                   /* kill: others */
    {'w', {64, 1, 0, 0}, NULL, 0},                                 /* write: output */
    {'d', {68, 3, 0, 512, 0}, NULL, 0},                            /* pwrite64 */
    {'t', {117, 16, 1}, NULL, 0},                                  /* ptrace */
    {'i', {29, 0, 0x5412}, NULL, 0},                               /* ioctl: type a key */
    {'e', {64, 2, 0, 0}, NULL, 0},                                 /* write: a message */
    {'y', {124}, NULL, 0},                                         /* sched_yield */
};

static uint8_t console_get(void)
{
    volatile uint8_t *uart = (volatile uint8_t *)UART;

    while (!(uart[LSR] & 1))
        ;
    return uart[0];
}

static void *host(uint64_t address)
{
    return (void *)(HOLE + address);
}

static void attack(const struct call *call)
{
    const volatile struct hole *hole = host(0);
    uint64_t last = hole->code_size - 4096, word[7];
    volatile uint32_t *code = host(hole->code_rw + last);

    for (unsigned i = 0; i < 7; i++)
        word[i] = call->word[i];
    if (call->path != NULL)
        word[1 + call->path_at] = hole->ram + ((uint64_t)call->path - RAM);
    for (size_t i = 0; native_begin + i < native_end; i++)
        code[i] = native_begin[i];
    __asm__ volatile("fence.i" ::: "memory");
    go(word, hole->target, hole->code_rx + last);
}

void guest_main(void);
void guest_main(void)
{
    uint8_t letter = console_get();

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (calls[i].letter == letter)
            attack(&calls[i]);
    }
    print("hole: the way in is closed\n");
    sbi_shutdown();
}
