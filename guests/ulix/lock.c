/* SPDX-License-Identifier: MIT */
/* Spin locks: a compare-and-swap, which this ISA makes of LR and SC. */
#include "guests/ulix/lock.h"

#include "guests/lib/print.h"
#include "guests/ulix/hart.h"

void lock_acquire(struct lock *lock)
{
    struct hart *nobody = NULL;

    require(atomic_load_explicit(&lock->holder, memory_order_relaxed) != this_hart());
    while (!atomic_compare_exchange_weak_explicit(&lock->holder, &nobody, this_hart(),
                                                  memory_order_acquire, memory_order_relaxed))
        nobody = NULL;
}

void lock_release(struct lock *lock)
{
    require(atomic_load_explicit(&lock->holder, memory_order_relaxed) == this_hart());
    atomic_store_explicit(&lock->holder, NULL, memory_order_release);
}
