/* SPDX-License-Identifier: MIT */
/* The walker against the model, over random page tables that are mostly right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/mmu_tables.h"

#define ROUNDS   100000
#define SV_LOW   (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define MIN_GOOD (ROUNDS / 8)

static uint64_t random_state;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned below(unsigned n)
{
    return (unsigned)((random64() >> 32) % n);
}

/* True once in n times. */
static bool once_in(unsigned n)
{
    return below(n) == 0;
}

static uint64_t canonical(unsigned mode)
{
    unsigned va_bits = 12 + 9 * (mode - 5);
    int64_t high = (int64_t)(random64() << (64 - va_bits));

    return (uint64_t)high >> (64 - va_bits) | (high < 0 ? UINT64_MAX << (va_bits - 1) : 0);
}

/* A leaf for this level, mostly one that permits things. */
static uint64_t random_leaf(const struct model *m, unsigned level, uint64_t ppn, bool user)
{
    uint64_t pte = SV_LOW | (user ? PTE_U : 0);

    ppn &= ~((UINT64_C(1) << 9 * level) - 1);
    if (once_in(3))
        pte &= ~(random64() & (PTE_R | PTE_W | PTE_X | PTE_A | PTE_D));
    if (once_in(8))
        pte ^= PTE_U;
    if (once_in(4))
        pte |= PTE_G;
    if (m->svpbmt && once_in(3))
        pte |= (uint64_t)below(3) << 61;
    if (once_in(m->svnapot ? 3 : 30)) {
        pte |= PTE_N;
        ppn = (ppn & ~UINT64_C(0xf)) | 8;
    }
    return pte | (ppn << PTE_PPN_SHIFT & PTE_PPN);
}

/* Breaks one of the entries that were written. */
static void damage(struct tables *t)
{
    uint64_t *pte = t->trail[below(t->ntrail)];

    switch (below(5)) {
    case 0:
        *pte ^= UINT64_C(1) << below(64);
        break;
    case 1:
        *pte ^= UINT64_C(1) << below(10);
        break;
    case 2:
        *pte |= random64() & random64() & ~PTE_PPN;
        break;
    case 3: /* a pointer to, or a leaf over, just any table */
        *pte = (*pte & ~PTE_PPN) | ((TABLES_BASE >> 12) + below(TABLES_PAGES)) << PTE_PPN_SHIFT;
        break;
    default:
        *pte &= ~(PTE_A | PTE_D);
        break;
    }
}

static unsigned random_mode(void)
{
    return 8 + below(3);
}

/* First-stage tables for va, known to themselves at pa + offset. */
static void build_first(struct tables *t, struct model *m, uint64_t va, uint64_t offset,
                        uint64_t gpa)
{
    struct tables_root root = {.pa = tables_page(t, false), .mode = m->satp_mode, .offset = offset};
    unsigned level = once_in(2) ? 0 : below(m->satp_mode - 5);

    m->satp_ppn = (root.pa + offset) >> 12;
    (void)tables_install(t, &root, va, level, random_leaf(m, level, gpa >> 12, m->user));
}

/* G-stage tables for the pages of the first stage's tables and for the page behind them. */
static void build_second(struct tables *t, struct model *m, uint64_t offset, uint64_t gpa)
{
    unsigned first_stage_pages = t->pages;
    struct tables_root root = {.pa = tables_page(t, true), .mode = m->hgatp_mode, .gstage = true};
    unsigned level = once_in(2) ? 0 : below(m->hgatp_mode - 5);

    m->hgatp_ppn = root.pa >> 12;
    (void)tables_install(t, &root, gpa, level, random_leaf(m, level, random64(), true));
    for (unsigned i = 0; i < first_stage_pages; i++) {
        uint64_t pa = TABLES_BASE + i * PAGE_SIZE;

        level = once_in(2) ? 0 : below(3);
        (void)tables_install(t, &root, pa + offset, level,
                             (pa >> (12 + 9 * level) << (9 * level)) << PTE_PPN_SHIFT | SV_LOW |
                                 PTE_U);
    }
}

static uint64_t build(struct tables *t, struct model *m, bool two_stage)
{
    /* A multiple of 1 GiB, so that a superpage can cover the first stage's tables. */
    uint64_t offset = two_stage ? (uint64_t)below(64) << 30 : 0;
    uint64_t gpa = random64() >> (two_stage ? 50 - 9 * (m->hgatp_mode - 5) : 0);
    uint64_t va = gpa;

    tables_reset(t);
    if (m->satp_mode != 0) {
        va = canonical(m->satp_mode);
        build_first(t, m, va, offset, gpa);
    }
    if (two_stage)
        build_second(t, m, offset, gpa);
    if (t->ntrail > 0 && once_in(2))
        damage(t);
    if (once_in(20))
        va ^= UINT64_C(1) << below(64);
    return va ^ (random64() & 0xfff);
}

static struct model random_model(bool two_stage)
{
    return (struct model){
        .satp_mode = two_stage && once_in(8) ? 0 : random_mode(),
        .hgatp_mode = two_stage ? random_mode() : 0,
        .user = once_in(2),
        .sum = once_in(2),
        .mxr = once_in(2),
        .svadu = once_in(2),
        .svnapot = once_in(2),
        .svpbmt = once_in(2),
    };
}

static void compare_many(bool two_stage, const unsigned *causes, unsigned ncauses)
{
    static struct tables t;
    unsigned seen[24] = {0}, good = 0;

    random_state = 0x9e3779b97f4a7c15;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct model m = random_model(two_stage);
        struct model_answer answer;
        uint64_t va = build(&t, &m, two_stage);
        enum model_access access = (enum model_access)below(3);
        const char *difference = tables_compare(&t, &m, va, access, &answer);

        if (difference != NULL)
            fail_msg("round %u: %s; va %llx access %d satp %u hgatp %u", i, difference,
                     (unsigned long long)va, (int)access, m.satp_mode, m.hgatp_mode);
        if (answer.ok)
            good++;
        else
            seen[answer.cause]++;
    }
    /* The tables are neither all wrong nor all right. */
    assert_in_range(good, MIN_GOOD, ROUNDS - MIN_GOOD);
    for (unsigned i = 0; i < ncauses; i++) {
        if (seen[causes[i]] < 10)
            fail_msg("cause %u was seen %u times", causes[i], seen[causes[i]]);
    }
}

static void walker_agrees_with_the_steps_of_the_specification(void **state)
{
    static const unsigned causes[] = {1, 5, 7, 12, 13, 15};

    (void)state;
    compare_many(false, causes, ARRAY_SIZE(causes));
}

static void two_stage_walker_agrees_with_the_steps_of_the_specification(void **state)
{
    static const unsigned causes[] = {1, 5, 7, 12, 13, 15, 20, 21, 23};

    (void)state;
    compare_many(true, causes, ARRAY_SIZE(causes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walker_agrees_with_the_steps_of_the_specification),
        cmocka_unit_test(two_stage_walker_agrees_with_the_steps_of_the_specification),
    };

    return cmocka_run_group_tests_name("mmu against the model", tests, NULL, NULL);
}
