/* SPDX-License-Identifier: MIT */
/*
 * Builder and walker of Sv39 page tables with 4 KiB pages (Priv. "Sv39: Page-Based 39-bit
 * Virtual-Memory System").
 */
#ifndef GUESTS_LIB_PAGING_H
#define GUESTS_LIB_PAGING_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096UL

#define PTE_V     (1UL << 0)
#define PTE_R     (1UL << 1)
#define PTE_W     (1UL << 2)
#define PTE_X     (1UL << 3)
#define PTE_U     (1UL << 4)
#define PTE_G     (1UL << 5)
#define PTE_A     (1UL << 6)
#define PTE_D     (1UL << 7)

/* Where the linker put the parts of the image. */
extern char text_start[], trampoline[], user_text[], rodata_start[], data_start[], image_end[];

struct page_table {
    uint64_t *root;
};

static inline uint64_t phys_of(const void *pointer)
{
    return (uint64_t)pointer - KERNEL_OFFSET;
}

/* An empty table. Tables come from a pool in the image; when it is empty the guest fails. */
struct page_table page_table_new(void);

/*
 * Maps size bytes (whole pages) at va to pa. flags are R W X U; V, A and D are added. Overwrites
 * what was there.
 */
void page_map(struct page_table table, uint64_t va, uint64_t pa, uint64_t size, uint64_t flags);

/* Maps the image: text executable, constants readable, the rest writable. */
void page_map_image(struct page_table table);

/* The leaf entry that translates va, or NULL. */
uint64_t *page_leaf(struct page_table table, uint64_t va);

/* Physical address that a leaf entry names. */
uint64_t pte_address(uint64_t pte);

uint64_t page_table_satp(struct page_table table);

/* Calls visit for each leaf in order of address. */
void page_each(struct page_table table, void (*visit)(uint64_t va, uint64_t pte, void *context),
               void *context);

#endif
