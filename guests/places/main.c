/* SPDX-License-Identifier: MIT */
/*
 * A kernel that takes one part of the address space after the other for itself and for its program,
 * until none is left in which an engine could have something of its own.
 */
#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"
#include "guests/rules/run.h"

#define GIB     (1UL << 30)
#define USER_VA 0x10000UL
#define STEPS   20000UL
#define OFFSETS 4

extern char user_add[];
void guest_main(void);

static _Alignas(4096) uint64_t page[OFFSETS][512], user_page[OFFSETS][512];
static struct page_table space;

/* Long enough for the hart itself to do it. */
static __attribute__((noinline)) uint64_t add(volatile uint64_t *word, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        *word += 1;
    return *word;
}

static void take(uint64_t gib, uint64_t round)
{
    static const uint64_t offset[OFFSETS] = {0, 0x8000, 0x200000, 0x2000000};

    for (unsigned i = 0; i < OFFSETS; i++) {
        uint64_t va = gib * GIB + offset[i];
        page_map(space, va, phys_of(page[i]), PAGE_SIZE, PTE_R | PTE_W);
        page_map(space, va + PAGE_SIZE, phys_of(user_page[i]), PAGE_SIZE, PTE_R | PTE_W | PTE_U);
    }
    sfence_vma();
    for (unsigned i = 0; i < OFFSETS; i++) {
        uint64_t va = gib * GIB + offset[i];
        require(add((volatile uint64_t *)va, STEPS) == round * STEPS &&
                page[i][0] == round * STEPS);
        struct run run = {.pc = USER_VA, .sstatus = SSTATUS_SPIE, .a = {va + PAGE_SIZE, 1, STEPS}};
        run_until_trap(&run);
        require(run.scause == CAUSE_BREAKPOINT && run.a[0] == round * STEPS);
        require(user_page[i][0] == round * STEPS);
    }
    print("places: %lu GiB\n", gib);
}

void guest_main(void)
{
    static const uint8_t gibs[] = {128, 64, 192, 32};

    trap_init(NULL);
    space = page_table_new();
    page_map_image(space);
    page_map(space, USER_VA, phys_of(user_add), PAGE_SIZE, PTE_R | PTE_X | PTE_U);
    csr_write(satp, page_table_satp(space));
    sfence_vma();
    for (uint64_t i = 0; i < sizeof gibs; i++)
        take(gibs[i], i + 1);
    print("places: all is well\n");
    sbi_shutdown();
}
