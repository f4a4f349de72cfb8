/* SPDX-License-Identifier: MIT */
/*
 * Thousands of pages whose neighbours in virtual memory are none in physical memory, so that a host
 * needs a mapping for each, swept over by the kernel and by a program of its, several times.
 */
#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"
#include "guests/rules/run.h"

#define PAGES   1024UL
#define SWEEPS  2
#define KERNEL  0x40000000UL
#define USER    0x50000000UL
#define USER_VA 0x10000UL

extern char user_sweep[];
void guest_main(void);

static _Alignas(4096) uint64_t page[PAGES][512];
static struct page_table space;

/* An odd stride reaches every page, and no two in a row. */
static void scatter(uint64_t va, uint64_t flags)
{
    for (uint64_t i = 0; i < PAGES; i++)
        page_map(space, va + i * PAGE_SIZE, phys_of(page[i * 37 % PAGES]), PAGE_SIZE, flags);
}

static uint64_t sweep(uint64_t add)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < PAGES; i++) {
        volatile uint64_t *word = (volatile uint64_t *)(KERNEL + i * PAGE_SIZE);
        *word += add;
        sum += *word;
    }
    return sum;
}

static uint64_t program(uint64_t add)
{
    struct run run = {.pc = USER_VA, .sstatus = SSTATUS_SPIE, .a = {USER, add, PAGES}};

    run_until_trap(&run);
    require(run.scause == CAUSE_BREAKPOINT);
    return run.a[0];
}

void guest_main(void)
{
    uint64_t expected = 0;

    trap_init(NULL);
    space = page_table_new();
    page_map_image(space);
    page_map(space, USER_VA, phys_of(user_sweep), PAGE_SIZE, PTE_R | PTE_X | PTE_U);
    scatter(KERNEL, PTE_R | PTE_W);
    scatter(USER, PTE_R | PTE_W | PTE_U);
    csr_write(satp, page_table_satp(space));
    sfence_vma();
    for (uint64_t i = 0; i < SWEEPS; i++) {
        expected += PAGES;
        require(sweep(1) == expected);
        expected += 2 * PAGES;
        require(program(2) == expected);
    }
    print("scatter: %lu pages, all is well\n", PAGES);
    sbi_shutdown();
}
