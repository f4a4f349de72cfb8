/* SPDX-License-Identifier: MIT */
/*
 * Remote fences (SBI v3.0 ch. 8). The HFENCE functions (FID 3 to 6) are for harts with the
 * hypervisor extension and therefore SBI_ERR_NOT_SUPPORTED.
 */
#include "core/sbi/parts.h"

enum { REMOTE_FENCE_I = 0, REMOTE_SFENCE_VMA = 1, REMOTE_SFENCE_VMA_ASID = 2 };

#define EVERYTHING UINT64_MAX

/* For a VM without an engine, whose harts look at their requests before they go on. */
static void request(struct vm *vm, const struct hart_set *set, uint32_t requests)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (sbi_hart_set_has(set, i))
            vcpu_request(vm->vcpu[i], requests);
    }
}

void sbi_fence_i(struct vcpu *self, const struct hart_set *set)
{
    struct vm *vm = self->vm;

    if (vm->engine != NULL)
        vm->engine->code_flush(vm, self, set, 0, EVERYTHING);
    else
        request(vm, set, VCPU_REQ_CODE);
}

static void flush(struct vcpu *self, const struct hart_set *set, const struct flush_range *range)
{
    struct vm *vm = self->vm;

    if (vm->engine != NULL)
        vm->engine->tlb_flush(vm, self, set, range);
    else
        request(vm, set, VCPU_REQ_TLB);
}

/* The last byte of the range may be the last one of the address space. */
enum sbi_error sbi_sfence_vma(struct vcpu *self, const struct hart_set *set, uint64_t start,
                              uint64_t size, const uint64_t *asid)
{
    struct flush_range range = {.start = start, .size = size, .any_asid = asid == NULL};

    /* Bits of an ASID above ASIDLEN are ignored (Priv. 12.2.1). */
    if (asid != NULL)
        range.asid = (uint16_t)(*asid & ((UINT64_C(1) << self->vm->isa.asid_bits) - 1));
    if (size == EVERYTHING || (start == 0 && size == 0)) {
        range.start = 0;
        range.size = EVERYTHING;
    } else if (size == 0) {
        return SBI_SUCCESS;
    } else if (size - 1 > UINT64_MAX - start) {
        return SBI_ERR_INVALID_ADDRESS;
    }
    flush(self, set, &range);
    return SBI_SUCCESS;
}

static struct sbi_ret answer(struct vcpu *vcpu, const struct sbi_call *call)
{
    const uint64_t *asid = call->fid == REMOTE_SFENCE_VMA_ASID ? &call->arg[4] : NULL;
    struct hart_set set;

    if (call->fid > REMOTE_SFENCE_VMA_ASID)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    enum sbi_error error = sbi_hart_mask(vcpu->vm, call->arg[0], call->arg[1], &set);
    if (error == SBI_SUCCESS && call->fid == REMOTE_FENCE_I)
        sbi_fence_i(vcpu, &set);
    else if (error == SBI_SUCCESS)
        error = sbi_sfence_vma(vcpu, &set, call->arg[2], call->arg[3], asid);
    return (struct sbi_ret){error, 0};
}

const struct sbi_extension sbi_rfence = {"rfence", SBI_EID_RFENCE, SBI_EID_RFENCE, answer, NULL};
