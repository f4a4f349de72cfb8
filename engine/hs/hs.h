/* SPDX-License-Identifier: MIT */
/*
 * The engine on the H extension: the hart itself executes the guest, in VS- and VU-mode behind two
 * stages of translation. docs/hs.md explains it step by step.
 *
 * What it asks of the host that carries it (HS-mode, bare metal):
 * - host pointers are physical addresses: satp is Bare, or maps every address to itself
 * - a vCPU is run, saved and restored by one hart only, as long as state_get with STATE_ALL has not
 *   taken it off that hart; so too before another vCPU may run there
 * - while a vCPU is on a hart, sstatus.SIE stays 0 outside of `run`: interrupts are polled, wfi
 *   wakes for them all the same. A trap into HS-mode would overwrite hstatus.SPV and sstatus.SPP
 * - sstatus.FS and VS, scounteren, senvcfg and sscratch are the engine's; tp and stvec stay the
 *   host's; gp is used by nobody
 * - `kick` sends an IPI to the vCPU's hart whenever vcpu.running is set. It ends `run` only if
 * there is a VCPU_REQ_EVENT: HS-mode's software interrupt is cleared here and tells nothing else
 * - `run` ends with EXIT_HOST when another interrupt of HS-mode is pending: the host looks at sip
 * - before `probe`, caps->isa and caps->timebase_hz say what the device tree says of the harts
 */
#ifndef ENGINE_HS_HS_H
#define ENGINE_HS_HS_H

#include "core/bus.h"
#include "core/engine.h"
#include "core/mmu.h"
#include "core/stlb.h"
#include "core/trap.h"
#include "core/vcpu.h"
#include "host/metal/board/csr.h"

/* What goes to the guest without a detour: every exception that a supervisor can meet on its own
 * (Priv. 21.2.2), its own instruction page faults among them, and its three interrupts. */
#define HS_HEDELEG  UINT64_C(0xb1ff)
#define HS_HIDELEG  UINT64_C(0x444)
#define HS_HVIP(p)  ((uint64_t)(p) << 1) /* bits of sip to those of hvip */

#define HS_VMID     1 /* one VM; 0 is the host's */
#define HS_MAX_MMIO 4

/* What the hart has, found out by trying. */
struct hs_features {
    bool sstc, stateen;
    uint64_t hedeleg;      /* what can be delegated so that it arrives as what it is */
    uint64_t henvcfg;      /* bits that can be set, beside STCE */
    uint32_t gstage_modes; /* SATP_MODES_*, with x4 understood */
    uint32_t satp_modes;   /* of vsatp */
    unsigned vmid_bits, asid_bits;
    unsigned vlenb;
};

/* A range of the board that the guest reaches without an exit. */
struct hs_mmio {
    gpa_t gpa;
    hpa_t hpa;
    uint64_t size;
};

struct hs_vm {
    struct hs_features features;
    const struct mmu_geometry *geometry; /* of the G-stage */
    uint64_t *root;                      /* its root table, 16 KiB */
    uint64_t hgatp;
    uint64_t henvcfg;
    uint64_t time_delta; /* guest time - time */
    uint64_t never;      /* a deadline that is not reached: see hs_load_timer */
    bool sstc;           /* the guest's own stimecmp: vstimecmp */
    unsigned nmmio;
    struct hs_mmio mmio[HS_MAX_MMIO];
    uint64_t tables, leaves[3]; /* statistics: pages of tables; leaves of 4 KiB, 2 MiB, 1 GiB */
};

/* Beside the classes of enum state_class: the registers that only the hypervisor sees. */
#define HS_STATE_CONTROL (STATE_ALL + 1u)
#define HS_STATE_ALL     (STATE_ALL | HS_STATE_CONTROL)

struct hs_vcpu {
    uint64_t host_sp, host_tp, host_stvec; /* of hs_switch */
    uint32_t loaded; /* classes of state that the hart holds; the record has the others */
    uint64_t
        irq_mask; /* bits of `pending` that go into hvip: without STIP when the guest has Sstc */
    uint64_t irq_loaded; /* ... those of them that stand there; never SSIP */
    uint64_t stimecmp;   /* of the record, when vstimecmp was last made equal to it */
    uint64_t traps;      /* vcpu->traps when the trap CSRs were last made equal to the record */
    const struct bus_region *region;                     /* the last one that was accessed */
    uint64_t *region_accesses;                           /* ... and its count in the bus */
    uint64_t interrupts, faults, virtual_insns, flushes; /* statistics */
    struct stlb stlb; /* for core, when it reads guest-virtual memory */
};

static inline struct hs_vcpu *hs_of(const struct vcpu *vcpu)
{
    return vcpu->engine;
}

/* What the guest wrote to its stimecmp comes back to the record. */
static inline void hs_get_timer(struct vcpu *vcpu)
{
    struct hs_vcpu *hs = hs_of(vcpu);

    if ((hs->irq_mask & SIP_STIP) == 0)
        vcpu->priv.stimecmp = hs->stimecmp = csr_read(vstimecmp);
}

/* probe.c: the features of this hart; false: it has no H extension. */
bool hs_features_read(struct hs_features *features);
int hs_probe(struct engine_caps *caps, const char **why);

/* try.S */
uint64_t hs_try_illegal(void);

/* switch.S, called by hs_enter alone; and where it sends traps that are the host's own. */
void hs_switch(void);
extern uint64_t hs_host_vector;

extern const struct bus_region hs_nowhere; /* which takes no access */

/* state.c */
int hs_state_get(struct vcpu *vcpu, unsigned classes);
int hs_state_put(struct vcpu *vcpu, unsigned classes);
/* `pending` into hvip; stimecmp into vstimecmp. */
void hs_load_interrupts(struct vcpu *vcpu);
void hs_load_timer(struct vcpu *vcpu);

/* Is the hart what the record and the words around it say, interrupts and the timer apart? */
static inline bool hs_is_ready(const struct vcpu *vcpu)
{
    const struct hs_vcpu *hs = hs_of(vcpu);
    uint32_t requests = atomic_load_explicit(&vcpu->requests, memory_order_relaxed);

    return ((hs->loaded ^ HS_STATE_ALL) | requests | (vcpu->traps ^ hs->traps)) == 0;
}

/* Wherever the guest is entered. */
static inline void hs_load_pending(struct vcpu *vcpu)
{
    const struct hs_vcpu *hs = hs_of(vcpu);
    uint64_t pending = atomic_load_explicit(&vcpu->pending, memory_order_relaxed);

    if ((pending & hs->irq_mask) != hs->irq_loaded)
        hs_load_interrupts(vcpu);
}

/* Loads what the hart does not hold, and what core changed in the record. */
void hs_load(struct vcpu *vcpu);
/* The record's half of a trap that core may deliver: sstatus and stvec. */
void hs_get_trap_context(struct vcpu *vcpu);
void hs_load_trap(struct vcpu *vcpu);
/* hstatus.SPV and sstatus.SPP: where sret goes. */
void hs_set_return(const struct vcpu *vcpu);

/*
 * light.c and traps.c: what the guest left for. hs_light is called by switch.S while the guest's
 * callee-saved registers and gp are still in the hart, and settles what needs none of them: it
 * returns HS_RESUME when the guest can go on at once, HS_SETTLED when something has to be loaded
 * first, else scause, for hs_trap. That one has the whole of x in the record; true when `run` ends
 * with vcpu->priv.exit, false to go on.
 */
#define HS_RESUME  UINT64_MAX
#define HS_SETTLED (UINT64_MAX - 1)
uint64_t hs_light(struct vcpu *vcpu, uint64_t scause);
bool hs_trap(struct vcpu *vcpu, uint64_t scause);
/* The instruction at pc. False when it is no longer there: the guest fetches it again, the trap's
 * CSRs are lost. */
bool hs_fetch(const struct vcpu *vcpu, uint32_t *raw) MUST_CHECK;

/* hs.c: the host's clock was set. Quiesced. */
void hs_clock_changed(struct vm *vm);

/* gstage.c */
void hs_gstage_destroy(struct vm *vm);
/* Builds the tables anew from vm->mem and the passthrough ranges. Quiesced. */
int hs_gstage_rebuild(struct vm *vm);
/* Lets the guest reach [hpa, hpa + size) of the board at gpa; whole pages, apart from RAM. */
int hs_passthrough(struct vm *vm, gpa_t gpa, hpa_t hpa, uint64_t size) MUST_CHECK;

/* fence.c */
void hs_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                  const struct flush_range *range);
void hs_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                   uint64_t size);
/* Carries out what other harts asked for. */
void hs_take_requests(struct vcpu *vcpu);

/* fp.S */
void hs_f_save(struct vcpu_user *user);
void hs_f_load(const struct vcpu_user *user);
void hs_v_save(struct vcpu_vector *vec);
void hs_v_load(const struct vcpu_vector *vec);

extern const struct engine_ops engine_hs;

#endif
