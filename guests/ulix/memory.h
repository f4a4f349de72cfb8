/* SPDX-License-Identifier: MIT */
/* Pages of RAM. The kernel sees all of RAM at its physical address, so a page is a pointer. */
#ifndef GUESTS_ULIX_MEMORY_H
#define GUESTS_ULIX_MEMORY_H

#include <stdint.h>

#include "guests/lib/paging.h"

#define PAGE_WORDS (PAGE_SIZE / sizeof(uint64_t))

/* Takes over RAM from ram_start to ram_end. */
void memory_init(uint64_t ram_start, uint64_t ram_end);

/* A page with one reference and any content, or NULL when there is none left. */
uint64_t *page_alloc(void);
uint64_t *page_alloc_zeroed(void);

/* A page is free again when its last reference is dropped. */
void page_hold(uint64_t *page);
void page_drop(uint64_t *page);
unsigned page_references(const uint64_t *page);

void page_copy(uint64_t *to, const uint64_t *from);
uint64_t pages_free(void);

#endif
