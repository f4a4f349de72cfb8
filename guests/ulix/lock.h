/* SPDX-License-Identifier: MIT */
/*
 * Spin locks. The kernel runs with interrupts off, so a holder is never interrupted; it must not
 * sleep either. Order: a space's or a pipe's lock, then the scheduler's, then that of free pages.
 */
#ifndef GUESTS_ULIX_LOCK_H
#define GUESTS_ULIX_LOCK_H

#include <stdatomic.h>
#include <stddef.h>

struct lock {
    _Atomic(struct hart *) holder;
};

/* A hart that takes a lock twice would wait for itself: this fails the guest instead. */
void lock_acquire(struct lock *lock);
void lock_release(struct lock *lock);

#endif
