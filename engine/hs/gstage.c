/* SPDX-License-Identifier: MIT */
/*
 * The second stage of translation (Priv. 21.5): guest-physical to physical, all of it mapped from
 * the start with the largest leaves that fit, so that RAM never faults. A change of the VM's memory
 * builds a new tree, which takes a few dozen entries, and drops the old one.
 */
#include <string.h>

#include "core/csr.h"
#include "core/vm.h"
#include "engine/hs/hs.h"
#include "host/metal/board/csr.h"

#define ROOT_ORDER 2 /* a G-stage root is 16 KiB: two bits more of index */
#define TABLE_BITS 9
#define LEAF_LEVEL 2 /* 1 GiB; whoever has more than 512 GiB will not miss larger ones */
#define G_LEAF     (PTE_V | PTE_R | PTE_U | PTE_A) /* every guest access counts as one from U-mode */

/* A tree under construction. */
struct tree {
    struct vm *vm;
    const struct mmu_geometry *geometry;
    uint64_t *root;
    uint64_t tables, leaves[LEAF_LEVEL + 1];
};

static unsigned shift_of(unsigned level)
{
    return PAGE_SHIFT + TABLE_BITS * level;
}

static bool is_table(uint64_t pte)
{
    return (pte & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V;
}

static uint64_t *table_of(uint64_t pte)
{
    return (uint64_t *)(uintptr_t)((pte & PTE_PPN) >> PTE_PPN_SHIFT << PAGE_SHIFT);
}

static uint64_t pte_of(hpa_t hpa, uint64_t flags)
{
    return hpa >> PAGE_SHIFT << PTE_PPN_SHIFT | flags;
}

/* The entry for gpa in a table of the level. Only the root is longer than the mask. */
static uint64_t *entry(const struct tree *tree, uint64_t *table, unsigned level, gpa_t gpa)
{
    unsigned bits = table == tree->root ? tree->geometry->root_bits : TABLE_BITS;

    return &table[gpa >> shift_of(level) & ((UINT64_C(1) << bits) - 1)];
}

static unsigned largest_level(gpa_t gpa, hpa_t hpa, uint64_t size)
{
    unsigned level = LEAF_LEVEL;

    while (level > 0 && (((gpa | hpa) & ((UINT64_C(1) << shift_of(level)) - 1)) != 0 ||
                         size < UINT64_C(1) << shift_of(level)))
        level--;
    return level;
}

/* Enters one leaf; returns its size, or 0 when there is no page for a table. */
static uint64_t map_leaf(struct tree *tree, gpa_t gpa, hpa_t hpa, uint64_t size, uint64_t flags)
{
    unsigned level = tree->geometry->levels - 1u, leaf = largest_level(gpa, hpa, size);
    uint64_t *pte = entry(tree, tree->root, level, gpa);

    for (; level > leaf || is_table(*pte); level--) {
        if (*pte == 0) {
            void *table = tree->vm->host->pages_alloc(tree->vm, 0);
            if (table == NULL)
                return 0;
            tree->tables++;
            *pte = pte_of((uintptr_t)table, PTE_V);
        }
        pte = entry(tree, table_of(*pte), level - 1, gpa);
    }
    *pte = pte_of(hpa, flags);
    tree->leaves[level]++;
    return UINT64_C(1) << shift_of(level);
}

/* Ranges do not overlap, so that no entry is written twice. */
static int map_range(struct tree *tree, gpa_t gpa, hpa_t hpa, uint64_t size, uint64_t flags)
{
    if (size > UINT64_C(1) << tree->geometry->va_bits ||
        gpa > (UINT64_C(1) << tree->geometry->va_bits) - size)
        return ERR_RANGE;
    if (((gpa | hpa | size) & ~PAGE_MASK) != 0)
        return ERR_INVALID;
    while (size != 0) {
        uint64_t step = map_leaf(tree, gpa, hpa, size, flags);
        if (step == 0)
            return ERR_NO_MEMORY;
        gpa += step;
        hpa += step;
        size -= step;
    }
    return 0;
}

static void free_tables(struct vm *vm, uint64_t *table, unsigned entries)
{
    for (unsigned i = 0; i < entries; i++) {
        if (is_table(table[i]))
            free_tables(vm, table_of(table[i]), 1u << TABLE_BITS);
    }
    vm->host->pages_free(vm, table, entries > 1u << TABLE_BITS ? ROOT_ORDER : 0);
}

static void free_tree(struct vm *vm, const struct mmu_geometry *geometry, uint64_t *root)
{
    if (root != NULL)
        free_tables(vm, root, 1u << geometry->root_bits);
}

/* The narrowest mode that reaches all of the guest's memory: each level less is an access less in
 * every one of a walk's steps. */
static const struct mmu_geometry *narrowest(const struct vm *vm, uint32_t modes)
{
    gpa_t last = 0;

    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        const struct gmem_slot *slot = &vm->mem.slots[i];
        if (slot->size != 0 && slot->gpa + slot->size - 1 > last)
            last = slot->gpa + slot->size - 1;
    }
    for (unsigned i = 0; i < 3; i++) {
        const struct mmu_geometry *g = mmu_geometry((unsigned)SATP_MODE_SV39 + i, true);
        if (((modes >> i) & 1) != 0 && last >> g->va_bits == 0)
            return g;
    }
    return NULL;
}

static int map_everything(struct tree *tree, const struct hs_vm *hv)
{
    const struct gmem *mem = &tree->vm->mem;
    int error = 0;

    for (unsigned i = 0; error == 0 && i < GMEM_MAX_SLOTS; i++) {
        const struct gmem_slot *slot = &mem->slots[i];
        uint64_t write = slot->flags & GMEM_READ_ONLY ? 0 : PTE_W | PTE_D;
        if (slot->size != 0)
            error = map_range(tree, slot->gpa, (uintptr_t)slot->host, slot->size,
                              G_LEAF | PTE_X | write);
    }
    for (unsigned i = 0; error == 0 && i < hv->nmmio; i++)
        error = map_range(tree, hv->mmio[i].gpa, hv->mmio[i].hpa, hv->mmio[i].size,
                          G_LEAF | PTE_W | PTE_D);
    return error;
}

static void adopt(struct hs_vm *hv, const struct tree *tree)
{
    uint64_t vmid = HS_VMID & ((UINT64_C(1) << hv->features.vmid_bits) - 1);

    hv->geometry = tree->geometry;
    hv->root = tree->root;
    hv->tables = tree->tables;
    memcpy(hv->leaves, tree->leaves, sizeof(hv->leaves));
    hv->hgatp = (uint64_t)tree->geometry->satp_mode << HGATP_MODE_SHIFT | vmid << HGATP_VMID_SHIFT |
                (uintptr_t)tree->root >> PAGE_SHIFT;
}

int hs_gstage_rebuild(struct vm *vm)
{
    struct hs_vm *hv = vm->engine_data;
    struct tree tree = {.vm = vm, .geometry = narrowest(vm, hv->features.gstage_modes)};

    if (tree.geometry == NULL)
        return ERR_RANGE;
    tree.root = vm->host->pages_alloc(vm, ROOT_ORDER);
    if (tree.root == NULL)
        return ERR_NO_MEMORY;
    int error = map_everything(&tree, hv);
    if (error != 0) {
        free_tree(vm, tree.geometry, tree.root);
        return error;
    }
    hs_gstage_destroy(vm);
    adopt(hv, &tree);
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i]->engine != NULL)
            hs_of(vm->vcpu[i])->loaded &= ~HS_STATE_CONTROL; /* brings hgatp and its fence */
    }
    return 0;
}

void hs_gstage_destroy(struct vm *vm)
{
    struct hs_vm *hv = vm->engine_data;

    free_tree(vm, hv->geometry, hv->root);
    hv->root = NULL;
}

static bool overlap(gpa_t a, uint64_t a_size, gpa_t b, uint64_t b_size)
{
    return b_size != 0 && a < b + b_size && b < a + a_size;
}

/* Nothing of the VM lies there: no RAM, no device. */
static bool is_empty(const struct vm *vm, gpa_t gpa, uint64_t size)
{
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        if (overlap(gpa, size, vm->mem.slots[i].gpa, vm->mem.slots[i].size))
            return false;
    }
    for (unsigned i = 0; i < vm->bus.count; i++) {
        if (overlap(gpa, size, vm->bus.region[i]->base, vm->bus.region[i]->size))
            return false;
    }
    return true;
}

int hs_passthrough(struct vm *vm, gpa_t gpa, hpa_t hpa, uint64_t size)
{
    struct hs_vm *hv = vm->engine_data;

    if (hv->nmmio == HS_MAX_MMIO)
        return ERR_NO_MEMORY;
    if (size == 0 || gpa + size < gpa || hpa + size < hpa)
        return ERR_INVALID;
    if (!is_empty(vm, gpa, size))
        return ERR_OVERLAP;
    hv->mmio[hv->nmmio++] = (struct hs_mmio){gpa, hpa, size};
    int error = hs_gstage_rebuild(vm);
    if (error != 0)
        hv->nmmio--;
    return error;
}
