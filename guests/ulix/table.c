/* SPDX-License-Identifier: MIT */
/*
 * A user's table is a root, and below it what the program uses. The last entry of each root names
 * the same table, which maps the trampoline and the pages of harts; the kernel's maps all else with
 * virtual = physical.
 */
#include "guests/ulix/table.h"

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/ulix/hart.h"

#define ENTRIES  512
#define LEAF     (PTE_R | PTE_W | PTE_X)
#define MEGAPAGE (PAGE_SIZE * ENTRIES)

static uint64_t *kernel_root;

static uint64_t index_at(uint64_t va, int level)
{
    return va >> (12 + 9 * level) & (ENTRIES - 1);
}

uint64_t *table_page(uint64_t pte)
{
    return (uint64_t *)pte_address(pte);
}

static uint64_t entry_for(const uint64_t *page)
{
    return (uint64_t)page >> 12 << 10 | PTE_V;
}

/* A and D are set from the start: a hart may want them set rather than set them. */
uint64_t table_leaf(const uint64_t *page, uint64_t flags)
{
    return entry_for(page) | flags | PTE_A | (flags & PTE_W ? PTE_D : 0);
}

static uint64_t *entry_at(uint64_t *root, uint64_t va, int last, bool make)
{
    uint64_t *table = root;

    for (int level = 2; level > last; level--) {
        uint64_t *entry = &table[index_at(va, level)];

        if (*entry == 0) {
            uint64_t *below = make ? page_alloc_zeroed() : NULL;

            if (below == NULL)
                return NULL;
            *entry = entry_for(below);
        }
        table = table_page(*entry);
    }
    return &table[index_at(va, last)];
}

uint64_t *table_entry(uint64_t *root, uint64_t va, bool make)
{
    return entry_at(root, va, 0, make);
}

/* Maps into the kernel's table, with 2 MiB at once where that fits. */
static void map(uint64_t va, uint64_t pa, uint64_t size, uint64_t flags)
{
    uint64_t step;

    for (uint64_t at = 0; at < size; at += step) {
        bool large = ((va + at) | (pa + at)) % MEGAPAGE == 0 && size - at >= MEGAPAGE;
        uint64_t *entry = entry_at(kernel_root, va + at, large ? 1 : 0, true);

        require(entry != NULL);
        *entry = table_leaf((const uint64_t *)(pa + at), flags);
        step = large ? MEGAPAGE : PAGE_SIZE;
    }
}

static void map_part(const char *from, const char *to, uint64_t flags)
{
    map((uint64_t)from, (uint64_t)from, (uint64_t)(to - from), flags);
}

void table_map_device(uint64_t address, uint64_t size)
{
    map(address & -PAGE_SIZE, address & -PAGE_SIZE, size, PTE_R | PTE_W);
}

void table_init(uint64_t ram_start, uint64_t ram_end)
{
    kernel_root = page_alloc_zeroed();
    require(kernel_root != NULL);
    map_part(text_start, rodata_start, PTE_R | PTE_X);
    map_part(rodata_start, data_start, PTE_R);
    map_part(data_start, image_end, PTE_R | PTE_W);
    map(ram_start, ram_start, ram_end - ram_start, PTE_R | PTE_W);
    map(TRAMPOLINE, (uint64_t)trampoline, PAGE_SIZE, PTE_R | PTE_X);
    for (uint64_t i = 0; i < MAX_HARTS; i++)
        map(HART_PAGE(i), (uint64_t)hart_at(i), PAGE_SIZE, PTE_R | PTE_W);
}

uint64_t table_satp(const uint64_t *root)
{
    return SATP_SV39 | (uint64_t)root >> 12;
}

uint64_t table_kernel_satp(void)
{
    return table_satp(kernel_root);
}

uint64_t *table_new(void)
{
    uint64_t *root = page_alloc_zeroed();

    if (root != NULL)
        root[ENTRIES - 1] = kernel_root[ENTRIES - 1];
    return root;
}

static bool each_below(uint64_t *table, int level, uint64_t base,
                       bool (*visit)(uint64_t va, uint64_t *pte, void *context), void *context)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t va = base + (i << (12 + 9 * level));

        if (table[i] == 0)
            continue;
        if (level > 0 ? !each_below(table_page(table[i]), level - 1, va, visit, context)
                      : !visit(va, &table[i], context))
            return false;
    }
    return true;
}

bool table_each(const uint64_t *root, bool (*visit)(uint64_t va, uint64_t *pte, void *context),
                void *context)
{
    _Static_assert(STACK_TOP == PAGE_SIZE * ENTRIES * ENTRIES, "users have the first entry alone");

    return root[0] == 0 || each_below(table_page(root[0]), 1, 0, visit, context);
}

static void free_below(uint64_t entry, int level)
{
    uint64_t *page = table_page(entry);

    for (uint64_t i = 0; level > 0 && i < ENTRIES; i++) {
        if (page[i] != 0)
            free_below(page[i], level - 1);
    }
    page_drop(page);
}

void table_free(uint64_t *root)
{
    if (root[0] != 0)
        free_below(root[0], 2);
    page_drop(root);
}
