/* SPDX-License-Identifier: MIT */
/*
 * The page-table entries that a space's mappings came from. A fence compares them with what the
 * guest's tables hold now, so that it costs what is mapped at an instruction or two a page, and the
 * mappings that still hold stay.
 */
#include "engine/trap/stub/stub.h"

static struct trap_table *find(struct trap_tables *t, gpa_t gpa, gva_t base, unsigned level)
{
    for (unsigned i = 0; i < t->count && i < TRAP_TABLES; i++) {
        struct trap_table *table = &t->table[i];
        if (table->gpa == gpa && table->base == base && table->level == level)
            return table;
    }
    return NULL;
}

/* Entries that come into the range are taken as they are: no mapping came from them. */
static void widen(struct trap_table *table, unsigned index, uint64_t pte)
{
    const uint64_t *live = gmem_ptr(&kernel.vm.mem, table->gpa, PAGE_SIZE, GMEM_READ);

    while (live != NULL && table->low > index) {
        table->low--;
        table->entry[table->low] = live[table->low];
    }
    while (live != NULL && table->high < index) {
        table->high++;
        table->entry[table->high] = live[table->high];
    }
    table->entry[index] = pte;
    table->used[index / 64] |= UINT64_C(1) << (index % 64);
}

bool tables_note(struct trap_tables *t, gpa_t gpa, gva_t base, unsigned level, unsigned index,
                 uint64_t pte)
{
    struct trap_table *table = find(t, gpa, base, level);

    if (table == NULL) {
        if (t->count >= TRAP_TABLES)
            return false;
        table = &t->table[t->count++];
        memset(table, 0, sizeof(*table));
        table->gpa = gpa;
        table->base = base;
        table->level = (uint8_t)level;
        table->low = table->high = (uint16_t)index;
    }
    widen(table, index, pte);
    return true;
}

static uint64_t reach_of(const struct trap_table *table)
{
    return PAGE_SIZE << (9 * table->level);
}

/* Tables below an entry that is another now describe what is no longer there. */
static void forget_below(struct trap_tables *t, gva_t base, uint64_t reach, unsigned level)
{
    for (unsigned i = 0; i < t->count;) {
        struct trap_table *table = &t->table[i];
        if (table->level < level && table->base - base < reach)
            *table = t->table[--t->count];
        else
            i++;
    }
}

/* False: an entry that led to other tables changed, and the list of tables with it. */
static bool entry_changed(struct trap_tables *t, struct trap_table *table, unsigned i, uint64_t now,
                          void (*gone)(gva_t va, uint64_t length))
{
    uint64_t bit = UINT64_C(1) << (i % 64), was = table->entry[i], reach = reach_of(table);
    gva_t base = table->base + i * reach;
    bool leaf = (was & (PTE_R | PTE_W | PTE_X)) != 0;

    table->entry[i] = now;
    if ((table->used[i / 64] & bit) == 0)
        return true;
    table->used[i / 64] &= ~bit;
    gone(base, reach);
    if (!leaf)
        forget_below(t, base, reach, table->level);
    return leaf;
}

static bool check_table(struct trap_tables *t, struct trap_table *table, const uint64_t *live,
                        void (*gone)(gva_t va, uint64_t length))
{
    const uint64_t *was = table->entry;
    unsigned i = table->low, end = table->high + 1u;

    while (i < end) {
        /* Eight at once: this is what a fence costs. */
        while (i + 8 <= end && was[i] == live[i] && was[i + 1] == live[i + 1] &&
               was[i + 2] == live[i + 2] && was[i + 3] == live[i + 3] &&
               was[i + 4] == live[i + 4] && was[i + 5] == live[i + 5] &&
               was[i + 6] == live[i + 6] && was[i + 7] == live[i + 7])
            i += 8;
        for (unsigned n = 0; n < 8 && i < end; n++, i++) {
            uint64_t now = __atomic_load_n(&live[i], __ATOMIC_RELAXED);
            if (UNLIKELY(was[i] != now) && !entry_changed(t, table, i, now, gone))
                return false;
        }
    }
    return true;
}

void tables_check(struct trap_tables *t, void (*gone)(gva_t va, uint64_t length))
{
    for (unsigned i = 0; i < t->count && i < TRAP_TABLES; i++) {
        struct trap_table *table = &t->table[i];
        const uint64_t *live = gmem_ptr(&kernel.vm.mem, table->gpa, PAGE_SIZE, GMEM_READ);
        if (live == NULL || table->high > 511)
            continue;
        if (!check_table(t, table, live, gone))
            i = UINT32_MAX; /* from the first again */
    }
}
