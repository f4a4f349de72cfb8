/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker: one walk over const geometry descriptors, for a guest's own tables
 * (Sv39, Sv48, Sv57) and for a G-stage (the x4 forms), one stage or both. Priv. 12.3-12.5, 15.5;
 * Svnapot, Svpbmt, Svade, Svadu.
 */
#ifndef CORE_MMU_H
#define CORE_MMU_H

#include "core/isa.h"
#include "core/types.h"
#include "core/vcpu.h"

/* PTE bits (Priv. 12.4.1). */
#define PTE_V         (UINT64_C(1) << 0)
#define PTE_R         (UINT64_C(1) << 1)
#define PTE_W         (UINT64_C(1) << 2)
#define PTE_X         (UINT64_C(1) << 3)
#define PTE_U         (UINT64_C(1) << 4)
#define PTE_G         (UINT64_C(1) << 5)
#define PTE_A         (UINT64_C(1) << 6)
#define PTE_D         (UINT64_C(1) << 7)
#define PTE_RSW       (UINT64_C(3) << 8)
#define PTE_PPN_SHIFT 10
#define PTE_PPN       (((UINT64_C(1) << 44) - 1) << PTE_PPN_SHIFT)
#define PTE_RESERVED  (UINT64_C(0x7f) << 54)
#define PTE_PBMT      (UINT64_C(3) << 61)
#define PTE_N         (UINT64_C(1) << 63)

enum mmu_access { MMU_LOAD, MMU_STORE, MMU_FETCH };

struct mmu_geometry {
    uint8_t satp_mode; /* value of satp.MODE or hgatp.MODE */
    uint8_t levels;
    uint8_t va_bits;    /* 39, 48, 57; 41, 50, 59 for a G-stage */
    uint8_t root_bits;  /* index bits of the root table: 9, or 11 for a G-stage */
    bool sign_extended; /* canonical addresses (VS-stage and S) or zero-extended (G-stage) */
};

/* The geometry for a satp.MODE (`gstage` false) or hgatp.MODE; NULL for Bare or unknown. */
const struct mmu_geometry *mmu_geometry(unsigned mode, bool gstage);

/* One stage of translation. geometry NULL: Bare, addresses pass unchanged. */
struct mmu_root {
    const struct mmu_geometry *geometry;
    uint64_t ppn; /* of the root table */
};

/* Access to page-table words, at (guest-)physical addresses. */
struct mmu_memory {
    void *ctx;
    /* 0 or ERR_RANGE (an access fault). */
    int (*read)(void *ctx, gpa_t gpa, uint64_t *pte);
    /* Compare-exchange for A/D updates: 0, ERR_BUSY (changed meanwhile: walk again), ERR_RANGE. */
    int (*cas)(void *ctx, gpa_t gpa, uint64_t expected, uint64_t value);
};

struct mmu_walk {
    /* in */
    struct mmu_root root;   /* first stage: satp or vsatp */
    struct mmu_root g_root; /* second stage: hgatp; geometry NULL when there is none */
    const struct isa *isa;  /* for Svnapot, Svpbmt */
    const struct mmu_memory *memory;
    bool user;     /* effective privilege U */
    bool sum, mxr; /* of the first stage; the G-stage has neither */
    bool hw_ad;    /* update A and D (Svadu) rather than fault (Svade) */
    bool probe;    /* change nothing: treat missing A/D as present (debuggers) */
};

struct mmu_leaf {
    gpa_t gpa;         /* translation of the address itself */
    uint64_t pte;      /* first-stage leaf, as it is in memory now; 0 in Bare */
    gpa_t pte_gpa;     /* where it lies, as mmu_memory addresses it (behind the G-stage) */
    uint8_t page_bits; /* log2 of the first-stage leaf's reach: 12, 16 (NAPOT), 21, 30, 39, 48 */
    bool readable, writable, executable; /* in this context (user, SUM, MXR, A, D considered) */
    bool global;
};

/* Which stage a fault belongs to. */
enum mmu_stage { MMU_STAGE_S = 0, MMU_STAGE_G = 1 };

struct mmu_fault {
    uint64_t cause; /* page fault, access fault or guest-page fault for the access */
    enum mmu_stage stage;
    gpa_t gpa;     /* the guest-physical address that missed (G-stage faults, else 0) */
    bool implicit; /* it was an access to a first-stage table */
};

/*
 * Translates `va`. Returns 0 and fills `leaf`, or ERR_RANGE and fills `fault`. Without a first
 * stage, va is the guest-physical address.
 */
int mmu_translate(const struct mmu_walk *walk, gva_t va, enum mmu_access access,
                  struct mmu_leaf *leaf, struct mmu_fault *fault) MUST_CHECK;

#endif
