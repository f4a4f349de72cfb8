/* SPDX-License-Identifier: MIT */
/*
 * An interrupt is taken between two instructions, wherever that is (Priv. 12.1.3): also where an
 * engine takes several steps for one, because the context changes.
 */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/sbi.h"
#include "guests/lib/trap.h"
#include "guests/rules/parts.h"
#include "guests/rules/space.h"

#define TICKS_U    0x1000020000UL /* the page of ticks_user */
#define ASID(n)    ((uint64_t)(n) << 44)
#define TICKS      1000
#define PERIOD_MIN 16
#define AT_MOST    1000000 /* a tenth of a second */

/* The layout is known to ticks.S. */
struct ticks {
    uint64_t satp[2];               /* another space, and the one that rounds begin and end in */
    uint64_t until, wanted, period; /* of the timer: at least so long, less than twice */
    uint64_t taken, rounds;
    uint64_t user;
    uint64_t counts[32]; /* of rounds, by each register that counts */
    uint64_t saved[6], fault;
};

void ticks_run(struct ticks *ticks);
extern char ticks_vector[], ticks_user[];

static uint64_t another_space(void)
{
    struct page_table other = page_table_new();

    page_map_image(other);
    page_map(other, TICKS_U, phys_of(ticks_user), PAGE_SIZE, PTE_R | PTE_X | PTE_U);
    page_map(space, TICKS_U, phys_of(ticks_user), PAGE_SIZE, PTE_R | PTE_X | PTE_U);
    return page_table_satp(other) | ASID(2);
}

/* Long enough for something to be done between two of them, however long it takes to set it. */
static uint64_t period(void)
{
    uint64_t begin = rdtime();

    for (unsigned i = 0; i < 8; i++)
        sbi_set_timer(-1UL);
    uint64_t each = (rdtime() - begin) / 8;
    return each > PERIOD_MIN / 4 ? 4 * each : PERIOD_MIN;
}

static bool all_counted(const struct ticks *ticks)
{
    bool all = true;

    for (unsigned i = 1; i < 32; i++) {
        bool counts = i != 2 && (i < 4 || i > 7); /* not sp and tp, nor t0 to t2 */
        all &= !counts || ticks->counts[i] == ticks->rounds;
    }
    return all;
}

void check_ticks(void)
{
    static struct ticks ticks;

    ticks.satp[0] = another_space();
    ticks.satp[1] = page_table_satp(space) | ASID(1);
    sfence_vma();
    ticks.user = TICKS_U;
    ticks.wanted = TICKS;
    ticks.period = period();
    ticks.until = rdtime() + AT_MOST;
    csr_write(stvec, (uint64_t)ticks_vector);
    csr_write(sie, SIE_STIE);
    sbi_set_timer(rdtime() + ticks.period);
    ticks_run(&ticks);
    csr_write(sie, 0);
    sbi_set_timer(-1UL);
    csr_write(satp, page_table_satp(space));
    sfence_vma();
    csr_write(stvec, (uint64_t)trap_vector);
    check(ticks.fault == CAUSE_ECALL_FROM_U && ticks.rounds > 0 && all_counted(&ticks),
          "interrupts: nothing is left out or done twice for one, whatever changes the context");
}
