/* SPDX-License-Identifier: MIT */
/*
 * Turns. A process that waits for its turn first yields the CPU that it shares with whoever has it:
 * a hand-over that is answered soon then costs two switches and no sleep.
 */
#include "engine/trap/stub/stub.h"

#define YIELDS 3

void turn_give(uint32_t *word)
{
    if (__atomic_exchange_n(word, TURN_YOURS, __ATOMIC_SEQ_CST) == TURN_ASLEEP)
        stub_syscall(__NR_futex, (uint64_t)word, FUTEX_WAKE, 1, 0, 0, 0);
}

static bool turn_take(uint32_t *word, uint32_t otherwise)
{
    uint32_t yours = TURN_YOURS;

    if (__atomic_compare_exchange_n(word, &yours, TURN_NOT, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        return true;
    if (otherwise != yours)
        (void)__atomic_compare_exchange_n(word, &yours, otherwise, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
    return false;
}

void turn_wait(uint32_t *word)
{
    for (unsigned i = 0; i < YIELDS; i++) {
        if (turn_take(word, TURN_NOT))
            return;
        stub_syscall(__NR_sched_yield, 0, 0, 0, 0, 0, 0);
    }
    while (!turn_take(word, TURN_ASLEEP))
        stub_syscall(__NR_futex, (uint64_t)word, FUTEX_WAIT, TURN_ASLEEP, 0, 0, 0);
}
