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
    if (index < table->low)
        table->low = (uint16_t)index;
    if (index > table->high)
        table->high = (uint16_t)index;
    table->entry[index] = pte;
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
static bool check_table(struct trap_tables *t, struct trap_table *table, const uint64_t *live,
                        void (*gone)(gva_t va, uint64_t length))
{
    for (unsigned i = table->low; i <= table->high; i++) {
        uint64_t was = table->entry[i];
        if (LIKELY(was == live[i]) || was == 0)
            continue;
        gva_t base = table->base + i * reach_of(table);
        uint64_t reach = reach_of(table);
        bool leaf = (was & (PTE_R | PTE_W | PTE_X)) != 0;
        table->entry[i] = 0;
        gone(base, reach);
        if (!leaf) {
            forget_below(t, base, reach, table->level);
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
