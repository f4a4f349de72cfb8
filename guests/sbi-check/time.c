/* SPDX-License-Identifier: MIT */
/* Timer extension (SBI v3.0 ch. 6). */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

#define DELAY 20000UL

static bool timer_pending(void)
{
    return (csr_read(sip) & SIE_STIE) != 0;
}

static void check_masked(void)
{
    csr_clear(sie, SIE_STIE);
    check(call(SBI_TIME, 0, 0, 0, 0).error == 0 && timer_pending(),
          "time: a deadline in the past is pending at once");
    csr_clear(sip, SIE_STIE);
    check(timer_pending(), "time: STIP cannot be cleared through sip");
    check(call(SBI_TIME, 0, -1UL, 0, 0).error == 0 && !timer_pending(),
          "time: a deadline in the future clears the pending bit, masked or not");

    uint64_t deadline = rdtime() + DELAY;

    sbi_set_timer(deadline);
    bool early = timer_pending() && rdtime() < deadline;

    while (!timer_pending() && rdtime() < deadline + 100 * DELAY)
        early |= rdtime() < deadline && timer_pending() && rdtime() < deadline;
    check(!early && timer_pending() && rdtime() >= deadline,
          "time: the interrupt becomes pending when time reaches the deadline, not before");
    sbi_set_timer(-1UL);
}

static void check_delivered(void)
{
    uint64_t before = timer_interrupts[leader];

    csr_set(sie, SIE_STIE);
    csr_set(sstatus, SSTATUS_SIE);
    sbi_set_timer(rdtime() + DELAY);
    check(becomes(&timer_interrupts[leader], before + 1), "time: the interrupt is delivered");
    uint64_t start = rdtime();

    while (rdtime() - start < 2 * DELAY)
        ;
    check(timer_interrupts[leader] == before + 1, "time: the interrupt is delivered once");
    csr_clear(sstatus, SSTATUS_SIE);
}

/* wfi goes on though SIE is 0. */
static void check_wfi(void)
{
    uint64_t deadline = rdtime() + DELAY;

    sbi_set_timer(deadline);
    while (!timer_pending())
        __asm__ volatile("wfi");
    check(rdtime() >= deadline, "time: the deadline ends a wfi");
    sbi_set_timer(-1UL);
    csr_clear(sie, SIE_STIE);
}

void check_time(void)
{
    check(is_error(call(SBI_TIME, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED),
          "time: an unknown function is not supported");
    check_masked();
    check_delivered();
    check_wfi();
}
