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

/* A caller inside `run` counts as outside meanwhile, so that two of them do not wait for each
 * other. What came for it then it looks at before it executes guest code. */
static void post_and_wait(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                          uint32_t request)
{
    uint32_t was = atomic_exchange(&self->running, 0);

    post(vm, harts, request);
    wait(vm, self, harts, request);
    atomic_store(&self->running, was);
    if (atomic_load(&self->requests) != 0) {
        atomic_store(&bt_of(self)->kick, 1);
        bt_of(self)->look = true;
    }
}

void bt_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                  const struct flush_range *range)
{
    (void)range;
    post_and_wait(vm, self, harts, VCPU_REQ_TLB);
}

void bt_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                   uint64_t size)
{
    (void)gpa;
    (void)size;
    post_and_wait(vm, self, harts, VCPU_REQ_CODE);
}

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
    post_and_wait(vm, self, &others, VCPU_REQ_TLB);
}
