/* SPDX-License-Identifier: MIT */
/* Hart state management (SBI v3.0 ch. 9): suspension. */
#include <stddef.h>

#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/sbi-check/call.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

#define RETENTIVE     0UL
#define NON_RETENTIVE 0x80000000UL
#define OPAQUE        0x1234567887654321UL
#define HART_SUSPEND  3
#define DELAY         20000UL

static volatile struct {
    int64_t error;
    bool preserved, was_pending, returned;
} result;

static int64_t suspend(uint64_t type, uint64_t resume_addr)
{
    return call(SBI_HSM, HART_SUSPEND, type, resume_addr, OPAQUE).error;
}

/* On another hart: with SIE 0, so that the interrupt only ends the suspension. */
static void suspend_retentive(uint64_t type)
{
    struct registers after;

    csr_clear(sstatus, SSTATUS_SIE);
    result.preserved =
        call_preserves(SBI_HSM, HART_SUSPEND, (uint64_t[6]){type, NO_RAM, OPAQUE}, A0 | A1, &after);
    result.error = (int64_t)after.x[10];
    result.was_pending = (csr_read(sip) & csr_read(sie)) != 0;
    result.returned = true;
    csr_set(sstatus, SSTATUS_SIE);
}

static void suspend_non_retentive(uint64_t type)
{
    result.error = suspend(type, (uint64_t)secondary_start);
    result.returned = true;
}

static bool resumes_where_it_was(uint64_t hart, uint64_t type)
{
    result.returned = false;
    hart_run(hart, suspend_retentive, type);
    bool suspended = hart_reaches(hart, HSM_SUSPENDED) && !result.returned;
    bool available =
        is_error(sbi_hart_start(hart, (uint64_t)secondary_start, 0), SBI_ERR_ALREADY_AVAILABLE);

    (void)sbi_send_ipi(1, hart);
    hart_finish(hart);
    return suspended && available && result.returned && result.error == 0 && result.preserved &&
           result.was_pending && sbi_hart_get_status(hart).value == HSM_STARTED;
}

static bool resumes_at_the_address(uint64_t hart, uint64_t type)
{
    const volatile struct entry_state *state = &entry_states[hart];
    uint64_t entries = state->seen;

    result.returned = false;
    hart_run(hart, suspend_non_retentive, type);
    if (!hart_reaches(hart, HSM_SUSPENDED))
        return false;
    (void)sbi_send_ipi(1, hart);
    if (!becomes(&state->seen, entries + 1))
        return false;
    hart_finish(hart);
    return !result.returned && state->a0 == hart && state->a1 == OPAQUE && state->satp == 0 &&
           (state->sstatus & SSTATUS_SIE) == 0;
}

static void check_suspended_hart(uint64_t hart)
{
    hart_up(hart);
    check(resumes_where_it_was(hart, RETENTIVE),
          "hsm: a retentive suspension ends with an interrupt and returns success");
    check(resumes_where_it_was(hart, RETENTIVE | 1UL << 63) &&
              resumes_where_it_was(hart, RETENTIVE | 1UL << 32),
          "hsm: suspend_type has 32 bits (retentive)");
    check(resumes_at_the_address(hart, NON_RETENTIVE),
          "hsm: a non-retentive suspension ends at resume_addr like a start");
    check(resumes_at_the_address(hart, NON_RETENTIVE | 1UL << 63) &&
              resumes_at_the_address(hart, NON_RETENTIVE | 0xffffffffUL << 32),
          "hsm: suspend_type has 32 bits (non-retentive)");
    hart_down(hart);
}

static void check_wake_up(void)
{
    uint64_t deadline = rdtime() + DELAY;

    csr_set(sie, SIE_STIE | SIE_SSIE);
    sbi_set_timer(deadline);
    check(suspend(RETENTIVE, 0) == 0 && rdtime() >= deadline,
          "hsm: the timer ends a suspension of the last hart");
    sbi_set_timer(-1UL);
    (void)sbi_send_ipi(1, leader);
    check(suspend(RETENTIVE, 0) == 0, "hsm: with an interrupt pending a suspension ends at once");
    csr_clear(sip, SIE_SSIE);
    csr_clear(sie, SIE_STIE | SIE_SSIE);
}

static void check_refusals(void)
{
    static const uint64_t reserved[] = {1, 0x0fffffff, 0x80000001, 0x8fffffff};
    static const uint64_t platform[] = {0x10000000, 0x7fffffff, 0x90000000, 0xffffffff};
    bool refused = true;

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        refused &= suspend(reserved[i], (uint64_t)secondary_start) == SBI_ERR_INVALID_PARAM;
    check(refused, "hsm: a reserved suspend_type is an invalid parameter");
    refused = true;
    for (size_t i = 0; i < sizeof(platform) / sizeof(platform[0]); i++) {
        int64_t error = suspend(platform[i], (uint64_t)secondary_start);
        refused &= error == SBI_ERR_INVALID_PARAM || error == SBI_ERR_NOT_SUPPORTED;
    }
    check(refused, "hsm: a platform's suspend_type that is not implemented is refused");
    check(suspend(NON_RETENTIVE, NO_RAM) == SBI_ERR_INVALID_ADDRESS &&
              sbi_hart_get_status(leader).value == HSM_STARTED,
          "hsm: a resume_addr that cannot be executed is invalid and suspends nothing");
}

void check_hsm_suspend(void)
{
    check_refusals();
    check_wake_up();
    if (hart_count > 1)
        check_suspended_hart(other_hart(0));
}
