/* SPDX-License-Identifier: MIT */
/*
 * The board's memory in pages: a buddy allocator of blocks of 4 KiB << order, naturally aligned,
 * and of runs of any length for guest RAM. It keeps a byte per page of its own and the list nodes
 * inside the free blocks. Not locked: the caller does that.
 */
#ifndef HOST_METAL_PAGES_H
#define HOST_METAL_PAGES_H

#include "core/error.h"
#include "core/types.h"

#define PAGES_ORDERS    19 /* blocks of 4 KiB (order 0) to 1 GiB (order 18) */
#define PAGES_ORDER_2M  9
#define PAGES_ORDER_MAX (PAGES_ORDERS - 1)

struct page_block;

struct pages {
    uintptr_t base; /* address of page 0, aligned as the largest block */
    size_t npages;
    uint8_t *state; /* per page: the order of the free block that begins here, or PAGES_BUSY */
    struct page_block *free[PAGES_ORDERS];
    uint64_t free_bytes;
};

/* Bytes that `state` takes for addresses [start, end). */
size_t pages_state_bytes(uintptr_t start, uintptr_t end);

/* For pages within [start, end), none of which is free yet. `state` is the caller's memory. */
void pages_init(struct pages *pages, uintptr_t start, uintptr_t end, uint8_t *state);

/*
 * Makes the whole pages within [start, end) free: memory at the start, or a run that is given back.
 * ERR_RANGE outside of pages_init's range, ERR_OVERLAP when a page is free already (nothing
 * changes).
 */
int pages_add(struct pages *pages, uintptr_t start, uintptr_t end) MUST_CHECK;

/* A block of 4 KiB << order with whatever it holds, or NULL. */
void *pages_alloc(struct pages *pages, unsigned order);

/* Gives a block back. ERR_INVALID: no such order, or misaligned; else as pages_add. */
int pages_free(struct pages *pages, void *block, unsigned order) MUST_CHECK;

/* `size` bytes (whole pages) in a row, the first aligned to 4 KiB << order; NULL when there is no
 * such run. The lowest one is taken. */
void *pages_alloc_run(struct pages *pages, uint64_t size, unsigned order);

/* The longest run that pages_alloc_run could give, in bytes. */
uint64_t pages_longest_run(const struct pages *pages, unsigned order);

#endif
