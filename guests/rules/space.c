/* SPDX-License-Identifier: MIT */
/* Sv39 page tables with the pages that rules are tried on, and run_insn's page. */
#include "guests/rules/space.h"

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/rules/run.h"

#define NO_MEMORY 0x08000000UL /* a hole in the board's map */
#define EBREAK    0x00100073U

struct page_table space;
_Alignas(4096) uint8_t code_page[4096], try_pages[2][4096];

uint64_t *leaf_of(uint64_t va)
{
    uint64_t *leaf = page_leaf(space, va);

    require(leaf != NULL);
    return leaf;
}

void space_init(void)
{
    space = page_table_new();
    page_map_image(space);
    page_map(space, CODE_S, phys_of(code_page), PAGE_SIZE, PTE_R | PTE_X | KERNEL_GLOBAL);
    page_map(space, CODE_U, phys_of(code_page), PAGE_SIZE, PTE_R | PTE_X | PTE_U);
    page_map(space, TRY_VA, phys_of(try_pages), sizeof(try_pages), PTE_R | PTE_W | KERNEL_GLOBAL);
    page_map(space, BIG_VA, NO_MEMORY, PAGE_SIZE, PTE_R); /* makes its tables */
    page_map(space, NOWHERE, NO_MEMORY, PAGE_SIZE, PTE_R | PTE_W | PTE_X);
    page_map(space, UART_BASE, UART_BASE, PAGE_SIZE, PTE_R | PTE_W);
    page_map(space, PLIC_BASE, PLIC_BASE, 0x210000, PTE_R | PTE_W);
    csr_write(satp, page_table_satp(space));
    sfence_vma();
}

static void set(uint64_t *leaf, uint64_t pte)
{
    *(volatile uint64_t *)leaf = pte;
    sfence_vma();
}

void try_pte(unsigned n, uint64_t pte)
{
    static uint64_t *leaf[2];

    if (leaf[n] == NULL)
        leaf[n] = leaf_of(TRY_VA + n * PAGE_SIZE);
    set(leaf[n], pte);
}

void big_pte(uint64_t pte)
{
    uint64_t *middle = (uint64_t *)(pte_address(space.root[BIG_VA >> 30 & 511]) + KERNEL_OFFSET);

    *(volatile uint64_t *)&middle[BIG_VA >> 21 & 511] = pte;
}

void try_page(unsigned n, uint64_t flags)
{
    uint64_t global = (flags & PTE_U) == 0 ? KERNEL_GLOBAL : 0;

    try_pte(n, phys_of(try_pages[n]) >> 2 | flags | global | PTE_V | PTE_A | PTE_D);
}

uint64_t insn_address(uint64_t mode)
{
    return mode == IN_S ? CODE_S : CODE_U;
}

static void put16(unsigned at, uint32_t value)
{
    *(volatile uint16_t *)(code_page + at) = (uint16_t)value;
}

void put_insn(uint32_t insn)
{
    unsigned length = (insn & 3) == 3 ? 4 : 2;

    put16(0, insn);
    put16(2, insn >> 16);
    put16(length, EBREAK);
    put16(length + 2, EBREAK >> 16);
    __asm__ volatile("fence.i" : : : "memory");
}

void run_insn(struct run *run, uint64_t mode, uint32_t insn, uint64_t a0)
{
    put_insn(insn);
    run->pc = insn_address(mode);
    run->sstatus = (csr_read(sstatus) & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) | mode;
    run->a[0] = a0;
    run_until_trap(run);
}

bool completed(const struct run *run, uint64_t mode, unsigned length)
{
    return run->scause == CAUSE_BREAKPOINT && run->sepc == insn_address(mode) + length;
}

bool trapped(const struct run *run, uint64_t mode, uint64_t scause, uint64_t stval)
{
    return run->scause == scause && run->sepc == insn_address(mode) && run->stval == stval &&
           (run->trap_sstatus & SSTATUS_SPP) == mode;
}
