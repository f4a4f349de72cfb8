/* SPDX-License-Identifier: MIT */
/* The other harts: each waits for a function to run, or lies stopped. */
#ifndef GUESTS_SBI_CHECK_HARTS_H
#define GUESTS_SBI_CHECK_HARTS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_HARTS 8

extern uint64_t hart_count; /* ids are 0 .. hart_count - 1 */
extern uint64_t leader;     /* the hart that was booted, and the only one that prints */

/* What a hart found when SBI entered it. */
struct entry_state {
    uint64_t a0, a1, satp, sstatus, seen; /* seen counts entries */
};
extern volatile struct entry_state entry_states[MAX_HARTS];

/* Interrupts that a hart has taken. */
extern volatile uint64_t software_interrupts[MAX_HARTS], timer_interrupts[MAX_HARTS];

/* Where SBI may enter a hart, with the number that shall be a1. */
extern char secondary_start[];

void harts_init(uint64_t boot_hart);

/* The number of the hart that asks. */
uint64_t this_hart(void);

/* Some hart other than the leader: the n-th one, from 0. */
uint64_t other_hart(uint64_t n);

/* Starts the hart and returns when it waits for work, with SSIE and STIE set. */
void hart_up(uint64_t hart);

/* Lets a hart that waits for work call function(argument). */
void hart_run(uint64_t hart, void (*function)(uint64_t argument), uint64_t argument);

/* Until the hart waits for work again. */
void hart_finish(uint64_t hart);

/* Stops the hart and returns when it is stopped. */
void hart_down(uint64_t hart);

/* Until sbi_hart_get_status says so; false after a second. */
bool hart_reaches(uint64_t hart, uint64_t state);

/* True when the counter becomes `value` within a second. */
bool becomes(const volatile uint64_t *counter, uint64_t value);

#endif
