/* SPDX-License-Identifier: MIT */
/* Sv39 page tables (Priv. "Sv39: Page-Based 39-bit Virtual-Memory System"): the kernel's, and
 * users'. */
#ifndef GUESTS_ULIX_TABLE_H
#define GUESTS_ULIX_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "guests/ulix/memory.h"

/* One of the two bits that are left to software: written to, the page becomes the writer's own. */
#define PTE_COPY (1UL << 8)

/* The kernel's table: the image, RAM, the trampoline and the pages of harts. Not yet in use. */
void table_init(uint64_t ram_start, uint64_t ram_end);

/* Maps registers at their physical address in the kernel's table, before other harts use it. */
void table_map_device(uint64_t address, uint64_t size);

uint64_t table_kernel_satp(void);

/* A user's table: nothing but what is at the top of every one. NULL: no memory. */
uint64_t *table_new(void);
uint64_t table_satp(const uint64_t *root);

/* The last-level entry for va below STACK_TOP; if make, with the tables in between. Or NULL. */
uint64_t *table_entry(uint64_t *root, uint64_t va, bool make);

uint64_t table_leaf(const uint64_t *page, uint64_t flags);
uint64_t *table_page(uint64_t pte);

/* Calls visit for each leaf of a user's, until one returns false; then so does this. */
bool table_each(const uint64_t *root, bool (*visit)(uint64_t va, uint64_t *pte, void *context),
                void *context);

/* Gives back the table, and a reference to each page that it maps. */
void table_free(uint64_t *root);

#endif
