/* SPDX-License-Identifier: MIT */
/* IPI extension (SBI v3.0 ch. 7). */
#include "core/sbi/parts.h"
#include "core/trap.h"

enum { SEND_IPI = 0 };

/* A stopped hart exists, so that naming it is no error; it has nothing to interrupt. */
void sbi_send_ipi(struct vm *vm, const struct hart_set *set)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (sbi_hart_set_has(set, i) && atomic_load(&vm->vcpu[i]->hsm) != HSM_STOPPED)
            vcpu_set_pending(vm->vcpu[i], SIP_SSIP, true);
    }
}

static struct sbi_ret answer(struct vcpu *vcpu, const struct sbi_call *call)
{
    struct hart_set set;

    if (call->fid != SEND_IPI)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    enum sbi_error error = sbi_hart_mask(vcpu->vm, call->arg[0], call->arg[1], &set);
    if (error == SBI_SUCCESS)
        sbi_send_ipi(vcpu->vm, &set);
    return (struct sbi_ret){error, 0};
}

const struct sbi_extension sbi_ipi = {"ipi", SBI_EID_IPI, SBI_EID_IPI, answer, NULL};
