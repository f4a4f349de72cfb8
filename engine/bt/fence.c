/* SPDX-License-Identifier: MIT */
/*
 * Remote fences. Each vCPU owns its TLBs and its code; another one may only post a request, kick,
 * and wait until the owner has taken it or is outside `run` (it takes requests on the way in).
 */
#include <sched.h>

#include "core/vm.h"
#include "engine/bt/bt.h"

static bool in_set(const struct hart_set *harts, unsigned hart)
{
    return (harts->mask[hart / 64] >> (hart % 64)) & 1;
}

static void post(struct vm *vm, const struct hart_set *harts, uint32_t request)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (!in_set(harts, i))
            continue;
        atomic_fetch_or(&vm->vcpu[i]->requests, request);
        bt_kick(vm->vcpu[i]);
    }
}

static void wait(struct vm *vm, const struct vcpu *self, const struct hart_set *harts,
                 uint32_t request)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        struct vcpu *vcpu = vm->vcpu[i];
        if (vcpu == self || !in_set(harts, i))
            continue;
        while (atomic_load(&vcpu->running) && (atomic_load(&vcpu->requests) & request) != 0)
            sched_yield();
    }
}

void bt_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                  const struct flush_range *range)
{
    (void)range;
    post(vm, harts, VCPU_REQ_TLB);
    wait(vm, self, harts, VCPU_REQ_TLB);
}

void bt_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                   uint64_t size)
{
    (void)gpa;
    (void)size;
    post(vm, harts, VCPU_REQ_CODE);
    wait(vm, self, harts, VCPU_REQ_CODE);
}

/* The caller counts as outside meanwhile, so that two of them do not wait for each other. */
void bt_drop_others(struct vcpu *self)
{
    struct vm *vm = self->vm;
    struct hart_set others = {{0}};

    if (vm->nvcpus == 1)
        return;
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i] != self)
            others.mask[i / 64] |= UINT64_C(1) << (i % 64);
    }
    uint32_t was = atomic_exchange(&self->running, 0);
    post(vm, &others, VCPU_REQ_TLB);
    wait(vm, self, &others, VCPU_REQ_TLB);
    atomic_store(&self->running, was);
    bt_of(self)->look = true;
}
