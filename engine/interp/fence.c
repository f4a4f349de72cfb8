/* SPDX-License-Identifier: MIT */
/*
 * Remote fences. Each vCPU owns its TLB and its decoded pages; another one may only post a request
 * and wait until the owner has taken it or is outside `run` (it takes requests on the way in). The
 * caller is outside `run` itself, so two vCPUs that fence each other never wait for each other.
 */
#include <sched.h>

#include "core/vm.h"
#include "engine/interp/interp.h"

static void post(struct vm *vm, const struct hart_set *harts, uint32_t request)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if ((harts->mask[i / 64] >> (i % 64)) & 1)
            atomic_fetch_or(&vm->vcpu[i]->requests, request);
    }
}

/* The request word and the running flag are both sequentially consistent: either the owner sees
 * the request before it executes anything, or we see it running and wait. */
static void wait(struct vm *vm, const struct vcpu *self, const struct hart_set *harts,
                 uint32_t request)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        struct vcpu *vcpu = vm->vcpu[i];
        if (vcpu == self || !((harts->mask[i / 64] >> (i % 64)) & 1))
            continue;
        while (atomic_load(&vcpu->running) && (atomic_load(&vcpu->requests) & request) != 0)
            sched_yield();
    }
}

void interp_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      const struct flush_range *range)
{
    (void)range; /* a refill is cheap: the whole TLB goes */
    post(vm, harts, VCPU_REQ_TLB);
    wait(vm, self, harts, VCPU_REQ_TLB);
}

void interp_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                       uint64_t size)
{
    (void)gpa;
    (void)size;
    post(vm, harts, VCPU_REQ_CODE);
    wait(vm, self, harts, VCPU_REQ_CODE);
}
