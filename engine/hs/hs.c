/* SPDX-License-Identifier: MIT */
/* The engine's table, its VMs and vCPUs, and the loop around the world switch. */
#include "engine/hs/hs.h"

#include "core/csr.h"
#include "core/trap.h"
#include "core/vm.h"
#include "host/metal/board/csr.h"

/* How often the two clocks are read until both readings fall into one tick. */
#define CLOCK_TRIES 100

/* Half of what 63 bits of nanoseconds hold, in seconds. */
#define YEARS_146 (INT64_MAX / 2 / 1000000000)

uint64_t hs_host_vector;

static unsigned order_of(uint64_t size)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

/* Guest time - time. The host's clock is the truth; the hart adds this to its own (htimedelta). */
static uint64_t time_delta(struct vm *vm)
{
    uint64_t before = 0, guest = 0;

    for (unsigned i = 0; i < CLOCK_TRIES; i++) {
        before = csr_read(time);
        guest = vm_time(vm);
        if (csr_read(time) == before)
            break;
    }
    return guest - before;
}

void hs_clock_changed(struct vm *vm)
{
    struct hs_vm *hv = vm->engine_data;

    hv->time_delta = time_delta(vm);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        hs_of(vm->vcpu[i])->loaded &= ~HS_STATE_CONTROL;
}

static uint64_t henvcfg_for(const struct isa *isa)
{
    uint64_t henvcfg = 0;

    if (isa_has(isa, ISA_ZICBOM)) /* inval as flush: memory was zeroed for the guest for a reason */
        henvcfg |= ENVCFG_CBIE_FLUSH | ENVCFG_CBCFE;
    if (isa_has(isa, ISA_ZICBOZ))
        henvcfg |= ENVCFG_CBZE;
    if (isa_has(isa, ISA_SVADU))
        henvcfg |= ENVCFG_ADUE;
    if (isa_has(isa, ISA_SVPBMT))
        henvcfg |= ENVCFG_PBMTE;
    if (isa_has(isa, ISA_SSTC))
        henvcfg |= ENVCFG_STCE;
    return henvcfg;
}

static void hs_vm_destroy(struct vm *vm)
{
    if (vm->engine_data == NULL)
        return;
    hs_gstage_destroy(vm);
    vm->host->pages_free(vm, vm->engine_data, order_of(sizeof(struct hs_vm)));
    vm->engine_data = NULL;
}

static int hs_vm_create(struct vm *vm)
{
    struct hs_vm *hv = vm->host->pages_alloc(vm, order_of(sizeof(*hv)));

    if (hv == NULL)
        return ERR_NO_MEMORY;
    vm->engine_data = hv;
    if (!hs_features_read(&hv->features)) {
        hs_vm_destroy(vm);
        return ERR_UNSUPPORTED;
    }
    hv->sstc = hv->features.sstc && isa_has(&vm->isa, ISA_SSTC);
    vm->hw_timer = hv->sstc;
    hv->henvcfg = henvcfg_for(&vm->isa);
    hv->never = YEARS_146 * vm->timebase_hz;
    hv->time_delta = time_delta(vm);
    int error = hs_gstage_rebuild(vm);
    if (error != 0)
        hs_vm_destroy(vm);
    return error;
}

static int hs_mem_change(struct vm *vm, unsigned slot)
{
    return slot < GMEM_MAX_SLOTS ? hs_gstage_rebuild(vm) : ERR_RANGE;
}

static int hs_mem_protect(struct vm *vm, unsigned slot, uint32_t flags)
{
    if (slot >= GMEM_MAX_SLOTS)
        return ERR_RANGE;
    vm->mem.slots[slot].flags = flags;
    return hs_gstage_rebuild(vm);
}

static int hs_vcpu_create(struct vcpu *vcpu)
{
    const struct hs_vm *hv = vcpu->vm->engine_data;
    struct hs_vcpu *hs = vcpu->vm->host->pages_alloc(vcpu->vm, order_of(sizeof(*hs)));

    if (hs == NULL)
        return ERR_NO_MEMORY;
    /* With Sstc the hart compares for itself. */
    hs->irq_mask = hv->sstc ? SIP_SSIP | SIP_SEIP : SIP_ALL;
    hs->region = &hs_nowhere;
    stlb_reset(&hs->stlb);
    vcpu->engine = hs;
    vcpu->stlb = &hs->stlb;
    return 0;
}

static void hs_vcpu_destroy(struct vcpu *vcpu)
{
    if (vcpu->engine == NULL)
        return;
    vcpu->vm->host->pages_free(vcpu->vm, vcpu->engine, order_of(sizeof(struct hs_vcpu)));
    vcpu->engine = NULL;
    vcpu->stlb = NULL;
}

/* Into the guest and back; returns scause. */
static inline uint64_t hs_enter(struct vcpu *vcpu)
{
    register uint64_t a0 __asm__("a0") = (uintptr_t)vcpu;
    register uint64_t a1 __asm__("a1") = (uintptr_t)vcpu->engine;

    __asm__ volatile("call hs_switch"
                     : "+r"(a0), "+r"(a1)
                     :
                     : "memory", "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "s0", "s1", "s2",
                       "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "a2", "a3", "a4",
                       "a5", "a6", "a7");
    return a0;
}

/* What the light path does not need. False: the host wants the vCPU. */
static __attribute__((noinline)) bool settle(struct vcpu *vcpu)
{
    struct hs_vcpu *hs = hs_of(vcpu);

    if (hs->loaded != HS_STATE_ALL)
        hs_load(vcpu);
    if (vcpu->traps != hs->traps)
        hs_load_trap(vcpu);
    hs_take_requests(vcpu);
    return (atomic_load(&vcpu->requests) & VCPU_REQ_EVENT) == 0;
}

/* Makes the hart what the record and the words around it say. False: the host wants the vCPU. */
static inline bool prepare(struct vcpu *vcpu)
{
    if (!hs_is_ready(vcpu) && !settle(vcpu))
        return false;
    if (vcpu->priv.stimecmp != hs_of(vcpu)->stimecmp)
        hs_load_timer(vcpu);
    hs_load_pending(vcpu);
    return true;
}

/* While `running` stands, what another hart asks for comes with a kick, an interrupt that is
 * pending when the guest is entered; else it is seen by the next prepare. */
static void hs_run(struct vcpu *vcpu)
{
    uint64_t cause;

    do {
        atomic_store_explicit(&vcpu->running, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst); /* before the words are looked at */
        if (!prepare(vcpu)) {
            vcpu->priv.exit.kind = EXIT_HOST;
            break;
        }
        cause = hs_enter(vcpu);
        atomic_store_explicit(&vcpu->running, 0, memory_order_release);
    } while (cause == HS_SETTLED || !hs_trap(vcpu, cause));
    atomic_store_explicit(&vcpu->running, 0, memory_order_release);
}

static void hs_stats(struct vm *vm, void (*line)(void *ctx, const char *name, uint64_t value),
                     void *ctx)
{
    const struct hs_vm *hv = vm->engine_data;
    uint64_t interrupts = 0, faults = 0, virtual_insns = 0, flushes = 0;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        const struct hs_vcpu *hs = hs_of(vm->vcpu[i]);
        interrupts += hs->interrupts;
        faults += hs->faults;
        virtual_insns += hs->virtual_insns;
        flushes += hs->flushes;
    }
    line(ctx, "hs.gstage_va_bits", hv->geometry->va_bits);
    line(ctx, "hs.gstage_tables", hv->tables);
    line(ctx, "hs.gstage_leaves_4k", hv->leaves[0]);
    line(ctx, "hs.gstage_leaves_2m", hv->leaves[1]);
    line(ctx, "hs.gstage_leaves_1g", hv->leaves[2]);
    line(ctx, "hs.host_interrupts", interrupts);
    line(ctx, "hs.guest_page_faults", faults);
    line(ctx, "hs.virtual_instructions", virtual_insns);
    line(ctx, "hs.fences", flushes);
}

const struct engine_ops engine_hs = {
    .name = "hs",
    .probe = hs_probe,
    .vm_create = hs_vm_create,
    .vm_destroy = hs_vm_destroy,
    .mem_add = hs_mem_change,
    .mem_remove = hs_mem_change,
    .mem_protect = hs_mem_protect,
    .vcpu_create = hs_vcpu_create,
    .vcpu_destroy = hs_vcpu_destroy,
    .run = hs_run,
    .state_get = hs_state_get,
    .state_put = hs_state_put,
    .tlb_flush = hs_tlb_flush,
    .code_flush = hs_code_flush,
    .stats = hs_stats,
};
