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

#define AROUND         16 /* pages of a larger leaf that are mapped at once */

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
}

/* What the host's instruction does to memory. */
static enum mmu_access access_of(uint32_t word)
{
    uint32_t opcode = word & 0x7f;

    return opcode == OPCODE_LOAD || opcode == OPCODE_LOAD_FP ? MMU_LOAD : MMU_STORE;
}

/* Pages [first, first + n) of guest RAM, whose leaf allows stores if `writable`. Those that
 * somebody watches are mapped for loads, but for the one that is about to be stored to. */
static bool map_run(struct vcpu *vcpu, struct mirror *m, unsigned area, uint32_t page,
                    uint32_t frame, uint32_t n, bool writable, bool wide)
{
    struct bt_vm *b = vcpu->vm->engine_data;
    struct gmem *mem = &vcpu->vm->mem;
    gpa_t gpa = b->ram + ((gpa_t)frame << PAGE_SHIFT);
    bool shared = m == &b->mirror;

    for (uint32_t i = 0; writable && i < n; i++) {
        if (shared)
            pages_stored(b, frame + i);
        else if (gmem_ptr(mem, gpa + ((gpa_t)i << PAGE_SHIFT), PAGE_SIZE, GMEM_WRITE) == NULL)
            return false;
    }
    return mirror_map(m, area, page, frame, n, writable, wide);
}

static bool may_store(const struct bt_vm *b, const struct bt_leaf *leaf, uint32_t frame)
{
    const uint64_t bits = PTE_W | PTE_D;

    return (leaf->pte & bits) == bits && !pages_is_watched(b, frame);
}

/* The page itself and, of a larger leaf, those around it; runs of what may be stored to and what
 * may not. */
static bool map_leaf(struct vcpu *vcpu, struct mirror *m, unsigned area, uint32_t page,
                     const struct bt_leaf *leaf, bool store)
{
    const struct bt_vm *b = vcpu->vm->engine_data;
    uint32_t frame = (uint32_t)((leaf->gpa - b->ram) >> PAGE_SHIFT);
    bool wide = leaf->page_bits >= PAGE_SHIFT + 4;
    uint32_t first = wide ? page & ~(uint32_t)(AROUND - 1) : page;
    uint32_t n = wide ? AROUND : 1;

    if (!wide && leaf->page_bits != PAGE_SHIFT)
        return false;
    if (page - first > frame || frame - (page - first) + n > b->npages)
        return false;
    uint32_t frames = frame - (page - first);
    for (uint32_t from = 0, to; from < n; from = to) {
        bool writable = (store && frames + from == frame) || may_store(b, leaf, frames + from);
        for (to = from + 1; to < n; to++) {
            if (((store && frames + to == frame) || may_store(b, leaf, frames + to)) != writable)
                break;
        }
        if (!map_run(vcpu, m, area, first + from, frames + from, to - from, writable, wide))
            return false;
    }
    return true;
}

/* A leaf for the access; for S-mode's mirror a store needs no more of core than a load, if the
 * entry says that it may be stored to. */
static bool find_leaf(struct bt_vcpu *bv, struct bt_window *w, gva_t va, bool store, bool shared,
                      struct bt_leaf *leaf)
{
    const uint64_t bits = PTE_W | PTE_D;

    if (!store || !shared)
        return miss_leaf(bv, w, va, store ? MMU_STORE : MMU_LOAD, leaf);
    return miss_leaf(bv, w, va, MMU_LOAD, leaf) &&
           ((leaf->pte & bits) == bits || miss_leaf(bv, w, va, MMU_STORE, leaf));
}

static bool fill(struct bt_vcpu *bv, struct bt_window *w, gva_t va, bool store)
{
    struct bt_vm *b = bv->vcpu->vm->engine_data;
    struct bt_space *space = w->hot.space;
    bool user = w == &space->window[BT_U];
    struct mirror *m = user ? &bv->mirror : &b->mirror;
    gva_t offset = user ? va : va + (UINT64_C(1) << MIRROR_BITS);
    struct bt_leaf leaf;

    if (!mirror_is(m) || offset >> MIRROR_BITS != 0)
        return false;
    unsigned area = user ? (unsigned)(space - bv->spaces) : 0;
    uint32_t page = (uint32_t)(offset >> PAGE_SHIFT);

    pthread_mutex_lock(&m->lock);
    bool worth = user || !mirror_is_restless(m, area, page);
    bool done = worth && find_leaf(bv, w, va, store, !user, &leaf) && (user || leaf.global) &&
                map_leaf(bv->vcpu, m, area, page, &leaf, store);
    pthread_mutex_unlock(&m->lock);
    return done;
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
    bv->stray = (w->hot.kind & BT_MIRROR) == 0 ||
                !fill(bv, w, w->hot.fault_at - w->hot.mirror, access_of(word) == MMU_STORE);
    return bv->stray ? 0 : cache_code(bv, block) + 4u * at->host;
}

bool fault_finish(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_block *block = &bv->block[bv->fault_block];

    if (bv->in_loop)
        loop_leave_record(vcpu, block);
    if (!bv->stray)
        return false;
    if ((bv->flags & BT_MIRROR) != 0)
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
