/* SPDX-License-Identifier: MIT */
/*
 * Legacy extensions (SBI v3.0 ch. 5): each function is an extension id of its own, a0 alone takes
 * the result, and hart masks lie in the caller's virtual memory.
 */
#include "core/sbi/parts.h"
#include "core/trap.h"
#include "core/vmem.h"

enum {
    SET_TIMER = 0,
    CONSOLE_GETCHAR = 2,
    CLEAR_IPI = 3,
    SEND_IPI = 4,
    REMOTE_FENCE_I = 5,
    REMOTE_SFENCE_VMA = 6,
    REMOTE_SFENCE_VMA_ASID = 7,
    SHUTDOWN = 8,
};

static int64_t getchar_(struct vm *vm)
{
    uint8_t ch;

    vm_lock(vm);
    size_t taken = console_pull(&vm->console, &ch, 1);
    vm_unlock(vm);
    return taken == 1 ? ch : -1;
}

/* 1 when an IPI had been pending. */
static int64_t clear_ipi(struct vcpu *vcpu)
{
    bool pending = (atomic_load(&vcpu->pending) & SIP_SSIP) != 0;

    vcpu_set_pending(vcpu, SIP_SSIP, false);
    return pending;
}

/* "redirected back to the supervisor with sepc CSR pointing to the faulting ECALL" */
static void fault(struct vcpu *vcpu, enum vmem_status status, const struct vmem_at *at, gva_t va,
                  struct sbi_result *result)
{
    result->flow = SBI_NO_WRITE;
    if (status == VMEM_TRAP)
        result->action = exit_trap(vcpu, at->trap.cause, at->trap.tval);
    else
        result->action = exit_trap(vcpu, CAUSE_LOAD_ACCESS, va);
}

/* The bit vector at the guest-virtual address; NULL stands for all harts, bits of harts that do not
 * exist for nothing. False when reading it faults. */
static bool read_mask(struct vcpu *vcpu, gva_t va, struct hart_set *set, struct sbi_result *result)
{
    struct vmem_at at;
    uint64_t word;

    if (sbi_hart_mask(vcpu->vm, 0, SBI_ALL_HARTS, set) != SBI_SUCCESS)
        return false;
    for (unsigned i = 0; va != 0 && i < (vcpu->vm->nvcpus + 63) / 64; i++) {
        enum vmem_status status = vmem_load(vcpu, va + 8 * i, 8, &word, &at);
        if (status != VMEM_OK) {
            fault(vcpu, status, &at, va + 8 * i, result);
            return false;
        }
        set->mask[i] &= word;
    }
    return true;
}

static void to_harts(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    const uint64_t *asid = call->eid == REMOTE_SFENCE_VMA_ASID ? &call->arg[3] : NULL;
    struct hart_set set;

    if (!read_mask(vcpu, call->arg[0], &set, result))
        return;
    result->error = SBI_SUCCESS;
    if (call->eid == SEND_IPI)
        sbi_send_ipi(vcpu->vm, &set);
    else if (call->eid == REMOTE_FENCE_I)
        sbi_fence_i(vcpu, &set);
    else
        result->error = sbi_sfence_vma(vcpu, &set, call->arg[1], call->arg[2], asid);
}

static void shutdown(struct vm *vm, struct sbi_result *result)
{
    vm_request_stop(vm, VM_OFF, 0);
    result->flow = SBI_NO_WRITE;
    result->action = ACTION_STOP;
}

static void handle(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    switch (call->eid) {
    case SET_TIMER:
        vcpu_set_deadline(vcpu, call->arg[0]);
        result->error = 0;
        break;
    case CONSOLE_GETCHAR:
        result->error = getchar_(vcpu->vm);
        break;
    case CLEAR_IPI:
        result->error = clear_ipi(vcpu);
        break;
    case SHUTDOWN:
        shutdown(vcpu->vm, result);
        break;
    default:
        to_harts(vcpu, call, result);
        break;
    }
}

const struct sbi_extension sbi_legacy = {"legacy", SBI_EID_LEGACY_FIRST, SBI_EID_LEGACY_LAST, NULL,
                                         handle};

/* The one that kernels call often. a1 stays as it is. */
static struct sbi_ret putchar_(struct vcpu *vcpu, const struct sbi_call *call)
{
    console_put_byte(&vcpu->vm->console, (uint8_t)call->arg[0]);
    return (struct sbi_ret){0, call->arg[1]};
}

const struct sbi_extension sbi_putchar = {"putchar", SBI_EID_LEGACY_PUTCHAR, SBI_EID_LEGACY_PUTCHAR,
                                          putchar_, NULL};
