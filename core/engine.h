/* SPDX-License-Identifier: MIT */
/*
 * The engine contract: how guest instructions get executed. An engine runs a vCPU until something
 * needs the core, and says what in vcpu->priv.exit. docs/contracts.md says which engine uses what.
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "core/isa.h"
#include "core/types.h"
#include "core/vcpu.h"

struct engine_caps {
    struct isa isa;       /* the most that it can offer a guest */
    uint64_t timebase_hz; /* rate of guest time */
    bool time_offset;     /* can it offset `time` (resume a snapshot from another machine) */
    unsigned max_vcpus;
    bool fs_off_traps; /* FP with FS=Off traps */
    bool vs_off_traps;
    bool dirty_log;
    bool single_step;
    bool breakpoints;
    bool nested; /* H for the guest */
    bool own_irqchip;
    bool shared_ram; /* guest RAM has to be a file that processes share (vm.ram_fd) */
    bool confined;   /* after vcpu_adopt, run and kick do with what host/linux/confine.c leaves */
};

/* Classes of state for state_get and state_put. */
enum state_class {
    STATE_X = 1 << 0, /* x, pc, mode */
    STATE_CSR = 1 << 1,
    STATE_F = 1 << 2,
    STATE_V = 1 << 3,
    STATE_TIMER = 1 << 4,
    STATE_ALL = (1 << 5) - 1,
};

/* A range of guest-virtual addresses for tlb_flush; size UINT64_MAX: everything. */
struct flush_range {
    gva_t start;
    uint64_t size;
    bool any_asid;
    uint16_t asid;
    uint16_t vmid;
};

/* Which harts: bit n of mask[n / 64]. */
#define VM_MAX_VCPUS 64
struct hart_set {
    uint64_t mask[VM_MAX_VCPUS / 64];
};

struct engine_ops {
    const char *name;
    /* What works here. ERR_UNSUPPORTED: this engine cannot run on this machine; *why then says so
     * in one line with a remedy. */
    int (*probe)(struct engine_caps *caps, const char **why);
    int (*vm_create)(struct vm *vm);
    void (*vm_destroy)(struct vm *vm);
    /* Guest RAM changed in vm->mem (slot added, removed, or flags). Quiesced. May be NULL. */
    int (*mem_add)(struct vm *vm, unsigned slot);
    int (*mem_remove)(struct vm *vm, unsigned slot);
    int (*mem_protect)(struct vm *vm, unsigned slot, uint32_t flags);
    /* Brings the slot's bitmap up to date with the guest's writes until now, so that
     * gmem_dirty_fetch may take it; afterwards every write marks its page again. */
    int (*dirty_fetch)(struct vm *vm, unsigned slot);
    int (*vcpu_create)(struct vcpu *vcpu);
    void (*vcpu_destroy)(struct vcpu *vcpu);
    /* The calling thread is going to run the vCPU: it may lose system calls after this. May be
     * NULL. */
    int (*vcpu_adopt)(struct vcpu *vcpu);
    /*
     * Executes guest instructions until something needs the core; vcpu->priv.exit says what.
     * Carries out vcpu->requests first. Interrupts that are pending and enabled are delivered by
     * the engine. Called by the thread that owns the vCPU, without the VM lock.
     */
    void (*run)(struct vcpu *vcpu);
    /* Makes run return in bounded time; any thread, signal-safe. */
    void (*kick)(struct vcpu *vcpu);
    /* Moves state between the record and the engine; `classes` of enum state_class. NULL for
     * engines whose guest state is the record itself. Values put come from outside: the caller has
     * passed them through csr_sanitize. */
    int (*state_get)(struct vcpu *vcpu, unsigned classes);
    int (*state_put)(struct vcpu *vcpu, unsigned classes);
    /* The atomic word vcpu->pending changed. NULL: the engine polls it. */
    void (*irq_pending)(struct vcpu *vcpu, uint64_t mask);
    /* Remote fences: when they return, every listed hart has dropped the translations (or the
     * decoded code) and will use none of the old ones. `self` makes the call; may be NULL. */
    void (*tlb_flush)(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      const struct flush_range *range);
    void (*code_flush)(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                       uint64_t size);
    /* Single step and breakpoints, until the next call: `run` then ends with EXIT_DEBUG after one
     * instruction (or trap), or before the instruction at one of `count` addresses. NULL: cannot.
     * ERR_NO_MEMORY: too many breakpoints. Quiesced. */
    int (*debug)(struct vcpu *vcpu, bool step, const gva_t *breakpoints, unsigned count);
    /* Engine's own counters as `name value` lines. May be NULL. */
    void (*stats)(struct vm *vm, void (*line)(void *ctx, const char *name, uint64_t value),
                  void *ctx);
};

#endif
