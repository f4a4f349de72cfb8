/* SPDX-License-Identifier: MIT */
/* Turns, the monitor's side: giving one, waiting for the spaces to hand over, and seeing that they
 * do. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/trap.h"
#include "engine/trap/trap.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define LOOK_NS       UINT64_C(20000000)   /* how often a waiting monitor looks whether all live */
#define PATIENCE_NS   UINT64_C(1000000000) /* CPU time that a space may use after a kick */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* The space that runs guest code, as far as the shared pages can be believed. */
void turn_signal(struct trap_vcpu *t)
{
    uint32_t slot = __atomic_load_n(&t->area->current, __ATOMIC_SEQ_CST);

    if (slot < TRAP_SPACES && t->space[slot].pid != 0)
        kill(t->space[slot].pid, TRAP_KICK);
}

void turn_give(struct trap_vcpu *t, uint32_t slot)
{
    uint32_t *turn = &t->area->slot[slot].turn;

    t->kick.since_ns = 0;
    __atomic_store_n(&t->area->current, slot, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(turn, TURN_YOURS, __ATOMIC_SEQ_CST) == TURN_ASLEEP)
        syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* How long to sleep: until the deadline that the guest has set, or the next look. */
static uint64_t sleep_ns(struct trap_vcpu *t, bool *due)
{
    struct vm *vm = t->tv->vm;
    uint64_t deadline = __atomic_load_n(&t->area->vcpu.priv.stimecmp, __ATOMIC_SEQ_CST);
    bool pending = (atomic_load(&t->area->vcpu.pending) & SIP_STIP) != 0;
    uint64_t now = vm_time(vm);

    *due = false;
    if (pending || deadline == UINT64_MAX) {
        atomic_store(&t->area->armed, deadline);
        return LOOK_NS;
    }
    atomic_store(&t->area->armed, deadline);
    if (deadline <= now) {
        *due = true;
        return LOOK_NS;
    }
    uint64_t ticks = deadline - now, most = LOOK_NS * vm->timebase_hz / NS_PER_SECOND;

    return ticks >= most ? LOOK_NS : ticks * NS_PER_SECOND / vm->timebase_hz + 1;
}

/* The CPU time that a space has used, or 0 when it cannot be told. */
static uint64_t used_ns(const struct trap_vcpu *t, uint32_t slot)
{
    struct timespec used;
    clockid_t clock;

    if (slot >= TRAP_SPACES || t->space[slot].pid == 0 ||
        clock_getcpuclockid(t->space[slot].pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

/* Does the space ignore a kick? Others may have come while it served the first. It has had the CPU
 * for long enough since, or has not had it for very long: a machine that is busy elsewhere is no
 * reason. */
static bool ignored(struct trap_vcpu *t, uint32_t slot)
{
    if (atomic_load(&t->area->vcpu.requests) == 0) {
        t->kick.since_ns = 0;
        return false;
    }
    uint32_t served = atomic_load(&t->area->served);
    if (t->kick.since_ns == 0 || t->kick.slot != slot || t->kick.served != served) {
        t->kick.since_ns = now_ns();
        t->kick.served = served;
        t->kick.used_ns = used_ns(t, slot);
        t->kick.slot = slot;
        return false;
    }
    return used_ns(t, slot) - t->kick.used_ns > PATIENCE_NS ||
           now_ns() - t->kick.since_ns > 10 * PATIENCE_NS;
}

/* What the guest printed by single characters since the last look. */
void turn_take_output(struct trap_vcpu *t)
{
    struct vm *vm = t->tv->vm;
    uint32_t printed = __atomic_load_n(&t->area->printed, __ATOMIC_ACQUIRE);
    uint8_t bytes[512];

    if (printed - t->taken > TRAP_OUTPUT) /* nonsense */
        printed = t->taken;
    while (printed != t->taken) {
        size_t n = 0;
        while (n < sizeof(bytes) && printed != t->taken)
            bytes[n++] = t->area->output[t->taken++ % TRAP_OUTPUT];
        vm_lock(vm);
        console_put(&vm->console, bytes, n);
        vm_unlock(vm);
    }
    __atomic_store_n(&t->area->taken, t->taken, __ATOMIC_RELEASE);
}

/* Waits until the spaces hand over. False: one of them is gone, or does not answer. */
bool turn_wait(struct trap_vcpu *t, uint32_t kernel)
{
    uint32_t *word = &t->area->to_monitor;

    for (;;) {
        uint32_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
        bool due;
        if (seen & 1) {
            __atomic_fetch_and(word, ~1U, __ATOMIC_SEQ_CST);
            t->kick.since_ns = 0;
            return true;
        }
        uint64_t ns = sleep_ns(t, &due);
        if (due) {
            atomic_fetch_or(&t->area->vcpu.requests, VCPU_REQ_TIMER);
            turn_signal(t);
        }
        struct timespec time = {.tv_sec = 0, .tv_nsec = (long)ns};
        if (syscall(SYS_futex, word, FUTEX_WAIT, seen, &time, NULL, 0) == 0 || errno != ETIMEDOUT)
            continue;
        turn_take_output(t);
        uint32_t current = __atomic_load_n(&t->area->current, __ATOMIC_SEQ_CST);
        if (space_is_dead(t, kernel) || current >= TRAP_SPACES || space_is_dead(t, current) ||
            ignored(t, current))
            return false;
    }
}
