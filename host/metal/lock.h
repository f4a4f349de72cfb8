/* SPDX-License-Identifier: MIT */
/*
 * A ticket lock: harts get it in the order in which they asked. The hypervisor takes no interrupts
 * while it runs, so nobody waits for a holder that cannot go on.
 */
#ifndef HOST_METAL_LOCK_H
#define HOST_METAL_LOCK_H

#include <stdatomic.h>

#include "core/types.h"

struct lock {
    _Atomic uint32_t next, serving;
};

static inline void lock_take(struct lock *lock)
{
    uint32_t ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket)
        ;
}

/* By the holder, the only one that writes `serving`. */
static inline void lock_release(struct lock *lock)
{
    uint32_t ticket = atomic_load_explicit(&lock->serving, memory_order_relaxed);

    atomic_store_explicit(&lock->serving, ticket + 1, memory_order_release);
}

#endif
