/* SPDX-License-Identifier: MIT */
/*
 * Host memory for guest RAM that is touched page after page. One page at a time costs the host
 * 7,000 instructions; where the pages before are in use, a large page for 2 MiB costs 1,600 for
 * each of them, and needs no setting of the host's administrator, since the call asks
 * for it by name. What is in use already stays where it is.
 */
#include "engine/trap/stub/stub.h"

#define MADV_COLLAPSE 25
#define EINVAL        22

#define LARGE         MIB(2)
#define FRESH         160 /* pages to come without memory that make a large page worth its price */
#define RUN_PAGES     64  /* as many before make a run ... */
#define RUN_USED      48  /* ... of which are in use ... */
#define RUN_LAST      4   /* ... the last ones in any case */
#define BLOCKS        4096

static bool refused;                /* the host knows no such call, or nothing of large pages */
static uint64_t tried[BLOCKS / 64]; /* blocks of RAM, by their number's low bits */

/* How many pages of guest RAM from offset on the host holds memory for. */
static uint64_t pages_used(uint64_t offset, uint64_t npages)
{
    static uint8_t held[LARGE / PAGE_SIZE];
    uint64_t used = 0;

    if (stub_syscall(__NR_mincore, stub_config.window + offset, npages * PAGE_SIZE, (uint64_t)held,
                     0, 0, 0) != 0)
        return npages;
    for (uint64_t i = 0; i < npages; i++)
        used += held[i] & 1;
    return used;
}

bool reserve_is_run(uint64_t offset)
{
    return !refused && offset >= RUN_PAGES * PAGE_SIZE &&
           pages_used(offset - RUN_LAST * PAGE_SIZE, RUN_LAST) == RUN_LAST &&
           pages_used(offset - RUN_PAGES * PAGE_SIZE, RUN_PAGES) >= RUN_USED;
}

/* The call wants one page to be there. */
static bool take_block(uint64_t offset)
{
    uint64_t at = stub_config.window + offset;

    (void)*(volatile const uint8_t *)at;
    int64_t result = stub_syscall(__NR_madvise, at, LARGE, MADV_COLLAPSE, 0, 0, 0);
    refused = result == -EINVAL;
    if (result == 0)
        kernel.area->count[COUNT_RESERVED] += LARGE / PAGE_SIZE;
    return result == 0;
}

/* A block that was worth it is not asked for again, whatever came of it. */
static bool reserve_block(uint64_t block, uint64_t offset, uint64_t length)
{
    uint64_t bit = UINT64_C(1) << (block % 64), *word = &tried[block % BLOCKS / 64];
    uint64_t npages = length / PAGE_SIZE, fresh;

    if ((*word & bit) != 0 || refused || (block + 1) * LARGE > stub_config.ram_size)
        return !refused;
    fresh = npages - pages_used(offset, npages);
    if (fresh < FRESH)
        return fresh < npages / 4;
    *word |= bit;
    return take_block(block * LARGE);
}

bool reserve_take(uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;
    bool there = true;

    while (offset < end) {
        uint64_t next = (offset / LARGE + 1) * LARGE;
        next = next < end ? next : end;
        there = reserve_block(offset / LARGE, offset, next - offset) && there;
        offset = next;
    }
    return there;
}

void reserve_touched(uint64_t offset)
{
    static uint64_t next, run;

    run = offset == next ? run + 1 : 1;
    next = offset + PAGE_SIZE;
    if (run % RUN_PAGES == 0)
        (void)reserve_take(offset, LARGE - offset % LARGE);
}
