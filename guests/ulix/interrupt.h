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

/* Handles what is pending. True if this hart's process has had its share of time. */
bool interrupt_handle_pending(void);

#endif
