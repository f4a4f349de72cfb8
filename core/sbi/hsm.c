/* SPDX-License-Identifier: MIT */
/* Hart state management (SBI v3.0 ch. 9). */
#include "core/sbi/hsm.h"

#include "core/sbi/parts.h"
#include "core/trap.h"

enum { HART_START = 0, HART_STOP = 1, HART_GET_STATUS = 2, HART_SUSPEND = 3 };

#define SUSPEND_RETENTIVE     UINT32_C(0)
#define SUSPEND_NON_RETENTIVE UINT32_C(0x80000000)

#define TO(state)             (1u << (state))

/* The state machine of SBI v3.0 figure "SBI HSM State Machine": where each state may go. */
static const uint8_t transitions[] = {
    [HSM_STARTED] = TO(HSM_STOP_PENDING) | TO(HSM_SUSPEND_PENDING),
    [HSM_STOPPED] = TO(HSM_START_PENDING),
    [HSM_START_PENDING] = TO(HSM_STARTED),
    [HSM_STOP_PENDING] = TO(HSM_STOPPED),
    [HSM_SUSPENDED] = TO(HSM_RESUME_PENDING),
    [HSM_SUSPEND_PENDING] = TO(HSM_SUSPENDED),
    [HSM_RESUME_PENDING] = TO(HSM_STARTED),
};

/* Takes the hart to the state when the state machine allows it. */
static bool transit(struct vcpu *vcpu, enum hsm_state to)
{
    uint32_t from = atomic_load(&vcpu->hsm);

    return from < ARRAY_SIZE(transitions) && (transitions[from] & TO(to)) != 0 &&
           atomic_compare_exchange_strong(&vcpu->hsm, &from, (uint32_t)to);
}

/* Can a hart fetch there with translation off? */
static bool is_entry(struct vm *vm, gpa_t addr)
{
    return (addr & 1) == 0 && gmem_ptr(&vm->mem, addr, 2, GMEM_READ) != NULL;
}

/* The target's thread reads the entry only after it has seen START_PENDING, and only a holder of
 * the VM lock takes a hart out of STOPPED: the entry has one writer at a time. */
static enum sbi_error start_stopped(struct vcpu *target, gpa_t start_addr, uint64_t opaque)
{
    if (atomic_load(&target->hsm) != HSM_STOPPED)
        return SBI_ERR_ALREADY_AVAILABLE;
    target->priv.hsm_start = start_addr;
    target->priv.hsm_opaque = opaque;
    return transit(target, HSM_START_PENDING) ? SBI_SUCCESS : SBI_ERR_FAILED;
}

static enum sbi_error hart_start(struct vm *vm, uint64_t hartid, gpa_t start_addr, uint64_t opaque)
{
    struct vcpu *target = sbi_hart(vm, hartid);

    if (target == NULL)
        return SBI_ERR_INVALID_PARAM;
    if (!is_entry(vm, start_addr))
        return SBI_ERR_INVALID_ADDRESS;
    vm_lock(vm);
    enum sbi_error error = start_stopped(target, start_addr, opaque);
    vm_unlock(vm);
    if (error == SBI_SUCCESS)
        vcpu_request(target, VCPU_REQ_TLB | VCPU_REQ_CODE); /* and wakes it */
    return error;
}

/* The hart leaves nothing behind that could interrupt it when it is started again. */
static void hart_stop(struct vcpu *vcpu, struct sbi_result *result)
{
    if (!transit(vcpu, HSM_STOP_PENDING)) {
        result->error = SBI_ERR_FAILED;
        return;
    }
    vcpu->priv.sie = 0;
    vcpu_set_deadline(vcpu, UINT64_MAX);
    vcpu_set_pending(vcpu, SIP_SSIP, false);
    vcpu->reservation.valid = false;
    result->flow = SBI_NO_WRITE;
    result->action = ACTION_WAIT;
    (void)transit(vcpu, HSM_STOPPED);
}

static void hart_get_status(struct vm *vm, uint64_t hartid, struct sbi_result *result)
{
    struct vcpu *target = sbi_hart(vm, hartid);

    if (target == NULL) {
        result->error = SBI_ERR_INVALID_PARAM;
        return;
    }
    result->error = SBI_SUCCESS;
    result->value = atomic_load(&target->hsm);
}

/* Platform-specific types are "unimplemented" and thus as invalid as reserved ones. A retentive
 * suspension writes its result now; nothing else of the hart changes until it resumes. */
static void hart_suspend(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    uint32_t type = (uint32_t)call->arg[0];

    result->error = SBI_ERR_INVALID_PARAM;
    if (type != SUSPEND_RETENTIVE && type != SUSPEND_NON_RETENTIVE)
        return;
    result->error = SBI_ERR_INVALID_ADDRESS;
    if (type == SUSPEND_NON_RETENTIVE && !is_entry(vcpu->vm, call->arg[1]))
        return;
    result->error = SBI_ERR_FAILED;
    if (!transit(vcpu, HSM_SUSPEND_PENDING))
        return;
    vcpu->priv.suspend_retentive = type == SUSPEND_RETENTIVE;
    if (type == SUSPEND_NON_RETENTIVE) {
        vcpu->priv.hsm_start = call->arg[1];
        vcpu->priv.hsm_opaque = call->arg[2];
        result->flow = SBI_NO_WRITE;
    }
    result->error = SBI_SUCCESS;
    result->action = ACTION_WAIT;
    (void)transit(vcpu, HSM_SUSPENDED);
}

static void handle(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    switch (call->fid) {
    case HART_START:
        result->error = hart_start(vcpu->vm, call->arg[0], call->arg[1], call->arg[2]);
        break;
    case HART_STOP:
        hart_stop(vcpu, result);
        break;
    case HART_GET_STATUS:
        hart_get_status(vcpu->vm, call->arg[0], result);
        break;
    case HART_SUSPEND:
        hart_suspend(vcpu, call, result);
        break;
    }
}

const struct sbi_extension sbi_hsm = {"hsm", SBI_EID_HSM, SBI_EID_HSM, NULL, handle};

/* A suspended hart has left `run`, which is all that VCPU_REQ_EVENT asks for. */
static bool resume(struct vcpu *vcpu)
{
    vcpu_update_timer(vcpu);
    if ((atomic_load(&vcpu->pending) & vcpu->priv.sie) == 0) {
        atomic_fetch_and(&vcpu->requests, ~(uint32_t)VCPU_REQ_EVENT);
        return false;
    }
    (void)transit(vcpu, HSM_RESUME_PENDING);
    if (!vcpu->priv.suspend_retentive)
        vcpu_enter(vcpu, vcpu->priv.hsm_start, vcpu->priv.hsm_opaque);
    return transit(vcpu, HSM_STARTED);
}

bool hsm_settle(struct vcpu *vcpu)
{
    switch (atomic_load(&vcpu->hsm)) {
    case HSM_STARTED:
        return true;
    case HSM_START_PENDING:
        vcpu_enter(vcpu, vcpu->priv.hsm_start, vcpu->priv.hsm_opaque);
        return transit(vcpu, HSM_STARTED);
    case HSM_SUSPENDED:
        return resume(vcpu);
    default:
        return false;
    }
}
