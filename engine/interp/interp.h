/* SPDX-License-Identifier: MIT */
/*
 * The interpreter: threaded code over decode results that are cached by guest-physical page.
 * No host code is generated. docs/interp.md explains it.
 */
#ifndef ENGINE_INTERP_INTERP_H
#define ENGINE_INTERP_INTERP_H

#include "core/engine.h"
#include "core/insn.h"
#include "core/stlb.h"
#include "core/vcpu.h"

/* Pseudo-instructions of the decode cache, behind the real ones. */
enum interp_op {
    OP_DECODE = INSN_COUNT, /* not decoded yet */
    OP_NOP,                 /* an ALU instruction whose result goes to x0 */
    OP_J,                   /* jal x0 */
    OP_JR,                  /* jalr x0 */
    OP_EXEC,                /* by exec_insn, decoded anew from raw: a load to x0 */
    OP_CROSS,               /* the last halfword of a page: the instruction may reach over */
    OP_PAGE_END,            /* behind the last halfword */
    OP_COUNT
};

#define CODE_SLOTS (PAGE_SIZE / 2)
#define CODE_WORDS (PAGE_SIZE / 8)

/*
 * Decoded instructions of one page, one slot per halfword. `copy` holds the bytes that they were
 * decoded from: after fence.i (and whatever else makes new code visible) a page is compared with
 * guest memory once, before it is executed again, and only what differs is decoded anew.
 */
struct code_page {
    const uint8_t *live; /* the page in host memory: the key */
    uint64_t generation; /* of interp_vcpu at the last comparison */
    struct insn slot[CODE_SLOTS + 1];
    uint8_t copy[PAGE_SIZE];
};

#define CODE_PAGES_MAX     2048 /* per vCPU; about 72 MiB when full */
#define CODE_HASH_SIZE     4096

#define INTERP_BREAKPOINTS 32

/* What the interpreter keeps for a vCPU. */
struct interp_vcpu {
    struct stlb stlb;
    struct code_page *of_entry[STLB_SIZE]; /* page of the fetch entry with the same index */
    struct code_page *hash[CODE_HASH_SIZE];
    struct code_page *pool[CODE_PAGES_MAX];
    unsigned npages;     /* allocated in pool, at least one */
    unsigned nused;      /* of these, the first, that hold something */
    unsigned next_evict; /* first in, first out */
    uint64_t generation;
    bool step;     /* debug: leave after each instruction */
    gva_t stopped; /* where run ended for that, as long as nothing was executed since; or odd */
    unsigned nbreakpoints;
    gva_t breakpoint[INTERP_BREAKPOINTS];
    uint64_t decodes, revalidations, evictions; /* statistics */
};

/* How many instructions pass at most (up to one page of straight-line code more) before the loop
 * looks at requests, interrupts and the clock. */
#define INTERP_SLICE 4096

static inline struct interp_vcpu *interp_of(struct vcpu *vcpu)
{
    return vcpu->engine;
}

/* New code may be visible: pages are compared before they are used again. */
void code_invalidate(struct interp_vcpu *iv);

/* Makes and gives back the cache. ERR_NO_MEMORY. */
int code_create(struct interp_vcpu *iv) MUST_CHECK;
void code_destroy(struct interp_vcpu *iv);

/* Drops every decoded page. */
void code_drop(struct interp_vcpu *iv);

/*
 * The decoded page that holds pc, through the fetch side of the software TLB, current. NULL: the
 * fetch trapped and *at holds the trap.
 */
struct vmem_at;
struct code_page *code_lookup(struct vcpu *vcpu, gva_t pc, unsigned ctx, struct vmem_at *at);

/* Decodes the slot in place. */
void code_decode(struct vcpu *vcpu, struct code_page *page, unsigned slot);

/*
 * Runs guest instructions for about `budget` of them. Returns true when vcpu->priv.exit was filled,
 * false when the slice is over or something changed that the caller must look at (requests,
 * interrupts).
 */
bool interp_loop(struct vcpu *vcpu, int64_t budget);

/* Remote fences (fence.c). */
void interp_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      const struct flush_range *range);
void interp_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                       uint64_t size);

extern const struct engine_ops engine_interp;

#endif
