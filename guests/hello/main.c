/* SPDX-License-Identifier: MIT */
/*
 * The test kernel: turns on paging with a table of its own, lets the timer tick, and checks what it
 * sees on the way. Anything wrong ends it with the failure reason.
 */
#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define TICKS       5
#define TICK_LENGTH 20000UL
#define ALIAS_VA    0x3fffe00000UL /* below 2^38, far from the image */
#define FDT_MAGIC   0xedfe0dd0U    /* 0xd00dfeed, big-endian in memory */

static _Alignas(4096) uint64_t shared_page[512];
static volatile unsigned ticks;
static volatile uint64_t deadline;

void guest_main(uint64_t hart, const uint32_t *fdt);

static void on_interrupt(uint64_t scause)
{
    uint64_t now = rdtime();

    require(scause == CAUSE_SUPERVISOR_TIMER);
    require(now >= deadline);
    require((csr_read(sstatus) & (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) ==
            (SSTATUS_SPP | SSTATUS_SPIE));
    ticks++;
    deadline += TICK_LENGTH;
    sbi_set_timer(ticks < TICKS ? deadline : -1UL);
    print("hello: tick %u, %lu after its deadline\n", ticks, now - (deadline - TICK_LENGTH));
}

static struct page_table build_table(void)
{
    struct page_table table = page_table_new();

    page_map_image(table);
    page_map(table, ALIAS_VA, phys_of(shared_page), PAGE_SIZE, PTE_R | PTE_W);
    page_map(table, ALIAS_VA + PAGE_SIZE, phys_of(shared_page), PAGE_SIZE, PTE_R);
    page_map(table, ALIAS_VA + 2 * PAGE_SIZE, phys_of(shared_page), PAGE_SIZE,
             PTE_R | PTE_X | PTE_U);
    return table;
}

static void check_fault(struct trap_record record, uint64_t scause, uint64_t va)
{
    require(record.taken);
    require(record.scause == scause);
    require(record.stval == va);
}

/* Reads and writes go where the table says, and nowhere else. */
static void check_translation(void)
{
    volatile uint64_t *alias = (volatile uint64_t *)ALIAS_VA;
    volatile uint64_t *direct = shared_page;

    *direct = 0x1122334455667788;
    require(*alias == 0x1122334455667788);
    *alias = 0x99aabbccddeeff00;
    require(*direct == 0x99aabbccddeeff00);
    require(!try_load(ALIAS_VA + PAGE_SIZE).taken);
    check_fault(try_store(ALIAS_VA + PAGE_SIZE + 8), CAUSE_STORE_PAGE_FAULT,
                ALIAS_VA + PAGE_SIZE + 8);
    check_fault(try_call(ALIAS_VA), CAUSE_INSTRUCTION_PAGE_FAULT, ALIAS_VA);
    check_fault(try_load(ALIAS_VA + 2 * PAGE_SIZE), CAUSE_LOAD_PAGE_FAULT,
                ALIAS_VA + 2 * PAGE_SIZE);
    check_fault(try_call(ALIAS_VA + 2 * PAGE_SIZE), CAUSE_INSTRUCTION_PAGE_FAULT,
                ALIAS_VA + 2 * PAGE_SIZE);
    check_fault(try_load(0), CAUSE_LOAD_PAGE_FAULT, 0);
    check_fault(try_load(1UL << 39), CAUSE_LOAD_PAGE_FAULT, 1UL << 39); /* not canonical */
    require(*direct == 0x99aabbccddeeff00);
}

/* A change of the table holds once the fence is through. */
static void check_remap(struct page_table table)
{
    uint64_t *leaf = page_leaf(table, ALIAS_VA);

    require(leaf != NULL);
    *leaf &= ~PTE_V;
    sfence_vma();
    check_fault(try_load(ALIAS_VA + 16), CAUSE_LOAD_PAGE_FAULT, ALIAS_VA + 16);
    *leaf |= PTE_V;
    sfence_vma();
    require(!try_load(ALIAS_VA + 16).taken);
}

struct summary {
    uint64_t start, next, flags;
    uint64_t pages;
};

static void print_range(const struct summary *range)
{
    if (range->next == range->start)
        return;
    print("hello: %lx-%lx %c%c%c%c\n", range->start, range->next - 1,
          range->flags & PTE_R ? 'r' : '-', range->flags & PTE_W ? 'w' : '-',
          range->flags & PTE_X ? 'x' : '-', range->flags & PTE_U ? 'u' : '-');
}

/* Joins neighbours with the same permissions into one line. */
static void visit_leaf(uint64_t va, uint64_t pte, void *context)
{
    struct summary *range = context;
    uint64_t flags = pte & (PTE_R | PTE_W | PTE_X | PTE_U);

    if (va != range->next || flags != range->flags) {
        print_range(range);
        range->start = va;
        range->flags = flags;
    }
    range->next = va + PAGE_SIZE;
    range->pages++;
}

static void print_table(struct page_table table)
{
    struct summary range = {0};
    uint64_t expected = (uint64_t)(image_end - text_start) / PAGE_SIZE + 3;

    print("hello: page table at %lx, satp %lx\n", phys_of(table.root), csr_read(satp));
    page_each(table, visit_leaf, &range);
    print_range(&range);
    print("hello: %lu pages mapped\n", range.pages);
    require(range.pages == expected);
}

static void run_timer(void)
{
    uint64_t start = rdtime();

    deadline = start + TICK_LENGTH;
    sbi_set_timer(deadline);
    csr_set(sie, SIE_STIE);
    while (ticks < TICKS) { /* off, but for a moment: the last one must not come just before wfi */
        __asm__ volatile("wfi");
        csr_set(sstatus, SSTATUS_SIE);
        csr_clear(sstatus, SSTATUS_SIE);
    }
    require(rdtime() - start >= TICKS * TICK_LENGTH);
    require(!(csr_read(sip) & SIE_STIE));
}

void guest_main(uint64_t hart, const uint32_t *fdt)
{
    struct sbi_ret version = sbi_get_spec_version();
    struct page_table table;

    require(version.error == 0 && version.value > 0);
    print("hello: hart %lu, SBI %lu.%lu\n", hart, (uint64_t)version.value >> 24,
          (uint64_t)version.value & 0xffffff);
    require(csr_read(satp) == 0);
    require(((uint64_t)fdt & 7) == 0 && *fdt == FDT_MAGIC);

    trap_init(on_interrupt);
    table = build_table();
    csr_write(satp, page_table_satp(table));
    sfence_vma();
    require(csr_read(satp) == page_table_satp(table));
    print("hello: paging is on\n");
    check_translation();
    check_remap(table);
    run_timer();
    print_table(table);
    print("hello: all is well\n");
    sbi_shutdown();
}
