/* SPDX-License-Identifier: MIT */
/* Turns: a word that is 1 when it is the waiter's turn, and a futex on it. */
#include "engine/trap/stub/stub.h"

void turn_give(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    stub_syscall(__NR_futex, (uint64_t)word, FUTEX_WAKE, 1, 0, 0, 0);
}

void turn_wait(uint32_t *word)
{
    while (__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST) == 0)
        stub_syscall(__NR_futex, (uint64_t)word, FUTEX_WAIT, 0, 0, 0, 0);
}
