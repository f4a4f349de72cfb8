/* SPDX-License-Identifier: MIT */
/* User programs in an address space of their own, entered and left through the trampoline. */
#ifndef GUESTS_BENCH_USER_H
#define GUESTS_BENCH_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "guests/lib/paging.h"

/* Builds the user's space, and maps the trampoline into the kernel's too. */
void user_init(struct page_table kernel);

/* Gives the user more memory, and takes it back. */
void user_map_data(uint64_t va, uint64_t pa, uint64_t size);
void user_unmap_data(uint64_t va, uint64_t size);

/*
 * Runs the program at entry (an address in the image's user part) until it exits; a failed one
 * fails the guest. With fast, an ecall is stepped over in the trampoline and only a breakpoint
 * reaches the kernel.
 */
void user_run(const char *entry, uint64_t argument, bool fast);

/* user.S */
extern char user_pure[], user_memory[], user_badsyscall[], user_goodsyscall[], user_ecall[],
    user_touch[];

#endif
