/* SPDX-License-Identifier: MIT */
/* Turns, the monitor's side: giving one, waiting for the spaces to hand over, and seeing that they
 * do. */
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/trap.h"
#include "engine/trap/check.h"
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
    uint32_t slot = check_slot(&t->area->current);

    if (slot != TRAP_NONE && t->space[slot].pid != 0)
        kill(t->space[slot].pid, TRAP_KICK);
}

void turn_give(struct trap_vcpu *t, uint32_t slot)
{
    uint32_t *turn = &t->area->slot[slot].turn;

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

/* The CPU time that the vCPU's spaces have used. */
static uint64_t used_ns(const struct trap_vcpu *t)
{
    uint64_t sum = 0;

    for (unsigned slot = 0; slot < TRAP_SPACES; slot++) {
        struct timespec used;
        clockid_t clock;
        if (t->space[slot].pid != 0 && clock_getcpuclockid(t->space[slot].pid, &clock) == 0 &&
            clock_gettime(clock, &used) == 0)
            sum += (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
    }
    return sum;
}

bool turn_over(const struct trap_vcpu *t)
{
    return (atomic_load(&t->vcpu->requests) & VCPU_REQ_EVENT) != 0;
}

/* Do the spaces ignore a kick? They have had the CPU for long enough since, or have not had it for
 * very long: a machine that is busy elsewhere is no reason. Who has taken a request since is alive.
 * That the host wants the vCPU back is not for them to say: other requests they may take off the
 * list. */
static bool ignored(struct trap_vcpu *t)
{
    if (!turn_over(t) && atomic_load(&t->area->vcpu.requests) == 0) {
        t->kick.since_ns = 0;
        return false;
    }
    uint32_t served = atomic_load(&t->area->served);
    if (t->kick.since_ns == 0 || (!turn_over(t) && t->kick.served != served)) {
        t->kick.since_ns = now_ns();
        t->kick.served = served;
        t->kick.used_ns = used_ns(t);
        return false;
    }
    return used_ns(t) - t->kick.used_ns > PATIENCE_NS ||
           now_ns() - t->kick.since_ns > 10 * PATIENCE_NS;
}

/* What the guest printed by single characters since the last look. */
void turn_take_output(struct trap_vcpu *t)
{
    struct vm *vm = t->tv->vm;
    uint8_t bytes[512];
    size_t n;

    while ((n = check_output(t->area, &t->taken, bytes, sizeof(bytes))) > 0) {
        vm_lock(vm);
        console_put(&vm->console, bytes, n);
        vm_unlock(vm);
    }
    __atomic_store_n(&t->area->taken, t->taken, __ATOMIC_RELEASE);
}

/* Looks after the spaces, at most every LOOK_NS, however often they wake the monitor. */
static bool all_is_well(struct trap_vcpu *t, uint32_t kernel)
{
    uint64_t now = now_ns();

    if (now - t->looked_ns < LOOK_NS)
        return true;
    t->looked_ns = now;
    t->looks++;
    t->looks_interpreted += __atomic_load_n(&t->area->interpreting, __ATOMIC_RELAXED) != 0;
    turn_take_output(t);
    uint32_t current = check_slot(&t->area->current);
    return !space_is_dead(t, kernel) && current != TRAP_NONE && !space_is_dead(t, current) &&
           !ignored(t);
}

/* Waits until the spaces hand over. False: one of them is gone, or does not answer. */
bool turn_wait(struct trap_vcpu *t, uint32_t kernel)
{
    uint32_t *word = &t->area->to_monitor;

    do {
        uint32_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
        bool due;
        if (seen & 1) {
            __atomic_fetch_and(word, ~1U, __ATOMIC_SEQ_CST);
            return true;
        }
        uint64_t ns = sleep_ns(t, &due);
        if (due) {
            atomic_fetch_or(&t->area->vcpu.requests, VCPU_REQ_TIMER);
            turn_signal(t);
        }
        struct timespec time = {.tv_sec = 0, .tv_nsec = (long)ns};
        syscall(SYS_futex, word, FUTEX_WAIT, seen, &time, NULL, 0);
    } while (all_is_well(t, kernel));
    return false;
}
