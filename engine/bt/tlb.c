/* SPDX-License-Identifier: MIT */
/* What translated code looks up by itself: the first-level TLB and the jump caches. */
#include <string.h>

#include "core/csr.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"

static unsigned slot_of(gva_t va)
{
    return (unsigned)(va >> PAGE_SHIFT) & (L1_SIZE - 1);
}

/* A tag that no address of this slot has, nor one just below an address that has one: the check of
 * translated code adds to the difference before it looks (see translate_mem.c). */
static uint64_t invalid(unsigned slot)
{
    return (uint64_t)(slot ^ L1_SIZE / 2) << PAGE_SHIFT;
}

void l1_reset(struct bt_vcpu *bv)
{
    for (unsigned mode = 0; mode < BT_MODES; mode++) {
        struct bt_window *w = &bv->window[mode];
        for (unsigned i = 0; bv->l1_used[mode] && i < L1_SIZE; i++)
            w->ltag[i] = w->stag[i] = invalid(i);
        bv->l1_used[mode] = w == bv->current;
    }
}

void l1_flush_page(struct bt_vcpu *bv, gva_t va)
{
    unsigned slot = slot_of(va);

    for (unsigned mode = 0; mode < BT_MODES; mode++)
        bv->window[mode].ltag[slot] = bv->window[mode].stag[slot] = invalid(slot);
}

void l1_drop_stores(struct bt_vcpu *bv, const uint8_t *host_page)
{
    for (unsigned mode = 0; mode < BT_MODES; mode++) {
        struct bt_window *w = &bv->window[mode];
        for (unsigned i = 0; i < L1_SIZE; i++) {
            uint64_t host = w->stag[i] + w->delta[i];
            if ((host & PAGE_MASK) == (uint64_t)(uintptr_t)host_page)
                w->stag[i] = invalid(i);
        }
    }
}

/* From the second level, which must have it. */
bool l1_fill(struct vcpu *vcpu, gva_t va, bool store)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_window *w = bv->current;
    const struct stlb_entry *entry =
        &bv->stlb.entry[store ? STLB_STORE : STLB_LOAD][stlb_index(va)];
    unsigned slot = slot_of(va);
    uint64_t tag = va & PAGE_MASK;

    if (entry->tag != stlb_tag(va & PAGE_MASK, 1, vmem_context(vcpu)))
        return false;
    if (w->delta[slot] != entry->addend || w->ltag[slot] != tag)
        w->stag[slot] = invalid(slot);
    w->delta[slot] = entry->addend;
    w->ltag[slot] = tag;
    if (store)
        w->stag[slot] = tag;
    bv->stats.l1_fills++;
    return true;
}

void jumps_reset(struct bt_vcpu *bv)
{
    struct bt_jump *all = bv->jumps[0];

    if (bv->njumps > JUMPS_LISTED)
        memset(bv->jumps, 0xff, sizeof(bv->jumps));
    else
        for (unsigned i = 0; i < bv->njumps; i++)
            all[bv->jumps_entered[i]].pc = UINT64_MAX;
    bv->njumps = 0;
    memset(bv->exec_filter, 0, sizeof(bv->exec_filter));
}

static unsigned filter_bit(gva_t va)
{
    return (unsigned)(va >> PAGE_SHIFT) & (EXEC_FILTER - 1);
}

void jumps_enter(struct bt_vcpu *bv, gva_t pc, uint64_t code)
{
    struct bt_jump *table = bv->current->hot.jumps;
    unsigned bit = filter_bit(pc);

    struct bt_jump *entry = &table[(pc >> 1) & (JUMP_SIZE - 1)];

    if (bv->njumps < JUMPS_LISTED)
        bv->jumps_entered[bv->njumps] = (uint32_t)(entry - bv->jumps[0]);
    if (bv->njumps <= JUMPS_LISTED)
        bv->njumps++;
    *entry = (struct bt_jump){.pc = pc, .code = code};
    bv->exec_filter[bit / 64] |= UINT64_C(1) << (bit % 64);
}

bool jumps_know(const struct bt_vcpu *bv, gva_t va)
{
    unsigned bit = filter_bit(va);

    return (bv->exec_filter[bit / 64] >> (bit % 64)) & 1;
}
