/* SPDX-License-Identifier: MIT */
/* A hart's reset and entry states, and the words that other threads touch. */
#include "core/vcpu.h"

#include <string.h>

#include "core/csr.h"
#include "core/trap.h"
#include "core/vm.h"

/* The SBI leaves these undefined at a hart's entry. Firmware is known to leave floating point and
 * vectors on, and the counters open to U-mode; kernels that never set them have come to need it. */
static uint64_t initial_sstatus(const struct isa *isa)
{
    uint64_t sstatus = SSTATUS_UXL_64;

    if (isa_has(isa, ISA_F))
        sstatus |= SSTATUS_FS_INITIAL;
    if (isa_has(isa, ISA_V))
        sstatus |= SSTATUS_VS_INITIAL;
    return sstatus;
}

void vcpu_reset(struct vcpu *vcpu, struct vm *vm, hartid_t hartid)
{
    memset(&vcpu->user, 0, sizeof(vcpu->user));
    memset(&vcpu->priv, 0, sizeof(vcpu->priv));
    memset(&vcpu->vec, 0, sizeof(vcpu->vec));
    vcpu->vm = vm;
    vcpu->priv.version = VCPU_RECORD_VERSION;
    vcpu->priv.hartid = hartid;
    vcpu->priv.mode = PRIV_S;
    vcpu->priv.hsm = HSM_STOPPED;
    vcpu->priv.sstatus = initial_sstatus(&vm->isa);
    vcpu->priv.scounteren = SCOUNTEREN_ALL;
    vcpu->priv.stimecmp = UINT64_MAX;
    vcpu->reservation.valid = false;
    vcpu->trap_repeat_pc = UINT64_MAX;
    vcpu->run_limit = UINT64_MAX;
    atomic_store(&vcpu->pending, 0);
    atomic_store(&vcpu->hsm, HSM_STOPPED);
    atomic_fetch_or(&vcpu->requests, VCPU_REQ_TLB | VCPU_REQ_CODE);
}

void vcpu_enter(struct vcpu *vcpu, uint64_t pc, uint64_t a1)
{
    vcpu->priv.mode = PRIV_S;
    vcpu->priv.satp = 0;
    vcpu->priv.sstatus &= ~SSTATUS_SIE;
    vcpu->user.x[10] = vcpu->priv.hartid;
    vcpu->user.x[11] = a1;
    vcpu->user.pc = pc & ~UINT64_C(1);
    vcpu->reservation.valid = false;
    atomic_fetch_or(&vcpu->requests, VCPU_REQ_TLB | VCPU_REQ_CODE);
}

static void kick(struct vcpu *vcpu)
{
    if (vcpu->vm->engine != NULL && vcpu->vm->engine->kick != NULL)
        vcpu->vm->engine->kick(vcpu);
    vcpu->vm->host->kick(vcpu);
}

void vcpu_set_pending(struct vcpu *vcpu, uint64_t mask, bool on)
{
    uint64_t old =
        on ? atomic_fetch_or(&vcpu->pending, mask) : atomic_fetch_and(&vcpu->pending, ~mask);

    if (vcpu->vm->engine != NULL && vcpu->vm->engine->irq_pending != NULL)
        vcpu->vm->engine->irq_pending(vcpu, on ? old | mask : old & ~mask);
    if (on && (old & mask) != mask)
        kick(vcpu);
}

void vcpu_request(struct vcpu *vcpu, uint32_t requests)
{
    atomic_fetch_or(&vcpu->requests, requests);
    kick(vcpu);
}

void vcpu_update_timer(struct vcpu *vcpu)
{
    bool due = vcpu->priv.stimecmp != UINT64_MAX && vm_time(vcpu->vm) >= vcpu->priv.stimecmp;
    bool was = (atomic_load(&vcpu->pending) & SIP_STIP) != 0;

    if (due == was)
        return;
    if (due)
        atomic_fetch_or(&vcpu->pending, SIP_STIP);
    else
        atomic_fetch_and(&vcpu->pending, ~SIP_STIP);
    if (vcpu->vm->engine != NULL && vcpu->vm->engine->irq_pending != NULL)
        vcpu->vm->engine->irq_pending(vcpu, atomic_load(&vcpu->pending));
}

void vcpu_set_deadline(struct vcpu *vcpu, uint64_t deadline)
{
    vcpu->priv.stimecmp = deadline;
    if (vcpu->vm->hw_timer)
        return;
    vcpu->vm->host->vcpu_timer(vcpu, deadline);
    vcpu_update_timer(vcpu);
}

bool vcpu_has_wakeup(struct vcpu *vcpu)
{
    uint32_t hsm = atomic_load(&vcpu->hsm);

    if (hsm != HSM_STARTED && hsm != HSM_SUSPENDED)
        return hsm != HSM_STOPPED;
    vcpu_update_timer(vcpu);
    if ((atomic_load(&vcpu->pending) & vcpu->priv.sie) != 0)
        return true;
    return (atomic_load(&vcpu->requests) & VCPU_REQ_EVENT) != 0;
}
