/* SPDX-License-Identifier: MIT */
/*
 * One timer per hart, shared by those who want it: the vCPU that is placed there and, on the hart
 * that serves devices, the guest's device alarms. Only its own hart programs it.
 */
#include "core/trap.h"
#include "host/metal/fw.h"
#include "host/metal/metal.h"

/* Never: the interrupt is off, so that it does not matter what a far deadline does to the timer. */
static void program(struct hart *hart, uint64_t deadline)
{
    if (deadline == hart->timer_programmed)
        return;
    hart->timer_programmed = deadline;
    if (deadline == UINT64_MAX) {
        csr_clear(sie, SIP_STIP);
        return;
    }
    if (metal.sstc)
        csr_write(stimecmp, deadline);
    else
        fw_set_timer(deadline);
    csr_set(sie, SIP_STIP);
}

/* In board time, which wraps for what is close to the end of the guest's. */
static uint64_t board_time(const struct guest *guest, uint64_t deadline)
{
    return deadline >= metal.never ? UINT64_MAX : deadline - guest->time_offset;
}

static uint64_t first_device_deadline(struct guest *guest)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < guest->machine.vm.ndevices; i++) {
        if (guest->device_deadline[i] < first)
            first = guest->device_deadline[i];
    }
    return first;
}

static void ring_devices(struct guest *guest, uint64_t now)
{
    struct vm *vm = &guest->machine.vm;

    for (unsigned i = 0; i < vm->ndevices; i++) {
        if (guest->device_deadline[i] <= now) {
            guest->device_deadline[i] = UINT64_MAX;
            vm_device_timer(vm, i);
        }
    }
}

static void program_first(struct hart *hart)
{
    uint64_t first = hart->vcpu_deadline;

    if (hart->device_deadline < first)
        first = hart->device_deadline;
    program(hart, board_time(metal.guest, first));
}

/* Rings what is due, and programs the timer for what is not. Without the VM lock. */
void timer_look(struct hart *hart)
{
    struct guest *guest = metal.guest;
    uint64_t now = vm_time(&guest->machine.vm);

    if (hart->vcpu_deadline <= now) {
        hart->vcpu_deadline = UINT64_MAX;
        vcpu_update_timer(hart->vcpu);
    }
    if (hart == io_hart()) {
        vm_lock(&guest->machine.vm);
        ring_devices(guest, now);
        hart->device_deadline = first_device_deadline(guest);
        vm_unlock(&guest->machine.vm);
    }
    program_first(hart);
}

void timer_set_vcpu(struct hart *hart, uint64_t deadline)
{
    hart->vcpu_deadline = deadline;
    program_first(hart);
}

/* Under the VM lock. */
void timer_device(struct vm *vm, unsigned id, uint64_t deadline)
{
    guest_of(vm)->device_deadline[id] = deadline;
    hart_post(io_hart(), HART_WORK_TIMER);
}
