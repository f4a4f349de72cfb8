/* SPDX-License-Identifier: MIT */
/*
 * The page-table walker (see mmu.h). One function walks the tables of one stage; the addresses of a
 * first stage's tables go through the second stage, which is the same function again.
 */
#include "core/mmu.h"
#include "core/error.h"
#include "core/trap.h"

#define VPN_BITS       9
#define PTE_SIZE       UINT64_C(8)
#define PPN_BITS       44
#define NAPOT_PPN_MASK UINT64_C(0xf) /* the one size that Svnapot defines: 64 KiB */
#define NAPOT_PPN      UINT64_C(0x8)

/* How often a walk starts again because another hart changed the PTE under its A/D update. */
#define MAX_TRIES 64

static const struct mmu_geometry s_geometry[] = {
    {.satp_mode = 8, .levels = 3, .va_bits = 39, .root_bits = 9, .sign_extended = true},
    {.satp_mode = 9, .levels = 4, .va_bits = 48, .root_bits = 9, .sign_extended = true},
    {.satp_mode = 10, .levels = 5, .va_bits = 57, .root_bits = 9, .sign_extended = true},
};

static const struct mmu_geometry g_geometry[] = {
    {.satp_mode = 8, .levels = 3, .va_bits = 41, .root_bits = 11},
    {.satp_mode = 9, .levels = 4, .va_bits = 50, .root_bits = 11},
    {.satp_mode = 10, .levels = 5, .va_bits = 59, .root_bits = 11},
};

_Static_assert(ARRAY_SIZE(s_geometry) == ARRAY_SIZE(g_geometry), "the modes have the same numbers");

const struct mmu_geometry *mmu_geometry(unsigned mode, bool gstage)
{
    const struct mmu_geometry *table = gstage ? g_geometry : s_geometry;

    for (unsigned i = 0; i < ARRAY_SIZE(s_geometry); i++) {
        if (table[i].satp_mode == mode)
            return &table[i];
    }
    return NULL;
}

/* One stage of one translation. */
struct stage {
    const struct mmu_walk *walk;
    const struct mmu_root *root;
    enum mmu_stage number;
    enum mmu_access access;   /* what permissions are checked for */
    enum mmu_access original; /* what a fault is reported as */
    bool implicit;            /* the access is the walker's own, to a first-stage table */
    bool user, sum, mxr;
};

enum fault_kind { FAULT_PAGE, FAULT_ACCESS, FAULT_GUEST_PAGE };

static const uint8_t fault_cause[][3] = {
    [FAULT_PAGE] = {[MMU_LOAD] = CAUSE_LOAD_PAGE,
                    [MMU_STORE] = CAUSE_STORE_PAGE,
                    [MMU_FETCH] = CAUSE_INSN_PAGE},
    [FAULT_ACCESS] = {[MMU_LOAD] = CAUSE_LOAD_ACCESS,
                      [MMU_STORE] = CAUSE_STORE_ACCESS,
                      [MMU_FETCH] = CAUSE_INSN_ACCESS},
    [FAULT_GUEST_PAGE] = {[MMU_LOAD] = CAUSE_LOAD_GUEST_PAGE,
                          [MMU_STORE] = CAUSE_STORE_GUEST_PAGE,
                          [MMU_FETCH] = CAUSE_INSN_GUEST_PAGE},
};

static int raise(const struct stage *stage, enum fault_kind kind, uint64_t va,
                 struct mmu_fault *fault)
{
    *fault = (struct mmu_fault){
        .cause = fault_cause[kind][stage->original],
        .stage = stage->number,
        .gpa = stage->number == MMU_STAGE_G ? va : 0,
        .implicit = stage->implicit,
    };
    return ERR_RANGE;
}

static int page_fault(const struct stage *stage, uint64_t va, struct mmu_fault *fault)
{
    return raise(stage, stage->number == MMU_STAGE_G ? FAULT_GUEST_PAGE : FAULT_PAGE, va, fault);
}

/* What a callback for the stage's own tables returned: ERR_BUSY goes up and starts the walk again.
 */
static int table_status(const struct stage *stage, int status, uint64_t va, struct mmu_fault *fault)
{
    if (status == 0 || status == ERR_BUSY)
        return status;
    return raise(stage, FAULT_ACCESS, va, fault);
}

/* First stage: the bits above va_bits repeat the highest one (Priv. 12.4.1); G-stage: they are zero
 * (Priv. 15.5.1). */
static bool address_fits(const struct mmu_geometry *geometry, uint64_t va)
{
    if (!geometry->sign_extended)
        return va >> geometry->va_bits == 0;

    uint64_t above = va >> (geometry->va_bits - 1);

    return above == 0 || above == UINT64_MAX >> (geometry->va_bits - 1);
}

static unsigned level_shift(unsigned level)
{
    return PAGE_SHIFT + VPN_BITS * level;
}

/* Address of the PTE for va in a table of this level. */
static gpa_t pte_address(const struct mmu_geometry *geometry, gpa_t table, unsigned level,
                         uint64_t va)
{
    unsigned bits = level == geometry->levels - 1u ? geometry->root_bits : VPN_BITS;

    return table + PTE_SIZE * ((va >> level_shift(level)) & ((UINT64_C(1) << bits) - 1));
}

/* A root table fills 2^root_bits entries and is aligned to its size. */
static gpa_t root_table(const struct mmu_root *root)
{
    return (root->ppn << PAGE_SHIFT) & ~((PTE_SIZE << root->geometry->root_bits) - 1);
}

static uint64_t pte_ppn(uint64_t pte)
{
    return (pte & PTE_PPN) >> PTE_PPN_SHIFT;
}

static bool pte_is_leaf(uint64_t pte)
{
    return (pte & (PTE_R | PTE_X)) != 0;
}

/* Steps 3 to 5 of Priv. 12.3.2 as far as they look at nothing but the PTE and its level. */
static bool pte_well_formed(const struct isa *isa, uint64_t pte, unsigned level)
{
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_RESERVED))
        return false;
    if (!pte_is_leaf(pte))
        return !(pte & (PTE_A | PTE_D | PTE_U | PTE_N | PTE_PBMT));
    if ((pte & PTE_PBMT) && (!isa_has(isa, ISA_SVPBMT) || (pte & PTE_PBMT) == PTE_PBMT))
        return false;
    if (pte & PTE_N)
        return isa_has(isa, ISA_SVNAPOT) && level == 0 &&
               (pte_ppn(pte) & NAPOT_PPN_MASK) == NAPOT_PPN;
    return (pte_ppn(pte) & ((UINT64_C(1) << VPN_BITS * level) - 1)) == 0;
}

/* The U bit and SUM, then R, W, X and MXR (Priv. 12.1.1, 12.4.1). A and D are not looked at. */
static bool pte_permits(const struct stage *stage, uint64_t pte, enum mmu_access access)
{
    if (stage->user != ((pte & PTE_U) != 0)) {
        if (stage->user || !stage->sum || access == MMU_FETCH)
            return false;
    }
    if (access == MMU_LOAD)
        return (pte & PTE_R) || (stage->mxr && (pte & PTE_X));
    return (pte & (access == MMU_STORE ? PTE_W : PTE_X)) != 0;
}

static int walk_stage(const struct stage *stage, uint64_t va, struct mmu_leaf *leaf,
                      struct mmu_fault *fault);

/* The second stage, where every access counts as U-mode's (Priv. 15.5.1). */
static struct stage second_stage(const struct mmu_walk *walk, enum mmu_access access,
                                 enum mmu_access original, bool implicit)
{
    return (struct stage){
        .walk = walk,
        .root = &walk->g_root,
        .number = MMU_STAGE_G,
        .access = access,
        .original = original,
        .implicit = implicit,
        .user = true,
    };
}

/* Where a PTE of this stage really lies, after permission for an implicit load or store. */
static int table_address(const struct stage *stage, enum mmu_access access, gpa_t *gpa,
                         struct mmu_fault *fault)
{
    if (stage->number == MMU_STAGE_G || stage->walk->g_root.geometry == NULL)
        return 0;

    struct stage second = second_stage(stage->walk, access, stage->original, true);
    struct mmu_leaf leaf;
    int status = walk_stage(&second, *gpa, &leaf, fault);

    if (status == 0)
        *gpa = leaf.gpa;
    return status;
}

/* Reads the PTE at *gpa, which becomes the address that mmu_memory knows it by. */
static int read_pte(const struct stage *stage, uint64_t va, gpa_t *gpa, uint64_t *pte,
                    struct mmu_fault *fault)
{
    const struct mmu_memory *memory = stage->walk->memory;
    int status = table_address(stage, MMU_LOAD, gpa, fault);

    if (status != 0)
        return status;
    return table_status(stage, memory->read(memory->ctx, *gpa, pte), va, fault);
}

/* Step 7: A, and D for a store, are found set, get set, or fault. `gpa` as the table has it. */
static int accessed_and_dirty(const struct stage *stage, uint64_t va, gpa_t gpa, uint64_t *pte,
                              struct mmu_fault *fault)
{
    const struct mmu_memory *memory = stage->walk->memory;
    uint64_t wanted = *pte | PTE_A | (stage->access == MMU_STORE ? PTE_D : 0);

    if (wanted == *pte || stage->walk->probe)
        return 0;
    if (!stage->walk->hw_ad)
        return page_fault(stage, va, fault);

    int status = table_address(stage, MMU_STORE, &gpa, fault);

    if (status == 0)
        status = table_status(stage, memory->cas(memory->ctx, gpa, *pte, wanted), va, fault);
    if (status == 0)
        *pte = wanted;
    return status;
}

static void fill_leaf(const struct stage *stage, uint64_t va, uint64_t pte, unsigned level,
                      struct mmu_leaf *leaf)
{
    unsigned bits = pte & PTE_N ? 16 : level_shift(level);
    uint64_t offset = (UINT64_C(1) << bits) - 1;

    leaf->gpa = ((pte_ppn(pte) << PAGE_SHIFT) & ~offset) | (va & offset);
    leaf->pte = pte;
    leaf->page_bits = (uint8_t)bits;
    leaf->readable = pte_permits(stage, pte, MMU_LOAD);
    leaf->executable = pte_permits(stage, pte, MMU_FETCH);
    leaf->writable =
        pte_permits(stage, pte, MMU_STORE) && (stage->walk->probe || (pte & PTE_D) != 0);
}

/* Priv. 12.3.2 for one stage that is not Bare; ERR_BUSY when a PTE changed and the walk must start
 * again. */
static int walk_tables(const struct stage *stage, uint64_t va, struct mmu_leaf *leaf,
                       struct mmu_fault *fault)
{
    const struct mmu_geometry *geometry = stage->root->geometry;
    gpa_t table = root_table(stage->root);

    if (!address_fits(geometry, va))
        return page_fault(stage, va, fault);
    if (stage->root->ppn >> PPN_BITS != 0)
        return raise(stage, FAULT_ACCESS, va, fault);
    leaf->global = false;
    for (unsigned level = geometry->levels; level-- > 0;) {
        gpa_t gpa = pte_address(geometry, table, level, va);
        uint64_t pte;

        leaf->pte_gpa = gpa;
        int status = read_pte(stage, va, &leaf->pte_gpa, &pte, fault);

        if (status != 0)
            return status;
        if (!pte_well_formed(stage->walk->isa, pte, level))
            return page_fault(stage, va, fault);
        leaf->global |= (pte & PTE_G) != 0;
        table = pte_ppn(pte) << PAGE_SHIFT;
        if (!pte_is_leaf(pte))
            continue;
        if (!pte_permits(stage, pte, stage->access))
            return page_fault(stage, va, fault);
        status = accessed_and_dirty(stage, va, gpa, &pte, fault);
        if (status == 0)
            fill_leaf(stage, va, pte, level, leaf);
        return status;
    }
    return page_fault(stage, va, fault);
}

static int walk_stage(const struct stage *stage, uint64_t va, struct mmu_leaf *leaf,
                      struct mmu_fault *fault)
{
    if (stage->root->geometry != NULL)
        return walk_tables(stage, va, leaf, fault);
    *leaf = (struct mmu_leaf){
        .gpa = va,
        .page_bits = PAGE_SHIFT,
        .readable = true,
        .writable = true,
        .executable = true,
    };
    return 0;
}

static int translate_once(const struct stage *first, gva_t va, struct mmu_leaf *leaf,
                          struct mmu_fault *fault)
{
    struct stage second = second_stage(first->walk, first->access, first->access, false);
    struct mmu_leaf g_leaf;
    int status = walk_stage(first, va, leaf, fault);

    if (status == 0)
        status = walk_stage(&second, leaf->gpa, &g_leaf, fault);
    if (status != 0)
        return status;
    leaf->gpa = g_leaf.gpa;
    leaf->readable &= g_leaf.readable;
    leaf->writable &= g_leaf.writable;
    leaf->executable &= g_leaf.executable;
    return 0;
}

int mmu_translate(const struct mmu_walk *walk, gva_t va, enum mmu_access access,
                  struct mmu_leaf *leaf, struct mmu_fault *fault)
{
    struct stage first = {
        .walk = walk,
        .root = &walk->root,
        .number = MMU_STAGE_S,
        .access = access,
        .original = access,
        .user = walk->user,
        .sum = walk->sum,
        .mxr = walk->mxr,
    };

    for (unsigned i = 0; i < MAX_TRIES; i++) {
        int status = translate_once(&first, va, leaf, fault);

        if (status != ERR_BUSY)
            return status;
    }
    return page_fault(&first, va, fault);
}
