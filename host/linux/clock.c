/* SPDX-License-Identifier: MIT */
/* Guest time from the host's monotonic clock. */
#include <time.h>

#include "host/linux/host.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* The `time` register of the hart; only engines for RISC-V machines ask for it. */
static uint64_t hart_time(void)
{
    uint64_t time = 0;

#ifdef __riscv
    __asm__ volatile("rdtime %0" : "=r"(time));
#endif
    return time;
}

uint64_t clock_guest_time(struct vm *vm)
{
    if (host_of(vm)->host_time)
        return hart_time();
    uint64_t ns = clock_ns() - host_of(vm)->start_ns;

    return ns / NS_PER_SECOND * vm->timebase_hz +
           ns % NS_PER_SECOND * vm->timebase_hz / NS_PER_SECOND;
}

uint64_t clock_wall_ns(struct vm *vm)
{
    (void)vm;
    return read_clock(CLOCK_REALTIME);
}

uint64_t clock_until(struct vm *vm, uint64_t deadline)
{
    uint64_t now = clock_guest_time(vm);

    if (deadline <= now)
        return 0;
    uint64_t ticks = deadline - now;
    if (ticks / vm->timebase_hz >= 3600) /* far enough: whoever waits looks again */
        return 3600 * NS_PER_SECOND;
    return ticks * NS_PER_SECOND / vm->timebase_hz + 1;
}
