/* SPDX-License-Identifier: MIT */
/* Sv39 page tables out of a fixed pool. */
#include "guests/lib/paging.h"

#include "guests/lib/csr.h"
#include "guests/lib/print.h"

#define ENTRIES    512
#define POOL_PAGES 80

static _Alignas(4096) uint64_t pool[POOL_PAGES][ENTRIES];
static size_t pool_used;

static uint64_t *table_alloc(void)
{
    require(pool_used < POOL_PAGES);
    return pool[pool_used++];
}

uint64_t pte_address(uint64_t pte)
{
    return (pte >> 10 & ((1UL << 44) - 1)) << 12;
}

static uint64_t pte_make(uint64_t address, uint64_t flags)
{
    return address >> 12 << 10 | flags | PTE_V;
}

static size_t vpn(uint64_t va, int level)
{
    return va >> (12 + 9 * level) & (ENTRIES - 1);
}

static uint64_t *table_of(uint64_t pte)
{
    return (uint64_t *)(pte_address(pte) + KERNEL_OFFSET);
}

struct page_table page_table_new(void)
{
    return (struct page_table){table_alloc()};
}

static void map_page(struct page_table table, uint64_t va, uint64_t pa, uint64_t flags)
{
    uint64_t *entries = table.root;

    for (int level = 2; level > 0; level--) {
        uint64_t *pte = &entries[vpn(va, level)];

        if (!(*pte & PTE_V))
            *pte = pte_make(phys_of(table_alloc()), 0);
        entries = table_of(*pte);
    }
    entries[vpn(va, 0)] = pte_make(pa, flags | PTE_A | PTE_D);
}

void page_map(struct page_table table, uint64_t va, uint64_t pa, uint64_t size, uint64_t flags)
{
    for (uint64_t at = 0; at < size; at += PAGE_SIZE)
        map_page(table, va + at, pa + at, flags);
}

static void map_part(struct page_table table, const char *from, const char *to, uint64_t flags)
{
    page_map(table, (uint64_t)from, phys_of(from), (uint64_t)(to - from), flags | KERNEL_GLOBAL);
}

void page_map_image(struct page_table table)
{
    map_part(table, text_start, rodata_start, PTE_R | PTE_X);
    map_part(table, rodata_start, data_start, PTE_R);
    map_part(table, data_start, image_end, PTE_R | PTE_W);
}

uint64_t *page_leaf(struct page_table table, uint64_t va)
{
    uint64_t *entries = table.root;

    for (int level = 2; level > 0; level--) {
        uint64_t pte = entries[vpn(va, level)];

        if (!(pte & PTE_V))
            return NULL;
        entries = table_of(pte);
    }
    return entries[vpn(va, 0)] & PTE_V ? &entries[vpn(va, 0)] : NULL;
}

uint64_t page_table_satp(struct page_table table)
{
    return SATP_SV39 | phys_of(table.root) >> 12;
}

static void each_in(const uint64_t *entries, int level, uint64_t base,
                    void (*visit)(uint64_t va, uint64_t pte, void *context), void *context)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t va = base + (i << (12 + 9 * level));

        if (level == 2 && i >= ENTRIES / 2)
            va |= -1UL << 39; /* canonical: bits 63-39 equal bit 38 */
        if (!(entries[i] & PTE_V))
            continue;
        if (level == 0)
            visit(va, entries[i], context);
        else
            each_in(table_of(entries[i]), level - 1, va, visit, context);
    }
}

void page_each(struct page_table table, void (*visit)(uint64_t va, uint64_t pte, void *context),
               void *context)
{
    each_in(table.root, 2, 0, visit, context);
}
