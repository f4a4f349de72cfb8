/* SPDX-License-Identifier: MIT */
/*
 * Between harts: software interrupts and remote fences. What an interrupt is for stands in memory
 * before it is raised: SSIP in the vCPU's `pending`, its requests, a bit in fence_from.
 */
#include "core/trap.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"
#include "host/metal/board/mmio.h"

void ipi_raise(struct hart *hart)
{
    __asm__ volatile("fence rw, o" : : : "memory");
    mmio_write32(hart->board->msip, 1);
}

static void flush_pages(const struct flush_range *range)
{
    uint64_t asid = range->asid;

    for (uint64_t at = 0; at < range->size; at += PAGE_SIZE) {
        if (range->any_asid)
            __asm__ volatile("sfence.vma %0" : : "r"(range->start + at) : "memory");
        else
            __asm__ volatile("sfence.vma %0, %1" : : "r"(range->start + at), "r"(asid) : "memory");
    }
}

/* Beyond this many pages everything of the address space goes at once. */
#define MOST_PAGES 64

static void carry_out(const struct fence *fence)
{
    const struct flush_range *range = &fence->range;
    uint64_t asid = range->asid;

    if (fence->code)
        __asm__ volatile("fence.i" : : : "memory");
    else if (range->size <= MOST_PAGES * PAGE_SIZE)
        flush_pages(range);
    else if (range->any_asid)
        __asm__ volatile("sfence.vma" : : : "memory");
    else
        __asm__ volatile("sfence.vma x0, %0" : : "r"(asid) : "memory");
}

void fences_serve(struct hart *hart)
{
    uint64_t from;

    if (LIKELY(atomic_load(&hart->fence_from) == 0))
        return;
    from = atomic_exchange(&hart->fence_from, 0);
    for (unsigned i = 0; from != 0; i++, from >>= 1) {
        if ((from & 1) == 0)
            continue;
        struct fence *fence = &hart_of(firmware.vm.vcpu[i])->fence;
        carry_out(fence);
        atomic_fetch_sub(&fence->waiting, 1);
    }
}

void ipi_receive(struct hart *hart)
{
    mmio_write32(hart->board->msip, 0);
    __asm__ volatile("fence iorw, iorw" : : : "memory");
    if (atomic_fetch_and(&hart->vcpu.pending, ~SIP_SSIP) & SIP_SSIP)
        csr_set(mip, SIP_SSIP);
    fences_serve(hart);
    if (atomic_load(&firmware.vm.stop) != VM_RUNNING)
        hart_halt();
}

/* A hart that is stopped fences when it is started. */
static uint64_t others(const struct hart *self, const struct hart_set *harts)
{
    uint64_t mask = harts->mask[0] & ~(UINT64_C(1) << self->vcpu.priv.hartid), result = 0;

    for (unsigned i = 0; i < firmware.vm.nvcpus; i++) {
        if (((mask >> i) & 1) != 0 && atomic_load(&firmware.vm.vcpu[i]->hsm) != HSM_STOPPED)
            result |= UINT64_C(1) << i;
    }
    return result;
}

static unsigned count(uint64_t mask)
{
    unsigned n = 0;

    for (; mask != 0; mask &= mask - 1)
        n++;
    return n;
}

/* While it waits it carries out what the others want, which may wait for this hart. */
static void fence(struct hart *self, const struct hart_set *harts)
{
    uint64_t bit = UINT64_C(1) << self->vcpu.priv.hartid, targets = others(self, harts);

    atomic_store(&self->fence.waiting, count(targets));
    for (unsigned i = 0; targets != 0; i++, targets >>= 1) {
        if ((targets & 1) == 0)
            continue;
        struct hart *hart = hart_of(firmware.vm.vcpu[i]);
        atomic_fetch_or(&hart->fence_from, bit);
        ipi_raise(hart);
    }
    if (harts->mask[0] & bit)
        carry_out(&self->fence);
    while (atomic_load(&self->fence.waiting) != 0)
        fences_serve(self);
}

static void tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      const struct flush_range *range)
{
    struct hart *hart = hart_of(self);

    (void)vm;
    hart->fence.code = false;
    hart->fence.range.start = range->start;
    hart->fence.range.size = range->size;
    hart->fence.range.any_asid = range->any_asid;
    hart->fence.range.asid = range->asid;
    fence(hart, harts);
}

static void code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                       uint64_t size)
{
    struct hart *hart = hart_of(self);

    (void)vm;
    (void)gpa;
    (void)size;
    hart->fence.code = true;
    fence(hart, harts);
}

/* A hart's own pending interrupts go to mip at once; those of another are its own to fetch when
 * the kick that follows reaches it. SSIP is cleared by S-mode alone. */
static void irq_pending(struct vcpu *vcpu, uint64_t pending)
{
    struct hart *hart = hart_of(vcpu);

    if (hart != this_hart())
        return;
    if (pending & SIP_SSIP) {
        atomic_fetch_and(&vcpu->pending, ~SIP_SSIP);
        csr_set(mip, SIP_SSIP);
    }
    if (hart->has_sstc)
        return;
    if (pending & SIP_STIP)
        csr_set(mip, SIP_STIP);
    else
        csr_clear(mip, SIP_STIP);
}

const struct engine_ops firmware_engine = {
    .name = "metal",
    .tlb_flush = tlb_flush,
    .code_flush = code_flush,
    .irq_pending = irq_pending,
};
