/* SPDX-License-Identifier: MIT */
/*
 * An access to the mirror has failed: its page is mapped, and it is tried again. What cannot be
 * mapped, since it is no RAM, or not allowed, or not of the half that is mirrored, is executed in
 * C, and translated anew, to be looked up in the first-level TLB the next time.
 */
#include "core/csr.h"
#include "core/vm.h"
#include "engine/bt/bt.h"
#include "engine/bt/emit.h"

#define OPCODE_LOAD    0x03
#define OPCODE_LOAD_FP 0x07

#define AROUND_BITS    6 /* so many pages, as a power of two, are mapped at once, at most */

static unsigned stray_bit(uint32_t frame, unsigned offset)
{
    return (frame * 2654435769u >> 12 ^ offset >> 1) & (STRAY_FILTER - 1);
}

bool fault_is_stray(const struct bt_vcpu *bv, const struct bt_block *block, unsigned offset)
{
    unsigned bit = stray_bit(block->frame, offset);

    return (bv->stray_filter[bit / 64] >> (bit % 64) & 1) != 0;
}

static void note_stray(struct bt_vcpu *bv, struct bt_block *block, unsigned offset)
{
    unsigned bit = stray_bit(block->frame, offset);

    bv->stats.strays++;
    bv->stray_filter[bit / 64] |= UINT64_C(1) << (bit % 64);
    if (!block->dropped)
        cache_drop(bv, block);
    if ((bv->flags & BT_USER) == 0 && !space_mirror_pays(bv))
        space_give_up_mirror(bv);
}

/* What the host's instruction does to memory. */
static enum mmu_access access_of(uint32_t word)
{
    uint32_t opcode = word & 0x7f;

    return opcode == OPCODE_LOAD || opcode == OPCODE_LOAD_FP ? MMU_LOAD : MMU_STORE;
}

/* Where an access has failed, and what its leaf says. */
struct fault {
    struct bt_vcpu *bv;
    struct bt_window *w;
    gva_t va;
    bool store;
    unsigned area;
    uint32_t page, frame; /* of the area, of guest RAM */
    struct bt_leaf leaf;
    bool writable; /* it will be */
};

static struct bt_vm *vm_of(const struct fault *f)
{
    return f->bv->vcpu->vm->engine_data;
}

static bool may_store(const struct bt_vm *b, uint64_t pte, uint32_t frame)
{
    const uint64_t bits = PTE_W | PTE_D;

    return (pte & bits) == bits && !pages_is_watched(b, frame);
}

/* Can the page `k` behind it be mapped in the same way, with the same call? Of a larger leaf it
 * can; others have to follow each other in guest RAM as well. */
static bool goes_along(const struct fault *f, int32_t k)
{
    uint32_t frame = f->frame + (uint32_t)k;
    struct bt_leaf leaf = f->leaf;

    if (frame >= vm_of(f)->npages)
        return false;
    if (leaf.page_bits == PAGE_SHIFT &&
        (!miss_peek(f->bv, f->w, f->va + ((gva_t)(int64_t)k << PAGE_SHIFT), MMU_LOAD, &leaf) ||
         leaf.gpa - f->leaf.gpa != (gpa_t)(int64_t)k << PAGE_SHIFT ||
         leaf.global != f->leaf.global))
        return false;
    return may_store(vm_of(f), leaf.pte, frame) == f->writable;
}

static bool tell_stores(const struct fault *f, uint32_t frame, uint32_t n)
{
    gpa_t gpa = vm_of(f)->ram + ((gpa_t)frame << PAGE_SHIFT);

    return gmem_ptr(&f->bv->vcpu->vm->mem, gpa, (uint64_t)n << PAGE_SHIFT, GMEM_WRITE) != NULL;
}

/* The page, and those around it that go along: a mapping costs as much as thousands of accesses. */
static bool map_around(struct fault *f)
{
    unsigned bits = f->leaf.page_bits - PAGE_SHIFT;
    uint32_t around = bits == 0 || bits > AROUND_BITS ? 1u << AROUND_BITS : 1u << bits;
    int32_t first = -(int32_t)(f->page % around), last = first + (int32_t)around - 1;
    int32_t from = 0, to = 0;

    f->writable = f->store || may_store(vm_of(f), f->leaf.pte, f->frame);
    while (from > first && goes_along(f, from - 1))
        from--;
    while (to < last && goes_along(f, to + 1))
        to++;
    uint32_t n = (uint32_t)(to - from) + 1, frame = f->frame + (uint32_t)from;

    return (!f->writable || tell_stores(f, frame, n)) &&
           mirror_map(&f->bv->mirror, f->area, f->page + (uint32_t)from, frame, n, f->writable,
                      (struct mirror_leaf){f->leaf.pte, bits});
}

/* A leaf for the access; for S-mode's mirror a store needs no more of core than a load, if the
 * entry says that it may be stored to. */
static bool find_leaf(struct bt_vcpu *bv, struct bt_window *w, gva_t va, bool store, bool user,
                      struct bt_leaf *leaf)
{
    const uint64_t bits = PTE_W | PTE_D;

    if (!store || user)
        return miss_leaf(bv, w, va, store ? MMU_STORE : MMU_LOAD, leaf);
    return miss_leaf(bv, w, va, MMU_LOAD, leaf) &&
           ((leaf->pte & bits) == bits || miss_leaf(bv, w, va, MMU_STORE, leaf));
}

static bool fill(struct bt_vcpu *bv, struct bt_window *w, gva_t va, bool store)
{
    const struct bt_vm *b = bv->vcpu->vm->engine_data;
    const struct bt_space *space = w->hot.space;
    bool user = w == &space->window[BT_U];
    unsigned area = user ? MIRROR_U + (unsigned)(space - bv->spaces) : MIRROR_S;
    uint64_t page = mirror_page(area, va);
    struct fault f = {
        .bv = bv, .w = w, .va = va, .store = store, .area = area, .page = (uint32_t)page};

    if (!mirror_is(&bv->mirror) || page >= MIRROR_PAGES ||
        (!user && mirror_is_restless(&bv->mirror, area, f.page)) ||
        !find_leaf(bv, w, va, store, user, &f.leaf) || (!user && !f.leaf.global))
        return false;
    f.frame = (uint32_t)((f.leaf.gpa - b->ram) >> PAGE_SHIFT);
    return f.frame < b->npages && map_around(&f);
}

/* An access that fails again and again where it has just been mapped: a host that has told the
 * first page of two. */
#define AGAIN 4

static bool is_stuck(struct bt_vcpu *bv, const struct bt_hot *hot)
{
    bool again = bv->failed_pc == hot->fault_pc && bv->failed_at == hot->fault_at;

    bv->failed_pc = hot->fault_pc;
    bv->failed_at = hot->fault_at;
    bv->failed_again = again ? bv->failed_again + 1 : 0;
    return bv->failed_again >= AGAIN;
}

uint64_t bt_fault_call(struct vcpu *vcpu, uint8_t *ctx)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_window *w = (struct bt_window *)(void *)(ctx - BT_CTX_BIAS);
    uint64_t pc = w->hot.fault_pc;
    const struct bt_block *block = cache_block_at(bv, pc);
    const struct bt_map *at = cache_map_at(bv, block, pc);
    uint32_t word = *(const uint32_t *)(const void *)(bv->rx + (pc - (uint64_t)(uintptr_t)bv->rx));

    bv->stats.faults++;
    vcpu->user.pc = block_page(block, &w->hot) + at->offset;
    bv->fault_block = (uint32_t)(block - bv->block);
    bv->in_loop = at->kind == MAP_LOOP;
    bv->excepted = false;
    bv->stray = (w->hot.kind & BT_MIRROR) == 0 || w->hot.fault_at == 0 || is_stuck(bv, &w->hot) ||
                !fill(bv, w, w->hot.fault_at - w->hot.mirror, access_of(word) == MMU_STORE);
    return bv->stray ? 0 : cache_code(bv, block) + 4u * at->host;
}

/* What the tables say now of the pages of an area. */
struct review {
    struct bt_vcpu *bv;
    const struct bt_window *w;
    uint64_t bits;                 /* of a PTE, what has to be set in it for a load ... */
    const _Atomic uint64_t *table; /* ... of a page; of this table, for the current group */
};

#define REVIEWED (PTE_V | PTE_R | PTE_A | PTE_U | PTE_G | PTE_N | PTE_PBMT | PTE_RESERVED)

/* As long as its leaf is the same. */
static bool group_stays(void *ctx, gva_t va, uint32_t page, const struct mirror_group *group)
{
    struct review *r = ctx;
    const struct bt_vm *b = r->bv->vcpu->vm->engine_data;
    struct bt_leaf leaf;

    if (group->pte == 0)
        return (r->table = miss_table(r->bv, r->w, va)) != NULL;
    if (!miss_probe(r->bv, va, &leaf) || leaf.pte != group->pte ||
        leaf.page_bits < PAGE_SHIFT + MIRROR_GROUP_SHIFT ||
        ((r->bits & PTE_G) != 0 && !leaf.global))
        return false;
    return (uint32_t)((leaf.gpa - b->ram) >> PAGE_SHIFT) ==
           group->frame + page % (1u << MIRROR_GROUP_SHIFT);
}

static bool page_stays(void *ctx, unsigned n, const struct mirror_page *page)
{
    const struct review *r = ctx;
    const struct bt_vm *b = r->bv->vcpu->vm->engine_data;
    uint64_t pte = atomic_load_explicit(&r->table[n], memory_order_relaxed);
    uint64_t ignored = (r->bits & PTE_G) == 0 ? PTE_G : 0;
    uint64_t wanted = r->bits | (page->writable ? PTE_W | PTE_D : 0);
    uint64_t mask = (REVIEWED & ~ignored) | wanted;

    return (pte & mask) == wanted &&
           (pte & PTE_PPN) >> PTE_PPN_SHIFT == (b->ram >> PAGE_SHIFT) + page->frame;
}

bool fault_review(struct bt_vcpu *bv, struct bt_space *space, enum bt_mode mode)
{
    bool user = mode == BT_U;
    unsigned area = user ? MIRROR_U + (unsigned)(space - bv->spaces) : MIRROR_S;
    struct review r = {.bv = bv,
                       .w = &space->window[mode],
                       .bits = PTE_V | PTE_R | PTE_A | (user ? PTE_U : PTE_G)};
    const struct mirror_look look = {.ctx = &r, .group = group_stays, .page = page_stays};

    return mirror_review(&bv->mirror, area, &look);
}

bool fault_finish(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_block *block = &bv->block[bv->fault_block];

    if (bv->in_loop)
        loop_leave_record(vcpu, block);
    if (!bv->stray)
        return false;
    if ((bv->flags & BT_MIRROR) != 0 && !bv->excepted)
        note_stray(bv, block, (unsigned)(vcpu->user.pc & ~PAGE_MASK));
    return bt_exec_cross(vcpu);
}

bool fault_outside(struct vcpu *vcpu, struct bt_block *block, const struct bt_site *site)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    if ((bv->flags & BT_MIRROR) != 0)
        note_stray(bv, block, site->offset);
    return bt_exec_raw(vcpu, site->raw);
}
