/* SPDX-License-Identifier: MIT */
/* The host contract of core, on bare metal. */
#include "core/isa.h"
#include "host/metal/board/mmio.h"
#include "host/metal/metal.h"

/* Registers of the goldfish RTC; reading the low half latches the high one. */
enum { RTC_TIME_LOW = 0, RTC_TIME_HIGH = 4 };

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t guest_time(struct vm *vm)
{
    return csr_read(time) + guest_of(vm)->time_offset;
}

/* A guest that has Sstc is interrupted by the hart itself, except while the hart waits (run.c).
 * What is due already needs no timer: core makes it pending at once. */
static void vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    if (isa_has(&vcpu->vm->isa, ISA_SSTC) || vcpu->host != hart_self())
        return;
    timer_set_vcpu(vcpu->host, deadline > guest_time(vcpu->vm) ? deadline : UINT64_MAX);
}

static void kick(struct vcpu *vcpu)
{
    struct hart *hart = vcpu->host;

    if (hart != NULL && (atomic_load(&vcpu->running) || atomic_load(&hart->waiting)))
        hart_kick(hart);
}

static void lock(struct vm *vm)
{
    lock_take(&guest_of(vm)->lock);
}

static void unlock(struct vm *vm)
{
    lock_release(&guest_of(vm)->lock);
}

static void defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    struct guest *guest = guest_of(vm);

    lock_take(&guest->deferred_lock);
    bool room = guest->ndeferred < MAX_DEFERRED;
    if (room)
        guest->deferred[guest->ndeferred++] = (struct deferred){work, arg};
    lock_release(&guest->deferred_lock);
    if (!room)
        panic("more than %u pieces of work are put off", MAX_DEFERRED);
    hart_post(io_hart(), HART_WORK_DEFER);
}

static int blk_submit(struct vm *vm, unsigned number, struct blk_request *request)
{
    (void)vm;
    return disk_submit(&metal.disk[number], request);
}

static void entropy(struct vm *vm, void *out, size_t length)
{
    static struct lock lock;

    (void)vm;
    lock_take(&lock);
    entropy_fill(&metal.entropy, out, length);
    lock_release(&lock);
}

static uint64_t wall_ns(struct vm *vm)
{
    (void)vm;
    if (metal.rtc == 0) { /* a board without a clock came up in 1970 */
        uint64_t time = csr_read(time), hz = metal.board.timebase_hz;
        return time / hz * NS_PER_SECOND + time % hz * NS_PER_SECOND / hz;
    }
    uint64_t low = mmio_read32(metal.rtc + RTC_TIME_LOW);
    return low | (uint64_t)mmio_read32(metal.rtc + RTC_TIME_HIGH) << 32;
}

static void *alloc_pages(struct vm *vm, unsigned order)
{
    (void)vm;
    return memory_alloc(order);
}

static void free_pages(struct vm *vm, void *pages, unsigned order)
{
    (void)vm;
    memory_free(pages, order);
}

const struct host_ops metal_ops = {
    .time = guest_time,
    .vcpu_timer = vcpu_timer,
    .device_timer = timer_device,
    .kick = kick,
    .defer = defer,
    .lock = lock,
    .unlock = unlock,
    .console_write = console_out,
    .console_room = console_input_room,
    .blk_submit = blk_submit,
    .entropy = entropy,
    .wall_ns = wall_ns,
    .pages_alloc = alloc_pages,
    .pages_free = free_pages,
    .log = message_log,
};
