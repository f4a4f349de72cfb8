/* SPDX-License-Identifier: MIT */
/* Legacy extensions (SBI v3.0 ch. 5): a0 alone is written, masks lie in virtual memory. */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/trap.h"
#include "guests/sbi-check/call.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

enum {
    LEGACY_SET_TIMER,
    LEGACY_PUTCHAR,
    LEGACY_GETCHAR,
    LEGACY_CLEAR_IPI,
    LEGACY_SEND_IPI,
    LEGACY_FENCE_I,
    LEGACY_SFENCE_VMA,
    LEGACY_SFENCE_VMA_ASID,
};

#define UNMAPPED 0x3000000000UL /* canonical, and nothing is mapped there */

static bool pending(uint64_t bit)
{
    return (csr_read(sip) & bit) != 0;
}

static void check_putchar(void)
{
    struct registers after;
    bool a1_kept = call_preserves(LEGACY_PUTCHAR, 99, (uint64_t[6]){'\n', 42}, A0, &after);

    check(a1_kept && after.x[10] == 0, "legacy: putchar returns 0 and preserves the rest");
}

static void check_legacy_timer(void)
{
    struct registers after;
    bool a1_kept = call_preserves(LEGACY_SET_TIMER, 99, (uint64_t[6]){0, 42}, A0, &after);

    check(a1_kept && after.x[10] == 0, "legacy: a call preserves every register but a0");
    check(pending(SIE_STIE), "legacy: set_timer of the past makes the interrupt pending");
    sbi_call(LEGACY_SET_TIMER, 0, -1UL, 0, 0, 0);
    check(!pending(SIE_STIE), "legacy: set_timer of the future clears the pending interrupt");
}

static void check_legacy_ipi(void)
{
    uint64_t mask = 1UL << leader;

    check(sbi_call(LEGACY_SEND_IPI, 0, (uint64_t)&mask, 0, 0, 0).error == 0 && pending(SIE_SSIE),
          "legacy: send_ipi takes the virtual address of a mask");
    csr_clear(sip, SIE_SSIE);
    check(sbi_call(LEGACY_SEND_IPI, 0, 0, 0, 0, 0).error == 0 && pending(SIE_SSIE),
          "legacy: a mask at address 0 means every hart");
    sbi_call(LEGACY_CLEAR_IPI, 0, 0, 0, 0, 0);
    check(!pending(SIE_SSIE), "legacy: clear_ipi clears the pending interrupt");
}

static void check_legacy_fences(void)
{
    uint64_t mask = 1UL << leader;
    uint64_t at = (uint64_t)&mask;

    check(sbi_call(LEGACY_FENCE_I, 0, at, 0, 0, 0).error == 0 &&
              sbi_call(LEGACY_SFENCE_VMA, 0, at, 0, 4096, 0).error == 0 &&
              sbi_call(LEGACY_SFENCE_VMA_ASID, 0, at, 0, 4096, 1).error == 0 &&
              sbi_call(LEGACY_FENCE_I, 0, 0, 0, 0, 0).error == 0,
          "legacy: remote fences return 0");
}

static void check_faulting_mask(void)
{
    struct trap_record record = try_ecall(LEGACY_SEND_IPI, UNMAPPED);

    check(record.taken && record.scause == CAUSE_LOAD_PAGE_FAULT && record.stval == UNMAPPED,
          "legacy: a mask that cannot be read is a load page fault at the ecall");
}

void check_legacy(void)
{
    check_legacy_timer();
    check_legacy_ipi();
    check_legacy_fences();
    check_faulting_mask();
    check(sbi_call(LEGACY_GETCHAR, 0, 0, 0, 0, 0).error == -1,
          "legacy: getchar without input returns -1");
    check_putchar();
}
