/* SPDX-License-Identifier: MIT */
/*
 * Code that is written, patched, read and entered in odd places while it runs (Unpriv. "Zifencei"),
 * and interrupts between any two of its instructions (Priv. 12.1.3). All of it is full of
 * instructions that are S-mode's own, which engines treat in ways of their own.
 */
#include <stddef.h>

#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi.h"
#include "guests/rules/parts.h"
#include "guests/rules/run.h"
#include "guests/rules/space.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OFTEN        20 /* runs after which an engine may think that it knows the code */

/* Registers and encodings: addi, csrr and csrw of any register, sw a1, (a2). */
enum { S0 = 8, A0 = 10, A1, A2, A3 };
#define ADDI(rd, rs, imm)                                                                          \
    (0x13U | (uint32_t)(rd) << 7 | (uint32_t)(rs) << 15 | (uint32_t)(imm) << 20)
#define READ(rd, csr)  (0x2073U | (uint32_t)(rd) << 7 | (uint32_t)(csr) << 20)
#define WRITE(csr, rs) (0x1073U | (uint32_t)(rs) << 15 | (uint32_t)(csr) << 20)
#define SET(csr, rs)   (0x2073U | (uint32_t)(rs) << 15 | (uint32_t)(csr) << 20)
#define SW_A1_A2       0x00b62023U
#define BEQZ_A2_6      0x00060363U /* to 6 bytes further on */
#define BNEZ_A3_BACK   0xee069ee3U /* 65 instructions */
#define STVAL          0x143
#define SCAUSE         0x142

static void put_word(size_t n, uint32_t word)
{
    ((volatile uint32_t *)code_page)[n] = word;
}

static void fence_i(void)
{
    __asm__ volatile("fence.i" : : : "memory");
}

static void put_code(const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_word(i, words[i]);
    put_word(count, INSN_EBREAK);
    fence_i();
}

static struct run run_code(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t spie)
{
    struct run run = {.pc = CODE_S, .a = {a0, a1, a2, a3}};

    run.sstatus = (csr_read(sstatus) & ~(SSTATUS_SPIE | SSTATUS_SIE)) | SSTATUS_SPP | spie;
    run_until_trap(&run);
    return run;
}

/* a3 grows by one, or by sixteen once it is patched. */
static const uint32_t adds[] = {WRITE(STVAL, A0), ADDI(A3, A3, 1), READ(A0, STVAL)};

static bool grows_by(uint64_t step)
{
    bool right = true;

    for (unsigned i = 0; i < OFTEN; i++) {
        struct run run = run_code(i, 0, 0, 100, 0);
        right &= run.scause == CAUSE_BREAKPOINT && run.a[0] == i && run.a[3] == 100 + step;
    }
    return right;
}

static void check_patch(void)
{
    bool right;

    put_code(adds, COUNT(adds));
    right = grows_by(1);
    put_word(1, ADDI(A3, A3, 16));
    fence_i();
    right &= grows_by(16);
    put_word(1, ADDI(A3, A3, 1));
    fence_i();
    check(right && grows_by(1), "code: a patch of what ran before is seen behind fence.i");
}

/* Writes a1 over the instruction behind the next, through another mapping of the page. */
static void check_self_patch(void)
{
    static const uint32_t fenced[] = {WRITE(STVAL, A0), SW_A1_A2, INSN_FENCE_I, ADDI(A3, A3, 1),
                                      READ(A0, STVAL)};
    static const uint32_t not_fenced[] = {WRITE(STVAL, A0), SW_A1_A2, INSN_NOP, ADDI(A3, A3, 1),
                                          READ(A0, STVAL)};
    uint64_t slot = (uint64_t)&code_page[3 * 4];
    bool right = true, either = true;

    put_code(fenced, COUNT(fenced));
    for (unsigned step = 1; step <= OFTEN; step++)
        right &= run_code(0, ADDI(A3, A3, step), slot, 100, 0).a[3] == 100 + step;
    check(right, "code: code that patches itself runs the patch behind its fence.i");
    put_code(not_fenced, COUNT(not_fenced));
    for (unsigned step = 2, before = 1; step <= OFTEN; before = step++) {
        uint64_t sum = run_code(0, ADDI(A3, A3, step), slot, 100, 0).a[3];
        either &= sum == 100 + step || sum == 100 + before;
        fence_i();
        either &= run_code(0, ADDI(A3, A3, step), slot, 100, 0).a[3] == 100 + step;
    }
    check(either, "code: without fence.i it is the old one or the new one, and nothing else");
}

/* The second half of csrw scause, a0 is c.addi s0, -23. */
static void check_second_half(void)
{
    static const uint32_t halves[] = {ADDI(S0, A3, 0), BEQZ_A2_6, WRITE(SCAUSE, A0),
                                      ADDI(A3, S0, 0), READ(A1, SCAUSE)};
    bool whole = true, half = true;

    put_code(halves, COUNT(halves));
    for (unsigned i = 0; i < OFTEN; i++) {
        struct run run = run_code(5, 0, 1, 100, 0);
        whole &= run.a[1] == 5 && run.a[3] == 100;
        csr_write(scause, 7);
        run = run_code(5, 0, 0, 100, 0);
        half &= run.a[1] != 5 && run.a[3] == 100 - 23;
    }
    check(whole && half, "code: a jump into an instruction's second half runs what lies there");
}

static void check_text(void)
{
    bool same = true;

    put_code(adds, COUNT(adds));
    same &= grows_by(1);
    for (size_t i = 0; i < COUNT(adds); i++)
        same &= ((volatile uint32_t *)code_page)[i] == adds[i] &&
                *(volatile uint32_t *)(CODE_S + 4 * i) == adds[i];
    check(same, "code: reads as it was written, however often it ran");
}

/* An interrupt waits; instruction n of a row lets it in. */
static bool taken_behind(size_t n, uint32_t insn, uint64_t a1, uint64_t spie)
{
    static const uint32_t row[] = {ADDI(A0, A0, 1),  WRITE(STVAL, A0), ADDI(A0, A0, 1),
                                   READ(A2, STVAL),  READ(A2, 0x100),  ADDI(A0, A0, 1),
                                   WRITE(SCAUSE, A0)};
    uint32_t code[COUNT(row) + 1];
    uint64_t adds_before = 0;

    for (size_t i = 0; i < COUNT(code); i++) {
        code[i] = i < n ? row[i] : i == n ? insn : row[i - 1];
        adds_before += i < n && row[i] == ADDI(A0, A0, 1);
    }
    put_code(code, COUNT(code));
    struct run run = run_code(0, a1, 0, 0, spie);
    return run.scause == CAUSE_SUPERVISOR_SOFTWARE && run.sepc == CODE_S + 4 * (n + 1) &&
           run.a[0] == adds_before;
}

static void check_let_in(void)
{
    bool by_sstatus = true, by_sie = true, by_sip = true;

    for (size_t n = 0; n < 8; n++) {
        csr_write(sie, SIE_SSIE);
        csr_set(sip, SIE_SSIE);
        by_sstatus &= taken_behind(n, SET(0x100, A1), SSTATUS_SIE, 0);
        csr_write(sie, 0);
        by_sie &= taken_behind(n, SET(0x104, A1), SIE_SSIE, SSTATUS_SPIE);
        csr_clear(sip, SIE_SSIE);
        csr_write(sie, SIE_SSIE);
        by_sip &= taken_behind(n, SET(0x144, A1), SIE_SSIE, SSTATUS_SPIE);
        csr_clear(sip, SIE_SSIE);
        csr_write(sie, 0);
    }
    check(by_sstatus && by_sie && by_sip,
          "interrupts: a write of sstatus, sie or sip that lets one in is the last before it");
}

/* Rounds of 66 instructions: 16 times {a0 grows, csrw, csrr a1, a2 grows}, then a3 shrinks and the
 * branch back. Do the registers say that as many were executed as sepc says? */
#define ROUND 66

static bool agrees(const struct run *run, uint64_t rounds)
{
    uint64_t at = (run->sepc - CODE_S) / 4, done = 16 * (rounds - run->a[3]);
    uint64_t a0 = at < ROUND - 1 ? (at + 3) / 4 : 0, a2 = at < ROUND - 1 ? at / 4 : 0;

    return run->scause == CAUSE_SUPERVISOR_TIMER && at < ROUND && run->a[0] == done + a0 &&
           run->a[2] == done + a2 && (at % 4 != 3 || run->a[1] == run->a[0]);
}

static void check_anywhere(void)
{
    uint32_t code[ROUND];
    uint64_t rounds = 1UL << 20;
    bool right = true;

    for (size_t i = 0; i < ROUND - 2; i += 4) {
        code[i] = ADDI(A0, A0, 1);
        code[i + 1] = WRITE(STVAL, A0);
        code[i + 2] = READ(A1, STVAL);
        code[i + 3] = ADDI(A2, A2, 1);
    }
    code[ROUND - 2] = ADDI(A3, A3, -1);
    code[ROUND - 1] = BNEZ_A3_BACK;
    put_code(code, ROUND);
    csr_write(sie, SIE_STIE);
    for (unsigned ticks = 0; ticks < 200; ticks++) {
        sbi_set_timer(rdtime() + ticks);
        struct run run = run_code(0, 0, 0, rounds, SSTATUS_SPIE);
        right &= agrees(&run, rounds);
    }
    sbi_set_timer(-1UL);
    csr_write(sie, 0);
    check(right, "interrupts: wherever one comes, what is before sepc was executed, and no more");
}

/* Computation, and a jump to what FS matters to: an engine may know the way from one to the other
 * as of another state. */
static bool obeys_fs(uint64_t mode, uint64_t fs, uint64_t value)
{
    struct run run = {.pc = insn_address(mode), .a = {0, value}};
    uint64_t first = run.pc + 12; /* fmv.w.x */

    run.sstatus = (csr_read(sstatus) & ~(SSTATUS_FS | SSTATUS_SPIE | SSTATUS_SPP)) | mode | fs;
    run_until_trap(&run);
    if (fs == 0)
        return run.scause == CAUSE_ILLEGAL_INSTRUCTION && run.sepc == first && run.a[0] == 0 &&
               run.a[2] == 1;
    return run.scause == CAUSE_BREAKPOINT && run.a[0] == value &&
           (run.trap_sstatus & SSTATUS_FS) == SSTATUS_FS;
}

static void check_ways_to_fp(void)
{
    static const uint32_t words[] = {ADDI(A2, A2, 1), 0x0080006fU /* j 8 bytes further on */,
                                     INSN_EBREAK, 0xf0058053U /* fmv.w.x f0, a1 */,
                                     0xe0000553U /* fmv.x.w a0, f0 */};
    static const uint64_t states[] = {3, 1, 3, 0, 3, 2, 0, 0, 1, 0, 2, 3, 3, 0, 1, 2, 1};
    bool right = true;

    put_code(words, COUNT(words));
    for (size_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < COUNT(states); i++)
            right &= obeys_fs(round % 2 != 0 ? IN_U : IN_S, states[i] << 13, 100 * round + i);
    }
    check(right, "fp: what FS says now counts, however often the code ran under another FS");
}

void check_code(void)
{
    check_ways_to_fp();
    check_patch();
    check_self_patch();
    check_second_half();
    check_text();
    check_let_in();
    check_anywhere();
}
