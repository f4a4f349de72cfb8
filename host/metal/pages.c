/* SPDX-License-Identifier: MIT */
/* Buddy allocator: two free halves of a block are that block, for every order below the largest. */
#include "host/metal/pages.h"

#include <string.h>

#define PAGES_BUSY 0xff

/* Stands at the beginning of every free block. */
struct page_block {
    struct page_block *next, **link; /* link: what points to this block */
};

static uintptr_t align_down(uintptr_t address, unsigned order)
{
    return address & ~((PAGE_SIZE << order) - 1);
}

static uintptr_t align_up(uintptr_t address, unsigned order)
{
    return align_down(address + (PAGE_SIZE << order) - 1, order);
}

static size_t count(unsigned order)
{
    return (size_t)1 << order;
}

static struct page_block *block_at(const struct pages *p, size_t page)
{
    return (struct page_block *)(p->base + page * PAGE_SIZE);
}

size_t pages_state_bytes(uintptr_t start, uintptr_t end)
{
    return (end - align_down(start, PAGES_ORDER_MAX)) >> PAGE_SHIFT;
}

void pages_init(struct pages *p, uintptr_t start, uintptr_t end, uint8_t *state)
{
    memset(p, 0, sizeof(*p));
    p->base = align_down(start, PAGES_ORDER_MAX);
    p->npages = pages_state_bytes(start, end);
    p->state = state;
    memset(state, PAGES_BUSY, p->npages);
}

static void push(struct pages *p, size_t page, unsigned order)
{
    struct page_block *block = block_at(p, page);

    p->state[page] = (uint8_t)order;
    block->next = p->free[order];
    block->link = &p->free[order];
    if (block->next != NULL)
        block->next->link = &block->next;
    p->free[order] = block;
    p->free_bytes += PAGE_SIZE << order;
}

static void take(struct pages *p, size_t page)
{
    struct page_block *block = block_at(p, page);

    p->free_bytes -= PAGE_SIZE << p->state[page];
    p->state[page] = PAGES_BUSY;
    *block->link = block->next;
    if (block->next != NULL)
        block->next->link = block->link;
}

/* Makes a block free and joins it with its buddy for as long as that one is free as a whole. */
static void release(struct pages *p, size_t page, unsigned order)
{
    for (; order < PAGES_ORDER_MAX; order++) {
        size_t buddy = page ^ count(order);
        if (buddy >= p->npages || p->state[buddy] != order)
            break;
        take(p, buddy);
        page &= ~count(order);
    }
    push(p, page, order);
}

/* The order of the largest block that begins at `page` and ends at `end` or before. */
static unsigned order_at(size_t page, size_t end)
{
    unsigned order = 0;

    while (order < PAGES_ORDER_MAX && (page & count(order)) == 0 && page + count(order + 1) <= end)
        order++;
    return order;
}

static void release_run(struct pages *p, size_t page, size_t end)
{
    while (page < end) {
        unsigned order = order_at(page, end);
        release(p, page, order);
        page += count(order);
    }
}

/* Is the page part of a free block? Then *head is that block's first page. */
static bool in_free_block(const struct pages *p, size_t page, size_t *head)
{
    for (unsigned order = 0; order < PAGES_ORDERS; order++) {
        *head = page & ~(count(order) - 1);
        if (p->state[*head] == order)
            return true;
    }
    return false;
}

/* A free block that overlaps the range begins within it or contains its first page. */
static bool all_busy(const struct pages *p, size_t page, size_t end)
{
    size_t head;

    if (page < end && in_free_block(p, page, &head))
        return false;
    for (; page < end; page++) {
        if (p->state[page] != PAGES_BUSY)
            return false;
    }
    return true;
}

int pages_add(struct pages *p, uintptr_t start, uintptr_t end)
{
    uintptr_t first = align_up(start, 0), behind = align_down(end, 0);

    if (start < p->base || end < start || end - p->base > p->npages * PAGE_SIZE)
        return ERR_RANGE;
    if (behind <= first)
        return 0;
    size_t page = (first - p->base) >> PAGE_SHIFT, last = (behind - p->base) >> PAGE_SHIFT;
    if (!all_busy(p, page, last))
        return ERR_OVERLAP;
    release_run(p, page, last);
    return 0;
}

void *pages_alloc(struct pages *p, unsigned order)
{
    unsigned from = order;

    while (from < PAGES_ORDERS && p->free[from] == NULL)
        from++;
    if (from >= PAGES_ORDERS)
        return NULL;
    struct page_block *block = p->free[from];
    size_t page = ((uintptr_t)block - p->base) >> PAGE_SHIFT;
    take(p, page);
    while (from > order) {
        from--;
        push(p, page + count(from), from);
    }
    return block;
}

int pages_free(struct pages *p, void *block, unsigned order)
{
    uintptr_t start = (uintptr_t)block;

    if (order > PAGES_ORDER_MAX || start != align_down(start, order))
        return ERR_INVALID;
    return pages_add(p, start, start + (PAGE_SIZE << order));
}

/* The next run of free pages at or behind `page`: its first page, and in *end the one behind it.
 * npages when there is none. */
static size_t next_run(const struct pages *p, size_t page, size_t *end)
{
    while (page < p->npages && p->state[page] == PAGES_BUSY)
        page++;
    for (*end = page; *end < p->npages && p->state[*end] != PAGES_BUSY;)
        *end += count(p->state[*end]);
    return page;
}

/* Takes a run out of the free blocks that it touches; what sticks out of them stays free. */
static void take_run(struct pages *p, size_t page, size_t end)
{
    size_t head;

    while (page < end && in_free_block(p, page, &head)) {
        size_t behind = head + count(p->state[head]);
        take(p, head);
        release_run(p, head, page);
        if (behind > end)
            release_run(p, end, behind);
        page = behind;
    }
}

void *pages_alloc_run(struct pages *p, uint64_t size, unsigned order)
{
    size_t n = (size_t)(size >> PAGE_SHIFT), end;

    if (n == 0 || size % PAGE_SIZE != 0 || order > PAGES_ORDER_MAX)
        return NULL;
    for (size_t page = next_run(p, 0, &end); page < p->npages; page = next_run(p, end, &end)) {
        size_t first = (page + count(order) - 1) & ~(count(order) - 1);
        if (first < end && end - first >= n) {
            take_run(p, first, first + n);
            return block_at(p, first);
        }
    }
    return NULL;
}

uint64_t pages_longest_run(const struct pages *p, unsigned order)
{
    size_t longest = 0, end;

    for (size_t page = next_run(p, 0, &end); page < p->npages; page = next_run(p, end, &end)) {
        size_t first = (page + count(order) - 1) & ~(count(order) - 1);
        if (first < end && end - first > longest)
            longest = end - first;
    }
    return (uint64_t)longest << PAGE_SHIFT;
}
