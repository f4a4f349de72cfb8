/* SPDX-License-Identifier: MIT */
/* Jump caches: where translated code finds the code of an address by itself. */
#include <string.h>

#include "engine/bt/bt.h"

/* Nothing is at 0. */
static void seal(struct bt_jumps *table)
{
    if (table->entry[0].pc == 0)
        table->entry[0].pc = UINT64_MAX;
    if (table->entry[JUMP_SECOND].pc == 0)
        table->entry[JUMP_SECOND].pc = UINT64_MAX;
}

void jumps_reset(struct bt_jumps *table)
{
    const size_t first = sizeof(table->entry[0]) << jump_bits(table->flags);

    if (table->n > JUMPS_LISTED) {
        memset(table->entry, 0, first);
        memset(&table->entry[JUMP_SECOND], 0,
               sizeof(table->entry) - JUMP_SECOND * sizeof(table->entry[0]));
    }
    for (unsigned i = 0; table->n <= JUMPS_LISTED && i < table->n; i++)
        table->entry[table->entered[i]].pc = 0;
    seal(table);
    table->n = 0;
    memset(table->pages, 0, sizeof(table->pages));
}

static uint64_t epoch_of(const struct bt_vcpu *bv, uint8_t space)
{
    return space == SPACE_GLOBAL ? bv->global_epoch : bv->jumps_epoch;
}

/* The table for these, or the one whose last use is longest ago. */
static struct bt_jumps *choose(struct bt_vcpu *bv, uint8_t space, uint8_t flags)
{
    uint8_t *last = &bv->jumps_last[space][(flags & BT_USER) != 0];
    struct bt_jumps *oldest = &bv->jumps[1], *table = &bv->jumps[*last];

    if (table->epoch != 0 && table->space == space && table->flags == flags)
        return table;
    for (unsigned i = 1; i < JUMP_TABLES; i++) {
        table = &bv->jumps[i];
        *last = (uint8_t)i;
        if (table->epoch != 0 && table->space == space && table->flags == flags)
            return table;
        if (table->last_use < oldest->last_use)
            oldest = table;
    }
    if (oldest->epoch != 0)
        jumps_reset(oldest);
    oldest->space = space;
    oldest->flags = flags;
    *last = (uint8_t)(oldest - bv->jumps);
    return oldest;
}

struct bt_jumps *jumps_find(struct bt_vcpu *bv, uint8_t space, uint8_t flags)
{
    struct bt_jumps *table = choose(bv, space, flags);

    if (table->epoch != epoch_of(bv, space)) {
        jumps_reset(table);
        table->epoch = epoch_of(bv, space);
    }
    table->last_use = ++bv->clock;
    return table;
}

static unsigned index_of(gva_t pc, unsigned flags)
{
    return (unsigned)(pc >> 1) & ((1u << jump_bits(flags)) - 1);
}

/* The first place of the page in the second level; pages with the same bit in `pages` have the
 * same. */
static unsigned second_page(gva_t pc)
{
    uint32_t hash = (uint32_t)(pc >> PAGE_SHIFT) % JUMP_PAGES * JUMP_HASH;

    return JUMP_SECOND + (hash >> (32 - JUMP_SECOND_BITS) << JUMP_PAGE_BITS);
}

static unsigned second_index_of(gva_t pc)
{
    return second_page(pc) + ((unsigned)(pc & ~PAGE_MASK) >> 1);
}

static unsigned filter_bit(gva_t va)
{
    return (unsigned)(va >> PAGE_SHIFT) & (EXEC_FILTER - 1);
}

static void put(struct bt_jumps *table, unsigned index, struct bt_jump jump)
{
    if (table->n < JUMPS_LISTED)
        table->entered[table->n] = (uint16_t)index;
    if (table->n <= JUMPS_LISTED)
        table->n++;
    table->entry[index] = jump;
}

void jumps_enter(struct bt_vcpu *bv, gva_t pc, struct bt_jump *entries,
                 const struct bt_block *block)
{
    struct bt_jumps *table = (struct bt_jumps *)(void *)entries;
    unsigned index = index_of(pc, table->flags), bit = filter_bit(pc);

    uint64_t code = (uint64_t)(uintptr_t)bv->rx + cache_way_in(NULL, block);
    gva_t old = table->entry[index].pc;
    if (old != 0 && old != UINT64_MAX && old != pc)
        put(table, second_index_of(old), table->entry[index]);
    put(table, index, (struct bt_jump){.pc = pc, .code = code});
    bv->exec_filter[bit / 64] |= UINT64_C(1) << (bit % 64);
    table->pages[bit % JUMP_PAGES / 64] |= UINT64_C(1) << (bit % 64);
}

uint64_t jumps_look_up(const struct bt_vcpu *bv, gva_t pc)
{
    const struct bt_jump *first = &bv->current->hot.jumps[index_of(pc, bv->flags)];
    const struct bt_jump *second = &bv->current->hot.jumps[second_index_of(pc)];

    if (first->pc == pc)
        return first->code;
    return second->pc == pc ? second->code : 0;
}

bool jumps_know(const struct bt_vcpu *bv, gva_t va)
{
    unsigned bit = filter_bit(va);

    return (bv->exec_filter[bit / 64] >> (bit % 64)) & 1;
}

void jumps_drop(struct bt_vcpu *bv, bool global)
{
    bv->jumps_epoch++;
    bv->context = true;
    bv->stats.jump_drops++;
    if (!global)
        return;
    bv->global_epoch++;
    memset(bv->exec_filter, 0, sizeof(bv->exec_filter));
}

/* Those of a page among the entries where it has its place. True: there may be others that are told
 * of by the same bit. */
static bool drop_from(struct bt_jump *entry, gva_t page)
{
    const uint64_t mask = (gva_t)(JUMP_PAGES - 1) << PAGE_SHIFT;
    bool others = false;

    for (const struct bt_jump *end = entry + (1u << JUMP_PAGE_BITS); entry < end; entry++) {
        uint64_t difference = entry->pc ^ page;
        if ((difference & mask) != 0)
            continue;
        if (difference < PAGE_SIZE)
            entry->pc = 0;
        else
            others = true;
    }
    return others;
}

static void drop_page(struct bt_jumps *table, gva_t page)
{
    unsigned bit = filter_bit(page) % JUMP_PAGES;

    if ((table->pages[bit / 64] >> (bit % 64) & 1) == 0)
        return;
    bool others = drop_from(&table->entry[index_of(page, table->flags)], page);
    others |= drop_from(&table->entry[second_page(page)], page);
    seal(table);
    if (!others)
        table->pages[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

void jumps_drop_page(struct bt_vcpu *bv, gva_t va)
{
    for (unsigned i = 1; i < JUMP_TABLES; i++) {
        if (bv->jumps[i].epoch == epoch_of(bv, bv->jumps[i].space))
            drop_page(&bv->jumps[i], va & PAGE_MASK);
    }
    for (unsigned n = 0; n < SPACES * BT_MODES; n++)
        bv->spaces[n / BT_MODES].window[n % BT_MODES].hot.vector = (void *)bt_vector;
    bv->stats.jump_drops++;
}

void jumps_drop_space(struct bt_vcpu *bv, unsigned space)
{
    for (unsigned i = 1; i < JUMP_TABLES; i++) {
        if (bv->jumps[i].space == space && bv->jumps[i].epoch != 0)
            bv->jumps[i].epoch = UINT64_MAX; /* which no table has that is as it should be */
    }
}
