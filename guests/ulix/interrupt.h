/* SPDX-License-Identifier: MIT */
/* Interrupts: the timer, other harts, devices behind the PLIC. */
#ifndef GUESTS_ULIX_INTERRUPT_H
#define GUESTS_ULIX_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* Finds out how fast the clock runs. */
void interrupt_init(void);

/* Ticks of `time` a second. */
uint64_t interrupt_timebase(void);

/* On each hart: what ends a wfi or a user's run from now on. */
void interrupt_init_hart(void);

/* Lets a line of the PLIC through to the hart that calls. One device is all there is. */
bool interrupt_enable(uint32_t line, void (*handler)(void));

/* Handles the interrupt that scause names. True if this hart's process has had its share of time.
 */
bool interrupt_take(uint64_t cause);

/*
 * Sleeps until there is something to do for an idle hart, which needs no timer. With interrupts
 * masked in sstatus a wfi ends all the same when one is pending, so none can come and go between
 * the caller's look at the queue and the wfi.
 */
void interrupt_wait(void);

#endif
