/* SPDX-License-Identifier: MIT */
/*
 * A small physical memory with page tables in it, for the tests and the fuzzer of the walker; and
 * the comparison of the walker with the model.
 */
#ifndef TESTS_UNIT_MMU_TABLES_H
#define TESTS_UNIT_MMU_TABLES_H

#include "core/mmu.h"
#include "tests/unit/mmu_model.h"

#define TABLES_BASE  UINT64_C(0x80000000)
#define TABLES_PAGES 64
#define TABLES_TRAIL 256

struct tables {
    uint64_t words[TABLES_PAGES * 512];
    unsigned pages; /* handed out so far */
    uint64_t *trail[TABLES_TRAIL];
    unsigned ntrail;    /* PTEs that tables_install wrote */
    unsigned busy;      /* how many compare-exchanges will answer ERR_BUSY */
    unsigned cas_calls; /* how many were asked for */
    bool read_only;     /* compare-exchanges answer ERR_RANGE */
    struct mmu_memory memory;
};

void tables_reset(struct tables *t);

/* The next page, or 16 KiB for the root of a G-stage: its address, or 0 when memory is full. */
uint64_t tables_page(struct tables *t, bool g_root);

/* The word at a physical address, or NULL outside. */
uint64_t *tables_word(struct tables *t, uint64_t pa);

/* Where a new table lies seen from the tables that point to it: at pa + offset. */
struct tables_root {
    uint64_t pa;
    unsigned mode;
    bool gstage;
    uint64_t offset;
};

/* Writes `pte` for va at `level`, with the tables on the way. NULL: no room, or a leaf in the way.
 */
uint64_t *tables_install(struct tables *t, const struct tables_root *root, uint64_t va,
                         unsigned level, uint64_t pte);

/* The walk that asks what the model is asked. */
struct mmu_walk tables_walk(const struct model *model, struct isa *isa,
                            const struct mmu_memory *memory);

/*
 * Translates with both, the model on a copy of the tables, and compares everything: answer, fault,
 * A and D bits in memory, permissions of the leaf. NULL when they agree, else what differs. *answer
 * is the model's.
 */
const char *tables_compare(struct tables *t, struct model *model, uint64_t va,
                           enum model_access access, struct model_answer *answer);

#endif
