/* SPDX-License-Identifier: MIT */
/* The interpreter as an engine: capabilities, creation, and the outer loop around slices. */
#include "engine/interp/interp.h"

#include <stdlib.h>

#include "core/exec.h"
#include "core/trap.h"
#include "core/vm.h"
#include "core/vmem.h"

#define EXT(id) (UINT64_C(1) << ISA_##id)
#define NOWHERE UINT64_MAX /* no instruction's address */

static int interp_probe(struct engine_caps *caps, const char **why)
{
    *why = NULL;
    *caps = (struct engine_caps){
        .isa =
            {
                .ext = EXT(I) | EXT(M) | EXT(A) | EXT(F) | EXT(D) | EXT(C) | EXT(ZICBOM) |
                       EXT(ZICBOZ) | EXT(ZICNTR) | EXT(ZICSR) | EXT(ZIFENCEI) | EXT(ZIHINTPAUSE) |
                       EXT(ZFH) | EXT(ZBA) | EXT(ZBB) | EXT(ZBC) | EXT(ZBS) | EXT(SSTC) |
                       EXT(SVADU) | EXT(SVNAPOT) | EXT(SVPBMT),
                .satp_modes = SATP_MODES_SV39 | SATP_MODES_SV48 | SATP_MODES_SV57,
                .asid_bits = 16,
                .cbo_block = 64,
            },
        .timebase_hz = 10000000,
        .time_offset = true,
        .max_vcpus = VM_MAX_VCPUS,
        .fs_off_traps = true,
        .vs_off_traps = true,
        .dirty_log = true,
        .single_step = true,
        .breakpoints = true,
    };
    return 0;
}

static int interp_vm_create(struct vm *vm)
{
    vm->engine_data = NULL;
    return 0;
}

static void interp_vm_destroy(struct vm *vm)
{
    (void)vm;
}

static int interp_vcpu_create(struct vcpu *vcpu)
{
    struct interp_vcpu *iv = calloc(1, sizeof(*iv));

    if (iv == NULL || code_create(iv) != 0) {
        free(iv);
        return ERR_NO_MEMORY;
    }
    stlb_reset(&iv->stlb);
    iv->stopped = NOWHERE;
    vcpu->engine = iv;
    vcpu->stlb = &iv->stlb;
    return 0;
}

static void interp_vcpu_destroy(struct vcpu *vcpu)
{
    if (vcpu->engine == NULL)
        return;
    code_destroy(interp_of(vcpu));
    free(vcpu->engine);
    vcpu->engine = NULL;
    vcpu->stlb = NULL;
}

/* RAM changed: translations and decoded pages hold host addresses. Quiesced. */
static int interp_mem_change(struct vm *vm, unsigned slot)
{
    (void)slot;
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i]->engine == NULL)
            continue;
        stlb_reset(vm->vcpu[i]->stlb);
        code_drop(interp_of(vm->vcpu[i]));
    }
    return 0;
}

static int interp_mem_protect(struct vm *vm, unsigned slot, uint32_t flags)
{
    if (slot >= GMEM_MAX_SLOTS)
        return ERR_RANGE;
    if (vm->mem.slots[slot].size == 0)
        return ERR_NOT_FOUND;
    if ((flags & GMEM_LOG) != 0 && vm->mem.slots[slot].dirty == NULL)
        return ERR_INVALID;
    vm->mem.slots[slot].flags = flags;
    return interp_mem_change(vm, slot);
}

/* A store marks its page when its translation enters the TLB, so the TLBs must go. */
static int interp_dirty_fetch(struct vm *vm, unsigned slot)
{
    struct hart_set all;

    (void)slot;
    for (unsigned i = 0; i < ARRAY_SIZE(all.mask); i++)
        all.mask[i] = ~UINT64_C(0);
    interp_tlb_flush(vm, NULL, &all, NULL);
    return 0;
}

static void take_requests(struct vcpu *vcpu)
{
    uint32_t requests = atomic_fetch_and(
        &vcpu->requests, ~(uint32_t)(VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER));

    if (requests & VCPU_REQ_TLB)
        vmem_flush(vcpu, NULL, NULL);
    if (requests & (VCPU_REQ_TLB | VCPU_REQ_CODE))
        code_invalidate(interp_of(vcpu));
}

/*
 * Instructions for the next slice; 0: the host wants the vCPU back. `spent` counts whole slices, so
 * that a guest whose every instruction traps, and which retires none, gives the host its turn too.
 */
static int64_t slice_budget(const struct vcpu *vcpu, uint64_t allowance, uint64_t spent)
{
    if (vcpu->run_limit == UINT64_MAX)
        return INTERP_SLICE;
    if (spent >= allowance || vcpu->priv.instret >= vcpu->run_limit)
        return 0;
    uint64_t left = vcpu->run_limit - vcpu->priv.instret;
    return left < INTERP_SLICE ? (int64_t)left : INTERP_SLICE;
}

static int interp_debug(struct vcpu *vcpu, bool step, const gva_t *breakpoints, unsigned count)
{
    struct interp_vcpu *iv = interp_of(vcpu);

    if (count > INTERP_BREAKPOINTS)
        return ERR_NO_MEMORY;
    iv->step = step;
    iv->nbreakpoints = count;
    for (unsigned i = 0; i < count; i++)
        iv->breakpoint[i] = breakpoints[i];
    return 0;
}

static bool at_breakpoint(struct vcpu *vcpu)
{
    const struct interp_vcpu *iv = interp_of(vcpu);

    for (unsigned i = 0; i < iv->nbreakpoints; i++) {
        if (iv->breakpoint[i] == vcpu->user.pc)
            return true;
    }
    return false;
}

static bool debug_exit(struct vcpu *vcpu)
{
    interp_of(vcpu)->stopped = vcpu->user.pc;
    vcpu->priv.exit.kind = EXIT_DEBUG;
    vcpu->priv.exit.addr = vcpu->user.pc;
    return true;
}

/* While it is debugged a vCPU takes the slow road: exec_step, one instruction at a time. Where it
 * has stopped for that it goes on, or a breakpoint could never be left. Returns true with an exit.
 */
static bool debug_slice(struct vcpu *vcpu, int64_t budget)
{
    struct interp_vcpu *iv = interp_of(vcpu);

    while (budget-- > 0) {
        if (!iv->step && vcpu->user.pc != iv->stopped && at_breakpoint(vcpu))
            return debug_exit(vcpu);
        iv->stopped = NOWHERE;
        if (exec_step(vcpu) == EXEC_EXIT)
            return true;
        if (iv->step)
            return debug_exit(vcpu);
    }
    return false;
}

static bool run_slice(struct vcpu *vcpu, int64_t budget)
{
    struct interp_vcpu *iv = interp_of(vcpu);

    if (UNLIKELY(iv->step || iv->nbreakpoints > 0))
        return debug_slice(vcpu, budget);
    iv->stopped = NOWHERE;
    trap_take_interrupt(vcpu);
    return interp_loop(vcpu, budget);
}

static void interp_run(struct vcpu *vcpu)
{
    uint64_t allowance = vcpu->run_limit - vcpu->priv.instret;
    uint64_t spent = 0;

    vcpu->priv.exit.kind = EXIT_NONE;
    vcpu->reservation.valid = false;
    atomic_store(&vcpu->running, 1);
    for (;;) {
        if (atomic_load(&vcpu->requests) != 0)
            take_requests(vcpu);
        int64_t budget = slice_budget(vcpu, allowance, spent);
        if ((atomic_load(&vcpu->requests) & VCPU_REQ_EVENT) != 0 || budget == 0) {
            vcpu->priv.exit.kind = EXIT_HOST;
            break;
        }
        vcpu_update_timer(vcpu);
        if (run_slice(vcpu, budget))
            break;
        spent += (uint64_t)budget;
    }
    atomic_store(&vcpu->running, 0);
}

static void interp_stats(struct vm *vm, void (*line)(void *ctx, const char *name, uint64_t value),
                         void *ctx)
{
    uint64_t fills = 0, flushes = 0, decodes = 0, revalidations = 0, pages = 0, evictions = 0;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        const struct interp_vcpu *iv = interp_of(vm->vcpu[i]);
        fills += iv->stlb.fills;
        flushes += iv->stlb.flushes;
        decodes += iv->decodes;
        revalidations += iv->revalidations;
        evictions += iv->evictions;
        pages += iv->nused;
    }
    line(ctx, "interp.tlb_fills", fills);
    line(ctx, "interp.tlb_flushes", flushes);
    line(ctx, "interp.decodes", decodes);
    line(ctx, "interp.code_pages", pages);
    line(ctx, "interp.code_revalidations", revalidations);
    line(ctx, "interp.code_evictions", evictions);
}

const struct engine_ops engine_interp = {
    .name = "interp",
    .probe = interp_probe,
    .vm_create = interp_vm_create,
    .vm_destroy = interp_vm_destroy,
    .mem_add = interp_mem_change,
    .mem_remove = interp_mem_change,
    .mem_protect = interp_mem_protect,
    .dirty_fetch = interp_dirty_fetch,
    .vcpu_create = interp_vcpu_create,
    .vcpu_destroy = interp_vcpu_destroy,
    .run = interp_run,
    .tlb_flush = interp_tlb_flush,
    .code_flush = interp_code_flush,
    .debug = interp_debug,
    .stats = interp_stats,
};
