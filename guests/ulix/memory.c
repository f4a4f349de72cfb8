/* SPDX-License-Identifier: MIT */
/*
 * The free pages, and how many references each page in use has: more than one after a fork, until
 * somebody writes, and for pages of files that processes have mapped.
 */
#include "guests/ulix/memory.h"

#include <stdatomic.h>
#include <string.h>

#include "guests/lib/print.h"
#include "guests/ulix/lock.h"

static struct lock lock;
static uint64_t *freed;     /* a list, each page's first word names the next */
static uint64_t fresh, end; /* never used so far: so booting does not touch all of RAM */
static uint64_t free_count;
static _Atomic uint32_t *references; /* a word for each page from base on */
static uint64_t base;

void memory_init(uint64_t ram_start, uint64_t ram_end)
{
    base = ram_start;
    end = ram_end & -PAGE_SIZE;
    require(base % PAGE_SIZE == 0 && end > base);
    references = (_Atomic uint32_t *)base; /* ahead of the pages themselves */
    fresh = base + (end - base) / PAGE_SIZE * sizeof references[0];
    fresh = (fresh + PAGE_SIZE - 1) & -PAGE_SIZE;
    require(fresh < end);
    free_count = (end - fresh) / PAGE_SIZE;
}

static _Atomic uint32_t *references_of(const uint64_t *page)
{
    uint64_t address = (uint64_t)page;

    require(address >= base && address < end && address % PAGE_SIZE == 0);
    return &references[(address - base) / PAGE_SIZE];
}

uint64_t *page_alloc(void)
{
    uint64_t *page = NULL;

    lock_acquire(&lock);
    if (freed != NULL) {
        page = freed;
        freed = (uint64_t *)page[0];
    } else if (fresh < end) {
        page = (uint64_t *)fresh;
        fresh += PAGE_SIZE;
    }
    if (page != NULL) {
        free_count--;
        atomic_store(references_of(page), 1);
    }
    lock_release(&lock);
    return page;
}

uint64_t *page_alloc_zeroed(void)
{
    uint64_t *page = page_alloc();

    for (uint64_t i = 0; page != NULL && i < PAGE_WORDS; i += 4) {
        page[i] = 0;
        page[i + 1] = 0;
        page[i + 2] = 0;
        page[i + 3] = 0;
    }
    return page;
}

void page_hold(uint64_t *page)
{
    require(atomic_fetch_add(references_of(page), 1) > 0);
}

void page_drop(uint64_t *page)
{
    uint32_t before = atomic_fetch_sub(references_of(page), 1);

    require(before > 0);
    if (before > 1)
        return;
    lock_acquire(&lock);
    page[0] = (uint64_t)freed;
    freed = page;
    free_count++;
    lock_release(&lock);
}

unsigned page_references(const uint64_t *page)
{
    return atomic_load(references_of(page));
}

void page_copy(uint64_t *to, const uint64_t *from)
{
    for (uint64_t i = 0; i < PAGE_WORDS; i += 4) {
        uint64_t a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];

        to[i] = a;
        to[i + 1] = b;
        to[i + 2] = c;
        to[i + 3] = d;
    }
}

uint64_t pages_free(void)
{
    lock_acquire(&lock);
    uint64_t count = free_count;

    lock_release(&lock);
    return count;
}
