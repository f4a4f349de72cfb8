/* SPDX-License-Identifier: MIT */
/* The first-level TLB, which translated code looks up by itself. */
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

void l1_reset(struct bt_space *space)
{
    for (unsigned mode = 0; mode < BT_MODES; mode++) {
        struct bt_window *w = &space->window[mode];
        for (unsigned i = 0; i < L1_SIZE; i++)
            w->ltag[i] = w->stag[i] = invalid(i);
    }
}

void l1_flush_page(struct bt_space *space, gva_t va)
{
    unsigned slot = slot_of(va);

    for (unsigned mode = 0; mode < BT_MODES; mode++)
        space->window[mode].ltag[slot] = space->window[mode].stag[slot] = invalid(slot);
}

static bool drop_stores(struct bt_vcpu *bv, struct bt_window *w, uint64_t host_page, unsigned n)
{
    const uint64_t *word = stlb_stored(&bv->stlb, host_page);
    bool others = false;

    for (unsigned i = n; i < L1_SIZE; i += 64) {
        uint64_t host = w->stag[i] + w->delta[i];
        if (w->stag[i] == invalid(i))
            continue;
        if (host == host_page)
            w->stag[i] = invalid(i);
        else
            others |= stlb_stored(&bv->stlb, host) == word;
    }
    return others;
}

bool l1_drop_stores(struct bt_vcpu *bv, uint64_t host_page, unsigned n)
{
    bool others = false;

    for (struct bt_space *space = bv->spaces; space < &bv->spaces[SPACES]; space++) {
        if (space->epoch != bv->epoch)
            continue;
        for (unsigned mode = 0; mode < BT_MODES; mode++)
            others |= drop_stores(bv, &space->window[mode], host_page, n);
    }
    return others;
}

void l1_enter(struct bt_window *w, gva_t va, uint64_t delta, bool store)
{
    unsigned slot = slot_of(va);
    uint64_t tag = va & PAGE_MASK;

    if (w->delta[slot] != delta || w->ltag[slot] != tag)
        w->stag[slot] = invalid(slot);
    w->delta[slot] = delta;
    w->ltag[slot] = tag;
    if (store)
        w->stag[slot] = tag;
}

/* From the second level, which must have it. */
bool l1_fill(struct vcpu *vcpu, gva_t va, bool store)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    const struct bt_hot *hot = &bv->current->hot;
    const struct stlb_entry *entry =
        &bv->stlb.entry[store ? STLB_STORE : STLB_LOAD][stlb_index(va)];
    uint64_t tag = (va & PAGE_MASK) | hot->l2_context;

    if (entry->tag != tag && entry->tag != (tag ^ hot->l2_other))
        return false;
    l1_enter(bv->current, va, entry->addend, store);
    bv->stats.l1_fills++;
    return true;
}
