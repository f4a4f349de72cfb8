/* SPDX-License-Identifier: MIT */
/* Which process runs where; how one waits for something and another ends its waiting. */
#ifndef GUESTS_ULIX_SCHEDULE_H
#define GUESTS_ULIX_SCHEDULE_H

#include "guests/ulix/hart.h"
#include "guests/ulix/lock.h"

/* Processes in order of arrival: those that are ready to run, or wait for the same thing. */
struct queue {
    struct process *first, *last;
};

/* Guards the state and the parent of all processes and every queue. */
extern struct lock schedule_lock;

void context_switch(struct context *from, const struct context *to);

/* Lets the process run, on a hart that is idle if there is one. With schedule_lock held. */
void schedule_ready(struct process *process);

/* Leaves this process for whoever runs next; its state says what becomes of it. With schedule_lock
 * held, as it is again on return. */
void schedule_away(void);

/*
 * Waits in the queue until somebody wakes it. The caller holds the lock that guards what it waits
 * for; it is let go meanwhile and held again on return. Wakers hold it too, so no wake-up is
 * missed.
 */
void schedule_sleep(struct queue *queue, struct lock *lock);
void schedule_wake(struct queue *queue);

/* The same for those who wait with schedule_lock, which the caller holds. */
void schedule_wake_locked(struct queue *queue);

/* Goes behind all others that are ready. */
void schedule_yield(void);

#endif
