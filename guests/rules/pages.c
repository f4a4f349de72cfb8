/* SPDX-License-Identifier: MIT */
/* Who may do what with a page (Priv. 12.3.1, 12.3.2). */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/rules/parts.h"
#include "guests/rules/run.h"
#include "guests/rules/space.h"

#define RWX (PTE_R | PTE_W | PTE_X)

static bool may(uint64_t mode, uint32_t insn)
{
    struct run run;

    run_insn(&run, mode, insn, TRY_VA);
    return completed(&run, mode, 4);
}

static bool faults(uint64_t mode, uint32_t insn, uint64_t scause)
{
    struct run run;

    run_insn(&run, mode, insn, TRY_VA);
    return trapped(&run, mode, scause, TRY_VA);
}

static bool load_faults(uint64_t mode)
{
    return faults(mode, INSN_LD, CAUSE_LOAD_PAGE_FAULT);
}

static bool store_faults(uint64_t mode)
{
    return faults(mode, INSN_SD, CAUSE_STORE_PAGE_FAULT);
}

/* Jumps to TRY_VA, where an ebreak is. */
static bool fetch_works(uint64_t mode)
{
    struct run run = {.pc = TRY_VA, .sstatus = csr_read(sstatus) & ~(SSTATUS_SPP | SSTATUS_SPIE)};

    *(volatile uint32_t *)try_pages[0] = INSN_EBREAK;
    __asm__ volatile("fence.i" : : : "memory");
    run.sstatus |= mode;
    run_until_trap(&run);
    bool fault = run.scause == CAUSE_INSTRUCTION_PAGE_FAULT && run.stval == TRY_VA;

    require(run.sepc == TRY_VA && (fault || run.scause == CAUSE_BREAKPOINT));
    return !fault;
}

static void check_permissions(void)
{
    try_page(0, PTE_R);
    check(may(IN_S, INSN_LD) && store_faults(IN_S) && !fetch_works(IN_S),
          "pages: R alone is for loads");
    try_page(0, PTE_R | PTE_W);
    check(may(IN_S, INSN_LD) && may(IN_S, INSN_SD) && !fetch_works(IN_S),
          "pages: R and W are for loads and stores");
    try_page(0, PTE_X);
    check(load_faults(IN_S) && store_faults(IN_S) && fetch_works(IN_S),
          "pages: X alone is for fetches");
    csr_set(sstatus, SSTATUS_MXR);
    check(may(IN_S, INSN_LD) && store_faults(IN_S), "pages: MXR lets loads read X");
    csr_clear(sstatus, SSTATUS_MXR);
    try_page(0, PTE_W);
    check(load_faults(IN_S) && store_faults(IN_S), "pages: W without R is reserved");
}

#define LAST (TRY_VA + PAGE_SIZE) /* where no code has been, which would be seen to by itself */

static bool reads(uint64_t value)
{
    struct run run;

    run_insn(&run, IN_S, INSN_LD, LAST);
    return completed(&run, IN_S, 4) && run.a[0] == value;
}

static uint64_t stores(void)
{
    struct run run;

    run_insn(&run, IN_S, INSN_SD, LAST);
    return completed(&run, IN_S, 4) ? 0 : run.scause;
}

/* Of what has been accessed before. */
static void check_changes(void)
{
    try_page(1, PTE_R | PTE_W);
    require(stores() == 0);
    try_page(1, PTE_R);
    check(stores() == CAUSE_STORE_PAGE_FAULT,
          "pages: W taken away closes a page to stores that has been stored to");
    *(volatile uint64_t *)try_pages[0] = 1111;
    *(volatile uint64_t *)try_pages[1] = 2222;
    bool first = reads(2222);
    try_pte(1, phys_of(try_pages[0]) >> 2 | KERNEL_GLOBAL | PTE_V | PTE_R | PTE_A | PTE_D);
    check(first && reads(1111), "pages: behind a fence, an address leads where its PTE says");
    try_page(1, PTE_R | PTE_W);
    check(reads(2222), "pages: ... and back");
}

/* A page of a superpage that maps the image, and then what is behind it. */
static bool superpage_says(uint64_t value)
{
    struct run run;

    run_insn(&run, IN_S, INSN_LD, BIG_VA + phys_of(try_pages[1]) % BIG_SIZE);
    return completed(&run, IN_S, 4) && run.a[0] == value;
}

static void check_superpage(void)
{
    uint64_t image = phys_of(try_pages[1]) & ~(BIG_SIZE - 1);
    uint64_t flags = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | KERNEL_GLOBAL;

    big_pte(image >> 2 | flags);
    sfence_vma();
    *(volatile uint64_t *)try_pages[1] = 3333;
    bool first = superpage_says(3333);
    try_page(0, PTE_R);
    check(first && superpage_says(3333), "pages: a superpage outlives changes of others");
    big_pte((image + BIG_SIZE) >> 2 | flags);
    __asm__ volatile("sfence.vma %0, zero" : : "r"(BIG_VA) : "memory");
    check(!superpage_says(3333), "sfence.vma: an address in a superpage stands for all of it");
    big_pte(0);
    sfence_vma();
}

static void check_user_pages(void)
{
    try_page(0, RWX | PTE_U);
    check(may(IN_U, INSN_LD) && may(IN_U, INSN_SD) && fetch_works(IN_U),
          "pages: U opens a page to U-mode");
    check(load_faults(IN_S) && store_faults(IN_S) && !fetch_works(IN_S),
          "pages: U closes it to S-mode");
    csr_set(sstatus, SSTATUS_SUM);
    check(may(IN_S, INSN_LD) && may(IN_S, INSN_SD) && !fetch_works(IN_S),
          "pages: SUM opens it to loads and stores of S-mode, never to fetches");
    csr_clear(sstatus, SSTATUS_SUM);
    check(load_faults(IN_S), "pages: clearing SUM closes it again at once");
    try_page(0, RWX);
    check(load_faults(IN_U) && store_faults(IN_U) && !fetch_works(IN_U),
          "pages: without U it is closed to U-mode");
}

static bool bad_pte(uint64_t pte)
{
    try_pte(0, pte);
    return load_faults(IN_S) && store_faults(IN_S);
}

/* A table entry at level 1 in place of the one that leads to TRY_VA's. */
static bool bad_upper_pte(uint64_t pte)
{
    uint64_t *root = space.root,
             *upper = (uint64_t *)(pte_address(root[TRY_VA >> 30 & 511]) + KERNEL_OFFSET);
    uint64_t before = upper[TRY_VA >> 21 & 511];

    *(volatile uint64_t *)&upper[TRY_VA >> 21 & 511] = pte == 0 ? before | PTE_A : pte;
    sfence_vma();
    bool faulted = load_faults(IN_S);

    *(volatile uint64_t *)&upper[TRY_VA >> 21 & 511] = before;
    sfence_vma();
    return faulted;
}

static void check_malformed(void)
{
    uint64_t good = phys_of(try_pages[0]) >> 2 | PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;

    check(bad_pte(good & ~PTE_V), "pte: V 0 is not valid, whatever the rest says");
    check(bad_pte(good | 1UL << 54) && bad_pte(good | 1UL << 60), "pte: bits 60-54 are reserved");
    check(bad_pte(phys_of(try_pages[0]) >> 2 | PTE_V), "pte: at level 0 a pointer is not valid");
    check(bad_upper_pte(0), "pte: A in a pointer is reserved");
    check(bad_upper_pte((phys_of(try_pages[0]) & ~0x1fffffUL) >> 2 | 1UL << 10 | PTE_V | PTE_R |
                        PTE_A),
          "pte: a misaligned superpage is a page fault");
    try_pte(0, good);
    check(may(IN_S, INSN_LD), "pte: a valid one works again");
}

/* Either the hart sets the bits, or it faults; never neither. */
static void check_accessed_and_dirty(void)
{
    uint64_t clear = phys_of(try_pages[0]) >> 2 | PTE_V | PTE_R | PTE_W;
    volatile uint64_t *leaf = leaf_of(TRY_VA);
    bool right;

    try_pte(0, clear);
    right = may(IN_S, INSN_LD) ? (*leaf & (PTE_A | PTE_D)) == PTE_A
                               : *leaf == clear && load_faults(IN_S);
    check(right, "pte: a load finds A set, sets it, or is a page fault");
    try_pte(0, clear | PTE_A);
    right = may(IN_S, INSN_SD) ? (*leaf & (PTE_A | PTE_D)) == (PTE_A | PTE_D)
                               : *leaf == (clear | PTE_A) && store_faults(IN_S);
    check(right, "pte: a store finds D set, sets it, or is a page fault");
    try_pte(0, clear | PTE_A);
    check(may(IN_S, INSN_LD) && *leaf == (clear | PTE_A), "pte: a load leaves D alone");
}

void check_pages(void)
{
    check_permissions();
    check_changes();
    check_superpage();
    check_user_pages();
    check_malformed();
    check_accessed_and_dirty();
}
