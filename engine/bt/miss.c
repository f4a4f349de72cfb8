/* SPDX-License-Identifier: MIT */
/*
 * What translated code does not find by itself: a page that neither level of the TLB has, the code
 * for an address that the jump cache does not know. Called in the middle of a block; what takes an
 * exception, a device or a new block is left to run.c, which is told so by a 0.
 */
#include "core/csr.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"

#define REGION_SHIFT (PAGE_SHIFT + 9)

/* PTE bits of a page that may be accessed at once: which are looked at, and how they have to be. */
struct wanted {
    uint64_t mask, bits;
};

#define ALWAYS_MASK (PTE_V | PTE_A | PTE_RESERVED | PTE_PBMT | PTE_N)
#define WANTED(mode_mask, mode_bits, access)                                                       \
    {                                                                                              \
        .mask = ALWAYS_MASK | (mode_mask) | (access),                                              \
        .bits = PTE_V | PTE_A | (mode_bits) | (access)                                             \
    }
#define WANTED_BY(access)                                                                          \
    {                                                                                              \
        [BT_U] = WANTED(PTE_U, PTE_U, access), [BT_S] = WANTED(PTE_U, 0, access),                  \
        [BT_SUM] = WANTED((access) == PTE_X ? PTE_U : 0, 0, access)                                \
    }

static const struct wanted wanted[][BT_MODES] = {
    [MMU_LOAD] = WANTED_BY(PTE_R),
    [MMU_STORE] = WANTED_BY(PTE_R | PTE_W | PTE_D),
    [MMU_FETCH] = WANTED_BY(PTE_X),
};

static unsigned region_index(gva_t va)
{
    uint64_t number = va >> REGION_SHIFT;

    return (unsigned)(number ^ number / REGIONS) % REGIONS;
}

void regions_flush_page(struct bt_vcpu *bv, gva_t va)
{
    bv->region[region_index(va)].epoch = 0;
}

void regions_flush_asid(struct bt_vcpu *bv, uint16_t asid)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        if (((bv->region[i].satp >> SATP_ASID_SHIFT) & SATP_ASID) == asid)
            bv->region[i].epoch = 0;
    }
}

/* A 4 KiB leaf, whose tables need not be read again but for the last. */
static void remember(struct bt_vcpu *bv, gva_t va, const struct mmu_leaf *leaf)
{
    struct gmem *mem = &bv->vcpu->vm->mem;

    if (leaf->page_bits != PAGE_SHIFT || bv->vcpu->priv.satp == 0)
        return;
    const void *table = gmem_ptr(mem, leaf->pte_gpa & PAGE_MASK, PAGE_SIZE, GMEM_READ);
    bv->region[region_index(va)] = (struct bt_region){
        .satp = bv->vcpu->priv.satp,
        .number = va >> REGION_SHIFT,
        .epoch = table != NULL ? bv->epoch : 0,
        .table = table,
    };
}

static gpa_t page_of(uint64_t pte)
{
    return (pte & PTE_PPN) >> PTE_PPN_SHIFT << PAGE_SHIFT;
}

static uint64_t tag_of(const struct bt_hot *hot, gva_t va, bool global)
{
    return (va & PAGE_MASK) | (global ? hot->l2_context ^ hot->l2_other : hot->l2_context);
}

/* What the last table says, if it is known. */
static bool look_in_table(const struct bt_vcpu *bv, const struct bt_window *w, gva_t va,
                          uint64_t *pte)
{
    const struct bt_region *region = &bv->region[region_index(va)];

    if (region->epoch != bv->epoch || region->number != va >> REGION_SHIFT ||
        region->satp != w->hot.space->satp)
        return false;
    *pte = atomic_load_explicit(&region->table[(va >> PAGE_SHIFT) & 511], memory_order_relaxed);
    return true;
}

/* The page that it says, if the access may be done at once. */
static bool find_in_table(const struct bt_vcpu *bv, const struct bt_window *w, gva_t va,
                          enum mmu_access access, uint64_t *pte)
{
    const struct wanted *want = &wanted[access][w - w->hot.space->window];
    const struct gmem_slot *ram = &bv->vcpu->vm->mem.slots[0];

    return look_in_table(bv, w, va, pte) && (*pte & want->mask) == want->bits &&
           page_of(*pte) - ram->gpa < ram->size;
}

/* Enters the page that a PTE leads to; *delta: host address - va. */
static bool enter(struct bt_vcpu *bv, struct bt_window *w, gva_t va, enum mmu_access access,
                  uint64_t pte, uint64_t *delta)
{
    struct gmem *mem = &bv->vcpu->vm->mem;
    const struct gmem_slot *ram = &mem->slots[0];
    gpa_t gpa = page_of(pte);
    unsigned ctx = (unsigned)(tag_of(&w->hot, 0, (pte & PTE_G) != 0) >> 3);

    uint8_t *host = access == MMU_STORE ? gmem_ptr(mem, gpa, PAGE_SIZE, GMEM_WRITE)
                                        : ram->host + (gpa - ram->gpa);
    if (host == NULL)
        return false;
    stlb_fill(&bv->stlb, (enum stlb_kind)access, va, ctx, host, PAGE_SHIFT, (pte & PTE_G) != 0);
    if (access == MMU_STORE)
        stlb_fill(&bv->stlb, STLB_LOAD, va, ctx, host, PAGE_SHIFT, (pte & PTE_G) != 0);
    *delta = (uint64_t)(uintptr_t)host - (va & PAGE_MASK);
    return true;
}

/* By the last table alone, or by all of them. */
static bool walk(struct bt_vcpu *bv, struct bt_window *w, gva_t va, enum mmu_access access,
                 uint64_t *delta)
{
    struct mmu_leaf leaf;
    struct vmem_at at;
    uint64_t pte;

    if (find_in_table(bv, w, va, access, &pte) && enter(bv, w, va, access, pte, delta))
        return true;
    space_meet(bv, (uint8_t *)w + BT_CTX_BIAS);
    if (vmem_walk(bv->vcpu, va, access, &leaf, &at) != VMEM_OK)
        return false;
    remember(bv, va, &leaf);
    *delta = (uint64_t)(uintptr_t)at.host - va;
    return true;
}

bool miss_peek(const struct bt_vcpu *bv, const struct bt_window *w, gva_t va,
               enum mmu_access access, struct bt_leaf *out)
{
    uint64_t pte;

    if (!find_in_table(bv, w, va, access, &pte))
        return false;
    *out = (struct bt_leaf){page_of(pte), pte, PAGE_SHIFT, (pte & PTE_G) != 0};
    return true;
}

bool miss_leaf(struct bt_vcpu *bv, struct bt_window *w, gva_t va, enum mmu_access access,
               struct bt_leaf *out)
{
    struct mmu_leaf leaf;
    struct vmem_at at;

    if (miss_peek(bv, w, va, access, out))
        return true;
    space_meet(bv, (uint8_t *)w + BT_CTX_BIAS);
    enum vmem_status status = vmem_walk(bv->vcpu, va, access, &leaf, &at);
    bv->excepted = status == VMEM_TRAP;
    if (status != VMEM_OK)
        return false;
    remember(bv, va, &leaf);
    *out = (struct bt_leaf){leaf.gpa & PAGE_MASK, leaf.pte, leaf.page_bits, leaf.global};
    return true;
}

bool miss_probe(struct bt_vcpu *bv, gva_t va, struct bt_leaf *out)
{
    struct mmu_leaf leaf;

    if (vmem_probe(bv->vcpu, va, &leaf) != 0)
        return false;
    remember(bv, va, &leaf);
    *out = (struct bt_leaf){leaf.gpa & PAGE_MASK, leaf.pte, leaf.page_bits, leaf.global};
    return true;
}

const _Atomic uint64_t *miss_table(struct bt_vcpu *bv, const struct bt_window *w, gva_t va)
{
    struct bt_leaf leaf;
    uint64_t pte;

    if (!look_in_table(bv, w, va, &pte) &&
        (!miss_probe(bv, va, &leaf) || !look_in_table(bv, w, va, &pte)))
        return NULL;
    return bv->region[region_index(va)].table;
}

/* Where the accesses of a group that does not lie in one page are done one by one, if that has been
 * translated; from now on without C. */
static uint64_t apart(struct bt_vcpu *bv, const struct bt_window *w, const struct bt_site *site,
                      const uint32_t *where)
{
    const struct bt_block *block = &bv->block[site->block];
    gva_t pc = block_page(block, &w->hot) + site->offset;
    gpa_t gpa = ((gpa_t)block->frame << PAGE_SHIFT) + site->offset;

    if (bv->step || site->span <= SPAN_SINGLE || (block->flags & BT_NOGROUP) != 0 || block->loop)
        return 0;
    const struct bt_block *to = cache_find(bv, pc, gpa, flags_now(bv, block->flags | BT_NOGROUP));
    if (to == NULL)
        return 0;
    uint64_t code = (uint64_t)(uintptr_t)bv->rx + cache_way_in(block, to);
    uint64_t at = (uint64_t)(uintptr_t)where;
    *(uint32_t *)(void *)(bv->rw + (at - (uint64_t)(uintptr_t)bv->rx) + 8) = (uint32_t)(code - at);
    return code;
}

uint64_t bt_miss_call(struct vcpu *vcpu, const uint32_t *where, gva_t va, uint8_t *ctx)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_window *w = (struct bt_window *)(void *)(ctx - BT_CTX_BIAS);
    const struct bt_site *site = &bv->site[*where];
    bool store = site->kind == SITE_STORE;
    uint64_t delta;

    bv->stats.misses++;
    if ((va & ~PAGE_MASK) + site->span > PAGE_SIZE)
        return apart(bv, w, site, where);
    bv->unreached = !walk(bv, w, va, store ? MMU_STORE : MMU_LOAD, &delta);
    if (bv->unreached)
        return 0;
    l1_enter(w, va, delta, store);
    return (uint64_t)(uintptr_t)(where + 1);
}

/* The guest-physical address that the fetch TLB has for pc. */
static bool fetch(struct bt_vcpu *bv, struct bt_window *w, gva_t pc, gpa_t *gpa)
{
    const struct gmem_slot *ram = &bv->vcpu->vm->mem.slots[0];
    const struct stlb_entry *entry = &bv->stlb.entry[STLB_FETCH][stlb_index(pc)];
    uint64_t delta = entry->addend;

    if (entry->tag != tag_of(&w->hot, pc, false) && entry->tag != tag_of(&w->hot, pc, true) &&
        !walk(bv, w, pc, MMU_FETCH, &delta))
        return false;
    *gpa = pc + delta - (uint64_t)(uintptr_t)ram->host + ram->gpa;
    return *gpa - ram->gpa < ram->size;
}

uint64_t bt_jump_call(struct vcpu *vcpu, uint8_t *ctx)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_window *w = (struct bt_window *)(void *)(ctx - BT_CTX_BIAS);
    const struct bt_space *space = w->hot.space;
    bool user = w == &space->window[BT_U];
    gva_t pc = vcpu->user.pc & ~UINT64_C(1);
    gpa_t gpa;

    bv->stats.jump_misses++;
    w->hot.seconds = JUMP_SECONDS;
    if (bv->no_jumps || bv->step || !mirror_has_code(pc, w->hot.kind) || !fetch(bv, w, pc, &gpa))
        return 0;
    if (!user && !space->own_code && !bv->stlb.note[STLB_FETCH][stlb_index(pc)].global)
        return 0;
    const struct bt_block *block = cache_find(bv, pc, gpa, flags_now(bv, w->hot.kind));
    if (block == NULL)
        return 0;
    jumps_enter(bv, pc, w->hot.jumps, block);
    if (user)
        w->hot.pc = pc;
    return cache_code(bv, block);
}
