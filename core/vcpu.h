/* SPDX-License-Identifier: MIT */
/*
 * One guest hart. Its architectural state is the record: three pointer-free structs that are the
 * snapshot and the synchronisation format of every engine. Around the record stand the few words
 * that other threads may touch (all atomic) and the pointers of the layers that carry the vCPU.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include <stdatomic.h>

#include "core/exit.h"
#include "core/types.h"

#define VCPU_RECORD_VERSION 1
#define VCPU_VLENB_MAX      64 /* bytes in the widest vector register that the record can carry */

/* Privilege modes as encoded in the specification (Priv. 1.2). */
enum priv { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* HSM hart states (SBI v3.0 ch. 9, table "HSM Hart States"). */
enum hsm_state {
    HSM_STARTED = 0,
    HSM_STOPPED = 1,
    HSM_START_PENDING = 2,
    HSM_STOP_PENDING = 3,
    HSM_SUSPENDED = 4,
    HSM_SUSPEND_PENDING = 5,
    HSM_RESUME_PENDING = 6,
};

/* What user code sees. x[0] is always 0. */
struct vcpu_user {
    uint64_t x[32];
    uint64_t pc;
    uint64_t f[32]; /* raw bits, NaN-boxed when narrower */
    uint64_t fcsr;
};

struct vcpu_vector {
    uint64_t vstart;
    uint64_t vl;
    uint64_t vtype;
    uint64_t vcsr;
    uint8_t v[32][VCPU_VLENB_MAX];
};

/* What supervisor code sees, in the layout of the CSRs of the same names (Priv. ch. 12). */
struct vcpu_priv {
    uint32_t version; /* VCPU_RECORD_VERSION */
    hartid_t hartid;
    uint8_t mode; /* enum priv */
    uint8_t virt; /* V: 1 while a guest's guest runs */
    uint8_t hsm;  /* enum hsm_state; mirrored from vcpu.hsm when quiesced */
    uint8_t suspend_retentive;
    uint32_t reserved;
    uint64_t sstatus;
    uint64_t sie;
    uint64_t sip; /* mirrored from vcpu.pending when quiesced; only SSIP is state of its own */
    uint64_t stvec;
    uint64_t sscratch;
    uint64_t sepc;
    uint64_t scause;
    uint64_t stval;
    uint64_t satp;
    uint64_t scounteren;
    uint64_t senvcfg;
    uint64_t stimecmp; /* guest time; UINT64_MAX is never. SBI set_timer writes the same word */
    uint64_t cycle;    /* instructions retired stand for cycles */
    uint64_t instret;
    uint64_t hsm_start;  /* where HSM start or non-retentive resume enters ... */
    uint64_t hsm_opaque; /* ... with this in a1 */
    uint64_t hsm_satp;   /* unused by SBI (entry has satp 0); kept zero */
    struct exit_record exit;
};

_Static_assert(sizeof(struct vcpu_user) == 528, "the user record is a file format");
_Static_assert(sizeof(struct vcpu_vector) == 32 + 32 * VCPU_VLENB_MAX, "a file format too");

/* Requests that another thread posts in vcpu.requests; the owner carries them out before it
 * executes another guest instruction. */
enum vcpu_request {
    VCPU_REQ_TLB = 1 << 0,   /* drop every translation */
    VCPU_REQ_CODE = 1 << 1,  /* fence.i */
    VCPU_REQ_EVENT = 1 << 2, /* something the host wants: leave `run` with EXIT_HOST */
    VCPU_REQ_TIMER = 1 << 3, /* the deadline was changed or has passed: look again */
};

/* The SC half of LR/SC. Not part of the record: it is cleared on every entry to an engine. */
struct reservation {
    bool valid;
    gpa_t gpa;
    uint32_t size;
    uint64_t value; /* what LR loaded; SC is a compare-exchange against it */
};

struct vm;

struct vcpu {
    struct vcpu_user user; /* first: engines address registers from the vCPU's own address */
    struct vcpu_priv priv;

    struct vm *vm;
    _Atomic uint64_t pending;  /* sip as hardware would drive it: SSIP, STIP, SEIP */
    _Atomic uint32_t requests; /* enum vcpu_request */
    _Atomic uint32_t running;  /* 1 between entry to and exit from an engine */
    _Atomic uint32_t hsm;      /* enum hsm_state; the truth while the VM runs */

    struct reservation reservation;
    /* Engines that count instructions leave `run` with EXIT_HOST at the latest when instret reaches
     * this. */
    uint64_t run_limit;
    struct stlb *stlb;          /* software TLB, for engines and functions that need one */
    void *engine;               /* the engine's own per-vCPU data */
    void *host;                 /* the host's own per-vCPU data */
    uint64_t exits[EXIT_COUNT]; /* statistics: how often `run` ended with each kind */
    uint64_t traps;             /* statistics: traps delivered to the guest */
    uint64_t trap_repeat_pc;    /* see trap_deliver: detects a guest that traps for ever */
    uint64_t trap_repeat_instret;

    struct vcpu_vector vec; /* last: everything else stays within reach of a 12-bit offset */
};

/*
 * Puts the vCPU into the state in which a hart leaves reset for the SBI's caller: S-mode, satp 0,
 * FS and VS Initial, every counter open to U-mode, everything else 0, stopped. SBI v3.0 ch. 9.
 */
void vcpu_reset(struct vcpu *vcpu, struct vm *vm, hartid_t hartid);

/* Entry conditions of SBI v3.0 table "HSM Hart Start Register State": a0, a1, pc, S-mode. */
void vcpu_enter(struct vcpu *vcpu, uint64_t pc, uint64_t a1);

/* Sets or clears bits of `pending` from any thread, and kicks the vCPU when a bit was newly set. */
void vcpu_set_pending(struct vcpu *vcpu, uint64_t mask, bool on);

/* Posts requests from any thread and kicks the vCPU. Does not wait. */
void vcpu_request(struct vcpu *vcpu, uint32_t requests);

/*
 * True when a waiting hart must wake: an interrupt is pending and enabled in sie, whatever
 * sstatus.SIE says (WFI, Priv. 3.3.3), or a request waits. Looks at the deadline too.
 */
bool vcpu_has_wakeup(struct vcpu *vcpu);

/* Updates STIP in `pending` from stimecmp and the guest's time now (Priv. ch. 18, Sstc). */
void vcpu_update_timer(struct vcpu *vcpu);

/* Writes stimecmp, tells the host, and updates STIP: what a write of the CSR and SBI set_timer do.
 * UINT64_MAX: never. Called by the owner. */
void vcpu_set_deadline(struct vcpu *vcpu, uint64_t deadline);

/* The hart's registers x1..x31; writes to x0 are dropped. */
static inline void vcpu_set_x(struct vcpu *vcpu, unsigned reg, uint64_t value)
{
    if (reg != 0)
        vcpu->user.x[reg] = value;
}

#endif
