/* SPDX-License-Identifier: MIT */
/* Which instructions are whose, and what a trap of one tells (Priv. 2.1, 12.1.9, 3.3). */
#include <stddef.h>

#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/rules/parts.h"
#include "guests/rules/run.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_illegal(uint64_t mode, uint32_t insn)
{
    struct run run;

    run_insn(&run, mode, insn, 0);
    return trapped(&run, mode, CAUSE_ILLEGAL_INSTRUCTION, insn);
}

static bool all_illegal(uint64_t mode, const uint32_t *insns, size_t count)
{
    bool illegal = true;

    for (size_t i = 0; i < count; i++)
        illegal &= is_illegal(mode, insns[i]);
    return illegal;
}

static bool is_legal(uint64_t mode, uint32_t insn, uint64_t a0)
{
    struct run run;

    run_insn(&run, mode, insn, a0);
    return completed(&run, mode, (insn & 3) == 3 ? 4 : 2);
}

static void check_reserved(void)
{
    static const uint32_t words[] = {0xffffffff, 0x0000007f, 0x0000706b & ~0x14U, 0x00007003};
    static const uint32_t halves[] = {0x0000, 0x0004, 0x8002, 0x6101, 0x2001, 0x4002, 0x8000};
    bool illegal = true;

    for (unsigned user = 0; user < 2; user++) {
        uint64_t mode = user ? IN_U : IN_S;
        illegal &= all_illegal(mode, words, COUNT(words));
    }
    check(illegal, "illegal: stval is the instruction of 32 bits");
    illegal = all_illegal(IN_S, halves, COUNT(halves)) && all_illegal(IN_U, halves, COUNT(halves));
    check(illegal, "illegal: stval is the instruction of 16 bits, zero-extended");
}

static void check_user_instructions(void)
{
    static const uint32_t supervisor[] = {INSN_SRET, INSN_SFENCE, INSN_WFI, INSN_MRET};
    static const uint32_t csrs[] = {0x100, 0x104, 0x105, 0x106, 0x140, 0x141,
                                    0x142, 0x143, 0x144, 0x180, 0x300, 0xf14};
    bool illegal = true;

    check(all_illegal(IN_U, supervisor, COUNT(supervisor)),
          "u-mode: sret, sfence.vma, wfi and mret are illegal");
    for (size_t i = 0; i < COUNT(csrs); i++)
        illegal &= is_illegal(IN_U, INSN_CSRR(csrs[i])) && is_illegal(IN_U, INSN_CSRW(csrs[i]));
    check(illegal, "u-mode: registers of supervisor and machine are illegal");
    check(is_legal(IN_U, INSN_FENCE, 0) && is_legal(IN_U, INSN_FENCE_I, 0) &&
              is_legal(IN_U, 0x0100000f, 0),
          "u-mode: fence, fence.i and pause are legal");
}

static void check_supervisor_instructions(void)
{
    static const uint32_t csrs[] = {0x300, 0x302, 0x304, 0x305, 0x340, 0x344, 0x3a0,
                                    0x7b0, 0xf11, 0xf14, 0x000, 0x7ff, 0x9ff, 0xdff};
    bool illegal = is_illegal(IN_S, INSN_MRET);

    for (size_t i = 0; i < COUNT(csrs); i++)
        illegal &= is_illegal(IN_S, INSN_CSRR(csrs[i]));
    check(illegal, "s-mode: mret, machine registers and those that do not exist are illegal");
    check(is_illegal(IN_S, INSN_CSRW(0xc00)) && is_illegal(IN_S, INSN_CSRW(0xc01)) &&
              is_illegal(IN_S, 0xc010d073 /* csrwi time, 1 */) &&
              is_illegal(IN_S, 0xc0105073 /* csrwi time, 0 */),
          "zicsr: writing a read-only register is illegal");
    check(is_legal(IN_S, 0xc0006073 /* csrrsi x0, cycle, 0 */, 0) &&
              is_legal(IN_S, 0xc0007073 /* csrrci x0, cycle, 0 */, 0) &&
              is_legal(IN_S, 0xc0002073 /* csrrs x0, cycle, x0 */, 0),
          "zicsr: csrrs and csrrc with x0 or 0 do not write");
}

static void check_counters(void)
{
    bool gated = true;

    for (unsigned bit = 0; bit < 3; bit++) {
        csr_write(scounteren, 7 & ~(1U << bit));
        gated &=
            is_illegal(IN_U, INSN_CSRR(0xc00 + bit)) && is_legal(IN_S, INSN_CSRR(0xc00 + bit), 0);
        csr_write(scounteren, 1U << bit);
        gated &= is_legal(IN_U, INSN_CSRR(0xc00 + bit), 0);
    }
    check(gated, "counters: scounteren opens each to U-mode, and S-mode needs none");
    csr_write(scounteren, 7);
}

static void check_breakpoints(void)
{
    struct run run;
    bool right = true;

    for (unsigned user = 0; user < 2; user++) {
        uint64_t mode = user ? IN_U : IN_S;
        run_insn(&run, mode, INSN_EBREAK, 0);
        right &= trapped(&run, mode, CAUSE_BREAKPOINT, run.stval) &&
                 (run.stval == 0 || run.stval == insn_address(mode));
        run_insn(&run, mode, INSN_C_EBREAK, 0);
        right &= trapped(&run, mode, CAUSE_BREAKPOINT, run.stval) &&
                 (run.stval == 0 || run.stval == insn_address(mode));
    }
    check(right, "ebreak: sepc is its address, stval that or 0");
    run_insn(&run, IN_U, INSN_ECALL, 0);
    check(trapped(&run, IN_U, CAUSE_ECALL_FROM_U, 0), "ecall: from U-mode cause 8, stval 0");
}

/* fadd.s, flw, csrr fcsr: with FS Off all are illegal; with FS on a write makes it Dirty. */
static void check_floating_point(void)
{
    static const uint32_t fp[] = {0x00000053, 0x00052007, INSN_CSRR(0x003), INSN_CSRW(0x001),
                                  0x2000 /* c.fld */};
    struct run run;

    csr_clear(sstatus, SSTATUS_FS);
    check(all_illegal(IN_S, fp, COUNT(fp)) && all_illegal(IN_U, fp, COUNT(fp)),
          "fp: with sstatus.FS Off every instruction and register is illegal");
    csr_set(sstatus, 1UL << 13);
    run_insn(&run, IN_U, 0xf0050053 /* fmv.w.x f0, a0 */, 5);
    check(completed(&run, IN_U, 4) &&
              (run.trap_sstatus & (SSTATUS_FS | SSTATUS_SD)) == (SSTATUS_FS | SSTATUS_SD),
          "fp: writing a register makes FS Dirty, which SD shows");
    check(is_illegal(IN_U, 0x00005053 | 0x00000000) /* fadd.s with the reserved rounding 5 */,
          "fp: a reserved rounding mode is illegal");
    csr_clear(sstatus, SSTATUS_FS);
}

/* sret out of S-mode code: the run's own sret has brought it there. */
static void check_sret(void)
{
    struct run run;

    run_insn(&run, IN_S, INSN_CSRR(0x100), 0);
    check(completed(&run, IN_S, 4) && (run.a[0] & SSTATUS_SPP) == 0 &&
              (run.a[0] & SSTATUS_SPIE) != 0 && (run.a[0] & SSTATUS_SIE) == 0,
          "sret: SPP becomes U, SPIE 1, SIE what SPIE was");
    run.pc = insn_address(IN_S);
    run.sstatus = (csr_read(sstatus) & ~SSTATUS_SPP) | IN_S | SSTATUS_SPIE;
    run_until_trap(&run);
    check((run.a[0] & SSTATUS_SIE) != 0 &&
              (run.trap_sstatus & (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) ==
                  (SSTATUS_SPP | SSTATUS_SPIE),
          "trap: SPIE becomes SIE, SIE 0, SPP the mode");
}

/* Signed and unsigned words differ in nothing here, though a host's compare-and-swap may think so.
 */
static void check_atomics(void)
{
    volatile uint32_t word = 0x80000001;
    uint64_t seen, failed;
    uint32_t old;

    do {
        __asm__ volatile("lr.w %0, (%2)\n\tsc.w %1, %3, (%2)"
                         : "=&r"(seen), "=&r"(failed)
                         : "r"(&word), "r"(0xfffffffe)
                         : "memory");
    } while (failed != 0);
    check(seen == 0xffffffff80000001 && word == 0xfffffffe,
          "sc: stores where the word's bit 31 is set, too");
    __asm__ volatile("amoadd.w %0, %2, (%1)" : "=r"(seen) : "r"(&word), "r"(1) : "memory");
    old = word;
    check(seen == 0xfffffffffffffffe && old == 0xffffffff,
          "amo: adds where the word's bit 31 is set, too");
}

void check_instructions(void)
{
    check_atomics();
    check_reserved();
    check_user_instructions();
    check_supervisor_instructions();
    check_counters();
    check_breakpoints();
    check_floating_point();
    check_sret();
}
