/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: the walker over arbitrary page tables in a small memory, against the model. The
 * memory's callbacks refuse what lies outside; the leaf must agree with what was asked.
 *
 * Input: one struct question, then as many struct entry as there are bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mmu_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct question {
    uint64_t va;
    uint8_t satp_mode, hgatp_mode; /* 8 + n % 3, or Bare */
    uint8_t satp_page, hgatp_page; /* where the roots are */
    uint8_t access;
    uint8_t flags; /* user, sum, mxr, svadu, svnapot, svpbmt */
    uint8_t busy;  /* compare-exchanges that fail */
    uint8_t unused;
};

struct entry {
    uint8_t page;   /* whose entry this is; bit 7: the PTE names a page of this memory */
    uint8_t target; /* ... this one */
    uint16_t index;
    uint32_t high; /* bits 63..32 of the PTE */
    uint32_t low;
};

_Static_assert(sizeof(struct question) == 16 && sizeof(struct entry) == 12, "the input's format");

static uint64_t page_number(uint8_t page)
{
    return (TABLES_BASE >> PAGE_SHIFT) + page % TABLES_PAGES;
}

static unsigned mode_of(uint8_t byte)
{
    return byte % 4 == 3 ? 0 : 8 + byte % 4;
}

static struct model model_of(const struct question *q)
{
    return (struct model){
        .satp_mode = mode_of(q->satp_mode),
        .hgatp_mode = mode_of(q->hgatp_mode),
        .satp_ppn = page_number(q->satp_page),
        .hgatp_ppn = page_number(q->hgatp_page),
        .user = q->flags & 1,
        .sum = q->flags & 2,
        .mxr = q->flags & 4,
        .svadu = q->flags & 8,
        .svnapot = q->flags & 16,
        .svpbmt = q->flags & 32,
    };
}

static void write_entry(struct tables *t, const struct entry *e)
{
    uint64_t pte = (uint64_t)e->high << 32 | e->low;

    if (e->page & 0x80)
        pte = (pte & ~PTE_PPN) | page_number(e->target) << PTE_PPN_SHIFT;
    t->words[e->page % TABLES_PAGES * 512 + e->index % 512] = pte;
}

/* With compare-exchanges that fail, the model has no answer; the walk must end all the same. */
static void walk_busy(struct tables *t, const struct model *model, const struct question *q)
{
    struct isa isa;
    struct mmu_walk walk = tables_walk(model, &isa, &t->memory);
    struct mmu_leaf leaf;
    struct mmu_fault fault;
    enum mmu_access access = (enum mmu_access)(q->access % 3);

    t->busy = q->busy;
    if (mmu_translate(&walk, q->va, access, &leaf, &fault) != 0)
        return;
    if (!(access == MMU_LOAD    ? leaf.readable
          : access == MMU_STORE ? leaf.writable
                                : leaf.executable))
        abort();
    if (leaf.page_bits < PAGE_SHIFT || leaf.page_bits > 48)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tables t;
    struct question q;
    struct entry e;
    struct model_answer answer;

    if (size < sizeof(q))
        return 0;
    memcpy(&q, data, sizeof(q));
    t.pages = TABLES_PAGES;
    tables_reset(&t);
    t.pages = TABLES_PAGES;
    for (size_t at = sizeof(q); size - at >= sizeof(e); at += sizeof(e)) {
        memcpy(&e, data + at, sizeof(e));
        write_entry(&t, &e);
    }

    struct model model = model_of(&q);

    walk_busy(&t, &model, &q);
    t.busy = 0;
    if (tables_compare(&t, &model, q.va, (enum model_access)(q.access % 3), &answer) != NULL)
        abort();
    return 0;
}
