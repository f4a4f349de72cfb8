/* SPDX-License-Identifier: MIT */
/*
 * Remote fences. A hart fences itself; another one is asked by the request word of its vCPU, which
 * it looks at before it enters the guest, and by a kick, which ends what it executes. Firmware need
 * know nothing of it: not every firmware offers remote hfences.
 */
#include "core/vm.h"
#include "engine/hs/hs.h"
#include "engine/hs/insn.h"

/* More pages than this are dropped together with everything else. */
#define MOST_PAGES 16

static void flush_page(const struct flush_range *range, gva_t va)
{
    if (range->any_asid)
        hfence_vvma_va(va);
    else
        hfence_vvma_va_asid(va, range->asid);
}

static void flush_self(struct vcpu *vcpu, const struct flush_range *range)
{
    hs_of(vcpu)->flushes++;
    if (range->size <= MOST_PAGES * PAGE_SIZE) {
        gva_t last = (range->start + range->size - 1) & PAGE_MASK;
        for (gva_t va = range->start & PAGE_MASK;; va += PAGE_SIZE) {
            flush_page(range, va);
            if (va == last)
                return;
        }
    }
    if (range->any_asid)
        hfence_vvma_all();
    else
        hfence_vvma_asid(range->asid);
}

static bool has(const struct hart_set *harts, unsigned hart)
{
    return (harts->mask[hart / 64] >> (hart % 64)) & 1;
}

/*
 * The request word and `running` are both sequentially consistent: either the owner sees the
 * request before it enters the guest, or we see it running, kick it and wait. It cannot be waiting
 * for us: whoever makes a fence does not count as running, and takes its own requests afterwards.
 */
static void flush_others(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                         uint32_t request)
{
    uint32_t running = self != NULL ? atomic_exchange(&self->running, 0) : 0;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i] != self && has(harts, i))
            vcpu_request(vm->vcpu[i], request);
    }
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        struct vcpu *vcpu = vm->vcpu[i];
        if (vcpu == self || !has(harts, i))
            continue;
        while (atomic_load(&vcpu->running) != 0 && (atomic_load(&vcpu->requests) & request) != 0)
            ;
    }
    if (self != NULL)
        (void)atomic_exchange(&self->running, running);
}

/* Only hart `self` of the set? Then nobody has to be asked. */
static bool alone(const struct vm *vm, const struct vcpu *self, const struct hart_set *harts)
{
    uint64_t others = 0;

    if (vm->nvcpus == 1)
        return self != NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(harts->mask); i++)
        others |= harts->mask[i];
    return self != NULL && others == UINT64_C(1) << self->priv.hartid % 64 &&
           has(harts, self->priv.hartid);
}

void hs_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                  const struct flush_range *range)
{
    if (self != NULL && has(harts, self->priv.hartid))
        flush_self(self, range);
    if (!alone(vm, self, harts))
        flush_others(vm, self, harts, VCPU_REQ_TLB);
}

void hs_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                   uint64_t size)
{
    (void)gpa;
    (void)size;
    if (self != NULL && has(harts, self->priv.hartid))
        fence_i();
    if (!alone(vm, self, harts))
        flush_others(vm, self, harts, VCPU_REQ_CODE);
}

/* The fence comes before the bit is cleared: a cleared bit says that it is done. */
void hs_take_requests(struct vcpu *vcpu)
{
    uint32_t requests = atomic_load(&vcpu->requests);

    if (requests & VCPU_REQ_TLB) {
        hs_of(vcpu)->flushes++;
        hfence_vvma_all();
    }
    if (requests & VCPU_REQ_CODE)
        fence_i();
    atomic_fetch_and(&vcpu->requests,
                     ~(requests & (VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER)));
    if (requests & VCPU_REQ_TIMER)
        vcpu_update_timer(vcpu);
}
