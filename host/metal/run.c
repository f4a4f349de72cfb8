/* SPDX-License-Identifier: MIT */
/* What a hart does with the vCPU that is placed on it: run, handle the exit, wait, until the VM
 * stops; then boot it again or end the board. */
#include "core/isa.h"
#include "core/sbi/hsm.h"
#include "core/trap.h"
#include "host/metal/metal.h"

static bool stopping(const struct guest *guest)
{
    return atomic_load_explicit(&guest->machine.vm.stop, memory_order_relaxed) != VM_RUNNING;
}

static void run_deferred(struct guest *guest)
{
    struct deferred item;
    bool any;

    do {
        lock_take(&guest->deferred_lock);
        any = guest->ndeferred > 0;
        if (any) {
            item = guest->deferred[0];
            guest->ndeferred--;
            for (unsigned i = 0; i < guest->ndeferred; i++)
                guest->deferred[i] = guest->deferred[i + 1];
        }
        lock_release(&guest->deferred_lock);
        if (any)
            item.work(item.arg);
    } while (any);
}

static void do_work(struct hart *hart)
{
    uint32_t work = atomic_exchange(&hart->work, 0);

    if ((work & HART_WORK_TIMER) != 0)
        timer_look(hart);
    if ((work & HART_WORK_DEFER) != 0)
        run_deferred(metal.guest);
}

/* The deadline matters only to a vCPU that would wake for it. */
static uint64_t wake_deadline(const struct vcpu *vcpu)
{
    uint32_t hsm = atomic_load(&vcpu->hsm);
    bool wakes = (hsm == HSM_STARTED || hsm == HSM_SUSPENDED) && (vcpu->priv.sie & SIP_STIP) != 0;

    return wakes ? vcpu->priv.stimecmp : UINT64_MAX;
}

/* wfi falls through when an interrupt is pending, so nothing that comes between the look and the
 * wait is lost. */
static void wait_for_work(struct hart *hart, struct guest *guest)
{
    bool own_timer = isa_has(&guest->machine.vm.isa, ISA_SSTC);

    for (;;) {
        if (own_timer)
            timer_set_vcpu(hart, wake_deadline(hart->vcpu));
        if (atomic_load(&hart->work) != 0)
            do_work(hart);
        atomic_store(&hart->waiting, 1);
        if (stopping(guest) || vcpu_has_wakeup(hart->vcpu))
            break;
        if (atomic_load(&hart->work) == 0)
            __asm__ volatile("wfi" : : : "memory");
        atomic_store(&hart->waiting, 0);
        hart_interrupts(hart);
    }
    atomic_store(&hart->waiting, 0);
    if (own_timer)
        timer_set_vcpu(hart, UINT64_MAX);
}

static void park(struct vcpu *vcpu)
{
    /* The registers that still stand in the hart, for the messages. */
    if (vcpu->vm->engine->state_get(vcpu, STATE_ALL) != 0)
        message("the guest's registers could not be read");
    message("vcpu %u parked at pc 0x%llx: %s at 0x%llx (scause %lld: %s, stval 0x%llx)",
            vcpu->priv.hartid, (unsigned long long)vcpu->user.pc,
            park_text((enum park_reason)vcpu->priv.exit.reason),
            (unsigned long long)vcpu->priv.exit.addr, (long long)vcpu->priv.scause,
            trap_cause_name(vcpu->priv.scause), (unsigned long long)vcpu->priv.stval);
    dump_vcpu(vcpu);
    dump_h();
    vm_request_stop(vcpu->vm, VM_PARKED, vcpu->priv.hartid);
}

static void run_until_stopped(struct hart *hart, struct guest *guest)
{
    struct vcpu *vcpu = hart->vcpu;
    const struct engine_ops *engine = guest->machine.vm.engine;

    while (!stopping(guest)) {
        if (UNLIKELY(atomic_load_explicit(&hart->work, memory_order_relaxed) != 0))
            do_work(hart);
        if (UNLIKELY(!hsm_settle(vcpu))) {
            wait_for_work(hart, guest);
            continue;
        }
        engine->run(vcpu);
        if (vcpu->priv.exit.kind == EXIT_HOST)
            hart_interrupts(hart);
        enum exit_action action = exit_handle(vcpu);
        if (action == ACTION_WAIT)
            wait_for_work(hart, guest);
        else if (UNLIKELY(action == ACTION_PARK))
            park(vcpu);
    }
    if (engine->state_get(vcpu, STATE_ALL) != 0)
        message("vcpu %u could not be taken off its hart", vcpu->priv.hartid);
}

static _Noreturn void end_guest(struct guest *guest)
{
    const struct vm *vm = &guest->machine.vm;

    if (guest->config.stats)
        stats_print(guest);
    switch ((enum vm_stop)atomic_load(&vm->stop)) {
    case VM_OFF:
        board_end(END_OFF);
    case VM_FAILED:
        message("the guest reported failure (code %u)", vm->stop_code);
        board_end(END_FAILED);
    case VM_PARKED:
        board_end(END_PARKED);
    default:
        board_end(END_ERROR);
    }
}

static void boot_again(struct guest *guest)
{
    bool cold = atomic_load(&guest->machine.vm.stop) == VM_RESET_COLD;

    if (guest_boot(guest, cold) != 0)
        board_end(END_ERROR);
}

/* The guest's requests are carried out before its memory is used anew, and before the board ends.
 */
static void settle_disks(struct guest *guest)
{
    struct vm *vm = &guest->machine.vm;

    vm_lock(vm);
    for (unsigned i = 0; i < metal.ndisks; i++) {
        while (disk_busy(&metal.disk[i]))
            disk_service(&metal.disk[i]);
    }
    vm_unlock(vm);
    run_deferred(guest);
}

/* All harts come here when the VM has stopped. The first one boots it again, when that is what it
 * stopped for, as soon as the others wait. */
static void meet(struct hart *hart, struct guest *guest)
{
    uint32_t boots = atomic_load(&guest->boots);

    atomic_fetch_add(&guest->arrived, 1);
    if (hart != io_hart()) {
        while (atomic_load(&guest->boots) == boots)
            ;
        return;
    }
    while (atomic_load(&guest->arrived) != guest->config.vcpus)
        ;
    settle_disks(guest);
    uint32_t stop = atomic_load(&guest->machine.vm.stop);
    if (stop != VM_RESET_COLD && stop != VM_RESET_WARM)
        end_guest(guest);
    boot_again(guest);
    atomic_store(&guest->arrived, 0);
    atomic_fetch_add(&guest->boots, 1);
}

_Noreturn void run_vcpu(struct hart *hart)
{
    struct guest *guest = metal.guest;

    if (hart->index >= guest->config.vcpus) {
        csr_write(sie, 0);
        for (;;)
            __asm__ volatile("wfi");
    }
    metal_ops.vcpu_timer(hart->vcpu, hart->vcpu->priv.stimecmp); /* of a snapshot */
    for (;;) {
        run_until_stopped(hart, guest);
        meet(hart, guest);
    }
}
