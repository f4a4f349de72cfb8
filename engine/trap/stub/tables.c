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

static struct trap_table *find_or_add(struct trap_tables *t, gpa_t gpa, gva_t base, unsigned level)
{
    struct trap_table *table = find(t, gpa, base, level);

    if (table != NULL || t->count >= TRAP_TABLES)
        return table;
    table = &t->table[t->count++];
    memset(table, 0, offsetof(struct trap_table, entry));
    table->gpa = gpa;
    table->base = base;
    table->level = (uint8_t)level;
    return table;
}

/* Makes room for entries from first to last of the group; those between them and others that were
 * there are taken as they are, for no mapping came from them. */
static void widen(struct trap_table *table, unsigned group, unsigned first, unsigned last,
                  const uint64_t *live)
{
    uint64_t *was = &table->entry[group * TRAP_GROUP];

    live += group * TRAP_GROUP;
    if (table->used[group] == 0) {
        table->first[group] = (uint8_t)first;
        table->last[group] = (uint8_t)last;
        table->groups |= (uint8_t)(1U << group);
    }
    while (table->first[group] > first) {
        table->first[group]--;
        was[table->first[group]] = live[table->first[group]];
    }
    while (table->last[group] < last) {
        table->last[group]++;
        was[table->last[group] % TRAP_GROUP] = live[table->last[group] % TRAP_GROUP];
    }
}

bool tables_note(struct trap_tables *t, gpa_t gpa, gva_t base, unsigned level, unsigned index,
                 unsigned count, uint64_t pte)
{
    struct trap_table *table = find_or_add(t, gpa, base, level);
    const uint64_t *live = gmem_ptr(&kernel.vm.mem, gpa, PAGE_SIZE, GMEM_READ);

    if (table == NULL || live == NULL)
        return false;
    while (count > 0) {
        unsigned group = index / TRAP_GROUP, first = index % TRAP_GROUP;
        unsigned n = TRAP_GROUP - first < count ? TRAP_GROUP - first : count;
        widen(table, group, first, first + n - 1, live);
        table->used[group] |= (n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX) << first;
        for (count -= n; n > 0; n--, pte += UINT64_C(1) << PTE_PPN_SHIFT)
            table->entry[index++] = pte;
    }
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

/* What changed goes. False: an entry led to other tables, and the list of tables is another. */
static bool entry_changed(struct trap_tables *t, struct trap_table *table, unsigned i, uint64_t now,
                          void (*gone)(gva_t va, uint64_t length))
{
    unsigned group = i / TRAP_GROUP;
    uint64_t bit = UINT64_C(1) << (i % TRAP_GROUP), was = table->entry[i], reach = reach_of(table);
    gva_t base = table->base + i * reach;
    bool leaf = (was & (PTE_R | PTE_W | PTE_X)) != 0;

    table->entry[i] = now;
    if ((table->used[group] & bit) == 0)
        return true;
    table->used[group] &= ~bit;
    if (table->used[group] == 0)
        table->groups &= (uint8_t) ~(1U << group);
    gone(base, reach);
    if (!leaf)
        forget_below(t, base, reach, table->level);
    return leaf;
}

/* Are 16 entries as they were? This is what a fence costs. */
static inline bool same(const uint64_t *was, const uint64_t *live)
{
#define SAME(i)  (was[i] == live[i])
#define SAME4(i) (SAME(i) && SAME(i + 1) && SAME(i + 2) && SAME(i + 3))
    return SAME4(0) && SAME4(4) && SAME4(8) && SAME4(12);
}

static bool check_group(struct trap_tables *t, struct trap_table *table, unsigned group,
                        const uint64_t *live, void (*gone)(gva_t va, uint64_t length))
{
    const uint64_t *was = table->entry;
    unsigned i = group * TRAP_GROUP + table->first[group] % TRAP_GROUP;
    unsigned end = group * TRAP_GROUP + table->last[group] % TRAP_GROUP + 1;

    while (i < end) {
        while (i + 16 <= end && same(&was[i], &live[i]))
            i += 16;
        for (unsigned n = 0; n < 16 && i < end; n++, i++) {
            uint64_t now = __atomic_load_n(&live[i], __ATOMIC_RELAXED);
            if (UNLIKELY(was[i] != now) && !entry_changed(t, table, i, now, gone))
                return false;
        }
    }
    return true;
}

static bool check_table(struct trap_tables *t, struct trap_table *table,
                        void (*gone)(gva_t va, uint64_t length))
{
    const uint64_t *live = gmem_ptr(&kernel.vm.mem, table->gpa, PAGE_SIZE, GMEM_READ);
    unsigned groups = live != NULL ? table->groups : 0;

    for (unsigned group = 0; groups != 0; group++, groups >>= 1) {
        if ((groups & 1) != 0 && !check_group(t, table, group, live, gone))
            return false;
    }
    return true;
}

static void check(struct trap_tables *t, void (*gone)(gva_t va, uint64_t length))
{
    for (unsigned i = 0; i < t->count && i < TRAP_TABLES;) {
        struct trap_table *table = &t->table[i];
        if (!check_table(t, table, gone))
            i = 0;
        else if (table->groups == 0)
            *table = t->table[--t->count];
        else
            i++;
    }
}

void tables_see_fences(struct trap_tables *t, void (*gone)(gva_t va, uint64_t length))
{
    uint32_t epoch = atomic_load(&kernel.area->epoch);

    if (t->epoch == epoch)
        return;
    t->epoch = epoch;
    check(t, gone);
    __asm__ volatile("fence.i" : : : "memory");
}
