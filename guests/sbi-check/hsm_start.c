/* SPDX-License-Identifier: MIT */
/* Hart state management (SBI v3.0 ch. 9): status, start, stop. */
#include <stdatomic.h>

#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

#define RACES 50

static uint64_t entry(void)
{
    return (uint64_t)secondary_start;
}

static void check_status(void)
{
    bool stopped = true;

    for (uint64_t n = 0; n + 1 < hart_count; n++)
        stopped &= sbi_hart_get_status(other_hart(n)).value == HSM_STOPPED;
    check(sbi_hart_get_status(leader).value == HSM_STARTED, "hsm: the boot hart is started");
    check(stopped, "hsm: every other hart is stopped at first");
    check(is_error(sbi_hart_get_status(hart_count), SBI_ERR_INVALID_PARAM) &&
              is_error(sbi_hart_get_status(-1UL), SBI_ERR_INVALID_PARAM) &&
              is_error(sbi_hart_get_status(1UL << 32 | leader), SBI_ERR_INVALID_PARAM),
          "hsm: the status of a hart that does not exist is an invalid parameter");
    check(is_error(call(SBI_HSM, 4, 0, 0, 0), SBI_ERR_NOT_SUPPORTED) &&
              is_error(call(SBI_HSM, 0xbad, 0, 0, 0), SBI_ERR_NOT_SUPPORTED),
          "hsm: an unknown function is not supported");
}

static void check_refusals(void)
{
    check(is_error(sbi_hart_start(hart_count, entry(), 0), SBI_ERR_INVALID_PARAM) &&
              is_error(sbi_hart_start(-1UL, entry(), 0), SBI_ERR_INVALID_PARAM) &&
              is_error(sbi_hart_start(1UL << 32, entry(), 0), SBI_ERR_INVALID_PARAM),
          "hsm: starting a hart that does not exist is an invalid parameter");
    check(is_error(sbi_hart_start(leader, entry(), 0), SBI_ERR_ALREADY_AVAILABLE),
          "hsm: a hart that runs is already available");
    if (hart_count > 1)
        check(is_error(sbi_hart_start(other_hart(0), NO_RAM, 0), SBI_ERR_INVALID_ADDRESS) &&
                  sbi_hart_get_status(other_hart(0)).value == HSM_STOPPED,
              "hsm: a start address that cannot be executed is invalid and starts nothing");
}

/* Entered with garbage as opaque: stack and all come from the hart's number. */
static bool enters_as_told(uint64_t hart, uint64_t opaque)
{
    const volatile struct entry_state *state = &entry_states[hart];
    uint64_t entries = state->seen;

    return sbi_hart_start(hart, entry(), opaque).error == 0 && becomes(&state->seen, entries + 1) &&
           state->a0 == hart && state->a1 == opaque && state->satp == 0 &&
           (state->sstatus & SSTATUS_SIE) == 0 && hart_reaches(hart, HSM_STARTED);
}

static void check_start_and_stop(void)
{
    bool entered = true, stopped = true;

    for (uint64_t n = 0; n + 1 < hart_count; n++)
        entered &= enters_as_told(other_hart(n), 0xdeadbeefcafef00dUL + n);
    check(entered, "hsm: a started hart has a0 its id, a1 opaque, satp 0, SIE 0");
    for (uint64_t n = 0; n + 1 < hart_count; n++) {
        hart_down(other_hart(n));
        stopped &= sbi_hart_get_status(other_hart(n)).value == HSM_STOPPED;
    }
    check(stopped, "hsm: a hart that stops is stopped");
    for (uint64_t n = 0; n + 1 < hart_count; n++) {
        entered &= enters_as_told(other_hart(n), n);
        hart_finish(other_hart(n));
        hart_down(other_hart(n));
    }
    check(entered, "hsm: a stopped hart can be started again");
}

static _Atomic uint64_t go, successes;

static void race(uint64_t target)
{
    int64_t error;

    while (!atomic_load(&go))
        ;
    error = sbi_hart_start(target, entry(), 0).error;
    if (error == 0)
        atomic_fetch_add(&successes, 1);
    else if (error != SBI_ERR_ALREADY_AVAILABLE)
        atomic_fetch_add(&successes, 100);
}

/* Two harts start a third at the same time. */
static void check_race(void)
{
    uint64_t racer = other_hart(0), target = other_hart(1);
    bool once = true;

    hart_up(racer);
    for (unsigned i = 0; i < RACES; i++) {
        atomic_store(&go, 0);
        atomic_store(&successes, 0);
        hart_run(racer, race, target);
        atomic_store(&go, 1);
        race(target);
        hart_finish(racer);
        once &= atomic_load(&successes) == 1;
        once &= hart_reaches(target, HSM_STARTED);
        hart_finish(target);
        hart_down(target);
    }
    check(once, "hsm: of two harts that start the same one, one succeeds");
    hart_down(racer);
}

void check_hsm_start(void)
{
    check_status();
    check_refusals();
    if (hart_count < 2)
        return;
    check_start_and_stop();
    if (hart_count > 2)
        check_race();
}
