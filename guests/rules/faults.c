/* SPDX-License-Identifier: MIT */
/* Which trap an access takes, and where stval points (Priv. 12.1.8, 12.1.9). */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/rules/parts.h"
#include "guests/rules/run.h"
#include "guests/rules/space.h"

#define EDGE         (TRY_VA + PAGE_SIZE)
#define HIGHEST_SV39 0x4000000000UL /* the first address above the lower half */

static bool faults_at(uint32_t insn, uint64_t address, uint64_t scause, uint64_t stval)
{
    struct run run;

    run_insn(&run, IN_S, insn, address);
    return trapped(&run, IN_S, scause, stval);
}

static bool jump_faults(uint64_t pc, uint64_t scause, uint64_t stval)
{
    struct run run = {.pc = pc, .sstatus = (csr_read(sstatus) & ~SSTATUS_SPIE) | IN_S};

    run_until_trap(&run);
    return run.scause == scause && run.sepc == pc && run.stval == stval;
}

static void check_nowhere(void)
{
    check(faults_at(INSN_LW, NOWHERE, CAUSE_LOAD_ACCESS, NOWHERE) &&
              faults_at(INSN_SW, NOWHERE, CAUSE_STORE_ACCESS, NOWHERE) &&
              jump_faults(NOWHERE, CAUSE_FETCH_ACCESS, NOWHERE),
          "faults: where nothing is, loads, stores and fetches are access faults");
}

static void check_canonical(void)
{
    static const uint64_t bad[] = {HIGHEST_SV39, 0x8000000000UL, 0x7fffffffffffffffUL & ~0xfffUL,
                                   0xffffffbffffff000UL, 1UL << 63};
    bool right = true;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        right &= faults_at(INSN_LD, bad[i], CAUSE_LOAD_PAGE_FAULT, bad[i]) &&
                 faults_at(INSN_SD, bad[i], CAUSE_STORE_PAGE_FAULT, bad[i]) &&
                 jump_faults(bad[i], CAUSE_INSTRUCTION_PAGE_FAULT, bad[i]);
    check(right, "sv39: an address whose bits 63-39 differ from bit 38 is a page fault");
}

/* Runs code at CODE_S until it traps, with SUM for a1. */
static void run_code(struct run *run, const uint32_t *code, unsigned n)
{
    *run = (struct run){
        .pc = CODE_S, .sstatus = (csr_read(sstatus) & ~SSTATUS_SPIE) | IN_S, .a = {0, SSTATUS_SUM}};
    for (unsigned i = 0; i < n; i++)
        ((volatile uint32_t *)code_page)[i] = code[i];
    __asm__ volatile("fence.i" : : : "memory");
    run_until_trap(run);
}

/* An address made from pc may leave the half of the address space that pc is in; and SUM may be set
 * on the way. */
static void check_far(void)
{
    static const uint32_t below[] = {0x80000517 /* auipc a0, -2 GiB */, INSN_LD, INSN_EBREAK};
    static const uint32_t above[] = {0x1005a073 /* csrs sstatus, a1 */,
                                     0x7ffff517 /* auipc a0, 2 GiB - 4 KiB */, INSN_LD,
                                     INSN_EBREAK};
    struct run run;

    run_code(&run, below, 3);
    check(run.scause == CAUSE_LOAD_PAGE_FAULT && run.sepc == CODE_S + 4 &&
              run.stval == CODE_S - 0x80000000UL,
          "faults: of a load 2 GiB below pc, stval is that address");
    run_code(&run, above, 4);
    check(run.scause == CAUSE_LOAD_PAGE_FAULT && run.sepc == CODE_S + 8 &&
              run.stval == CODE_S + 4 + 0x7ffff000UL,
          "faults: of one 2 GiB above pc, behind an instruction that has set SUM, so it is");
}

static void check_atomics(void)
{
    try_page(0, PTE_R);
    check(faults_at(INSN_AMOADD, TRY_VA, CAUSE_STORE_PAGE_FAULT, TRY_VA),
          "faults: an AMO faults as a store, even where it may load");
    try_page(0, PTE_X);
    check(faults_at(INSN_LR_D, TRY_VA, CAUSE_LOAD_PAGE_FAULT, TRY_VA),
          "faults: LR faults as a load");
    try_page(0, PTE_R | PTE_W);
    check(faults_at(INSN_AMOADD, TRY_VA + 4, CAUSE_STORE_MISALIGNED, TRY_VA + 4) ||
              faults_at(INSN_AMOADD, TRY_VA + 4, CAUSE_STORE_ACCESS, TRY_VA + 4),
          "faults: a misaligned AMO is misaligned or an access fault");
    check(faults_at(INSN_LR_D, TRY_VA + 4, CAUSE_LOAD_MISALIGNED, TRY_VA + 4) ||
              faults_at(INSN_LR_D, TRY_VA + 4, CAUSE_LOAD_ACCESS, TRY_VA + 4),
          "faults: a misaligned LR is misaligned or an access fault");
}

/* Unmapped behind the second page; misaligned accesses work, wherever they are emulated. */
static void check_misaligned(void)
{
    struct run run;

    try_page(0, PTE_R | PTE_W);
    try_page(1, PTE_R | PTE_W);
    try_pages[0][4095] = 0x11;
    try_pages[1][0] = 0x22;
    try_pages[1][1] = 0x33;
    try_pages[1][2] = 0x44;
    run_insn(&run, IN_S, INSN_LW, EDGE - 1);
    check(completed(&run, IN_S, 4) && run.a[0] == 0x44332211,
          "misaligned: a load reaches across pages");
    run.a[1] = 0x55667788;
    run_insn(&run, IN_S, INSN_SW, EDGE - 2);
    check(completed(&run, IN_S, 4) && try_pages[0][4094] == 0x88 && try_pages[1][1] == 0x55,
          "misaligned: a store reaches across pages");
    uint64_t end = EDGE + PAGE_SIZE;

    check(faults_at(INSN_LD, end - 4, CAUSE_LOAD_PAGE_FAULT, end),
          "misaligned: of a load that faults, stval is the part that has the fault");
    try_pages[1][4095] = 0x99;
    run.a[1] = 0;
    check(faults_at(INSN_SD, end - 4, CAUSE_STORE_PAGE_FAULT, end) && try_pages[1][4095] == 0x99,
          "misaligned: a store that faults in its second page stores nothing");
}

/* The last halfword of a page begins an instruction of 4 bytes. */
static void check_crossing_fetch(void)
{
    try_page(0, PTE_R | PTE_X);
    try_page(1, PTE_R | PTE_X);
    *(volatile uint16_t *)(try_pages[0] + 4094) = (uint16_t)INSN_EBREAK;
    *(volatile uint16_t *)try_pages[1] = (uint16_t)(INSN_EBREAK >> 16);
    __asm__ volatile("fence.i" : : : "memory");
    check(jump_faults(EDGE - 2, CAUSE_BREAKPOINT, 0) ||
              jump_faults(EDGE - 2, CAUSE_BREAKPOINT, EDGE - 2),
          "fetch: an instruction may cross pages");
    try_page(1, PTE_R);
    check(jump_faults(EDGE - 2, CAUSE_INSTRUCTION_PAGE_FAULT, EDGE),
          "fetch: of an instruction whose second half faults, sepc is its start, stval that half");
    *(volatile uint16_t *)(try_pages[0] + 4094) = INSN_C_EBREAK;
    __asm__ volatile("fence.i" : : : "memory");
    check(jump_faults(EDGE - 2, CAUSE_BREAKPOINT, 0) ||
              jump_faults(EDGE - 2, CAUSE_BREAKPOINT, EDGE - 2),
          "fetch: a compressed instruction at the end of a page needs no second one");
}

static void check_odd_jump(void)
{
    struct run run;

    run_insn(&run, IN_S, 0x00050567 /* jalr a0, (a0) */, (insn_address(IN_S) + 4) | 1);
    check(completed(&run, IN_S, 4) && run.a[0] == insn_address(IN_S) + 4,
          "jalr: bit 0 of the target is cleared");
    run_insn(&run, IN_S, 0xfff00067 /* jalr zero, -1(zero) */, 0);
    check(run.scause == CAUSE_INSTRUCTION_PAGE_FAULT && run.sepc == ~1UL && run.stval == ~1UL,
          "jalr: ... also of the last address there is");
}

void check_faults(void)
{
    check_nowhere();
    check_canonical();
    check_far();
    check_atomics();
    check_misaligned();
    check_crossing_fetch();
    check_odd_jump();
}
