/* SPDX-License-Identifier: MIT */
/* Page tables for tests of the walker, and its comparison with the model. */
#include "tests/unit/mmu_tables.h"

#include <string.h>

#include "core/error.h"

static int read_word(void *ctx, gpa_t gpa, uint64_t *pte)
{
    const uint64_t *word = tables_word(ctx, gpa);

    if (word == NULL)
        return ERR_RANGE;
    *pte = *word;
    return 0;
}

static int cas_word(void *ctx, gpa_t gpa, uint64_t expected, uint64_t value)
{
    struct tables *t = ctx;
    uint64_t *word = tables_word(t, gpa);

    t->cas_calls++;
    if (word == NULL || t->read_only)
        return ERR_RANGE;
    if (t->busy > 0) {
        t->busy--;
        return ERR_BUSY;
    }
    if (*word != expected)
        return ERR_BUSY;
    *word = value;
    return 0;
}

void tables_reset(struct tables *t)
{
    memset(t->words, 0, t->pages * PAGE_SIZE);
    t->pages = t->ntrail = t->busy = t->cas_calls = 0;
    t->read_only = false;
    t->memory = (struct mmu_memory){.ctx = t, .read = read_word, .cas = cas_word};
}

uint64_t tables_page(struct tables *t, bool g_root)
{
    unsigned count = g_root ? 4 : 1;
    unsigned first = (t->pages + count - 1) / count * count;

    if (first + count > TABLES_PAGES)
        return 0;
    t->pages = first + count;
    return TABLES_BASE + first * PAGE_SIZE;
}

uint64_t *tables_word(struct tables *t, uint64_t pa)
{
    if (pa < TABLES_BASE || pa - TABLES_BASE >= sizeof(t->words) || pa % 8 != 0)
        return NULL;
    return &t->words[(pa - TABLES_BASE) / 8];
}

uint64_t *tables_install(struct tables *t, const struct tables_root *root, uint64_t va,
                         unsigned level, uint64_t pte)
{
    uint64_t table = root->pa;
    unsigned top = root->mode - 6;

    for (unsigned i = top;; i--) {
        uint64_t entries = root->gstage && i == top ? 2048 : 512;
        uint64_t *word = tables_word(t, table + (va >> (12 + 9 * i)) % entries * 8);

        if (word == NULL || t->ntrail == TABLES_TRAIL || (*word & (PTE_R | PTE_X)) != 0)
            return NULL;
        if (i == level) {
            *word = pte;
            t->trail[t->ntrail++] = word;
            return word;
        }
        if (*word == 0) {
            uint64_t page = tables_page(t, false);

            if (page == 0)
                return NULL;
            *word = (page + root->offset) >> 12 << 10 | PTE_V;
            t->trail[t->ntrail++] = word;
        }
        table = (*word >> 10 << 12) - root->offset;
    }
}

struct mmu_walk tables_walk(const struct model *model, struct isa *isa,
                            const struct mmu_memory *memory)
{
    *isa = (struct isa){.ext = (uint64_t)model->svnapot << ISA_SVNAPOT | (uint64_t)model->svpbmt
                                                                             << ISA_SVPBMT};
    return (struct mmu_walk){
        .root = {.geometry = mmu_geometry(model->satp_mode, false), .ppn = model->satp_ppn},
        .g_root = {.geometry = mmu_geometry(model->hgatp_mode, true), .ppn = model->hgatp_ppn},
        .isa = isa,
        .memory = memory,
        .user = model->user,
        .sum = model->sum,
        .mxr = model->mxr,
        .hw_ad = model->svadu,
    };
}

static const char *compare_faults(const struct model_answer *answer, const struct mmu_fault *fault)
{
    if (fault->cause != answer->cause)
        return "cause";
    if ((fault->stage == MMU_STAGE_G) != answer->g_stage)
        return "stage";
    if (fault->implicit != answer->implicit)
        return "implicit";
    return fault->gpa != answer->gpa ? "fault address" : NULL;
}

/* What a leaf permits is what would now succeed without any A/D update. */
static const char *compare_leaves(struct model model, uint64_t va,
                                  const struct model_answer *answer, const struct mmu_leaf *leaf)
{
    if (leaf->gpa != answer->address)
        return "address";
    if (leaf->page_bits != answer->reach)
        return "reach";
    if (leaf->global != answer->global)
        return "global";
    model.svadu = false;
    if (leaf->readable != model_translate(&model, va, MODEL_LOAD).ok)
        return "readable";
    if (leaf->writable != model_translate(&model, va, MODEL_STORE).ok)
        return "writable";
    return leaf->executable != model_translate(&model, va, MODEL_FETCH).ok ? "executable" : NULL;
}

/* `copy` is the tables' memory again; the model works on it. */
static const char *compare(struct tables *t, const uint64_t *copy, const struct model *model,
                           uint64_t va, enum model_access access, struct model_answer *answer)
{
    static const enum mmu_access same[] = {
        [MODEL_LOAD] = MMU_LOAD, [MODEL_STORE] = MMU_STORE, [MODEL_FETCH] = MMU_FETCH};
    struct isa isa;
    struct mmu_walk walk = tables_walk(model, &isa, &t->memory);
    struct mmu_leaf leaf, probed;
    struct mmu_fault fault;

    walk.probe = true;

    int probe_status = mmu_translate(&walk, va, same[access], &probed, &fault);

    if (memcmp(copy, t->words, t->pages * PAGE_SIZE) != 0)
        return "a probe changed memory";
    walk.probe = false;

    int status = mmu_translate(&walk, va, same[access], &leaf, &fault);

    *answer = model_translate(model, va, access);
    if (memcmp(copy, t->words, t->pages * PAGE_SIZE) != 0)
        return "A and D bits";
    if ((status == 0) != answer->ok)
        return "success";
    if (status != 0)
        return status != ERR_RANGE ? "status" : compare_faults(answer, &fault);
    if (probe_status != 0 || probed.gpa != leaf.gpa)
        return "probe";
    return compare_leaves(*model, va, answer, &leaf);
}

const char *tables_compare(struct tables *t, struct model *model, uint64_t va,
                           enum model_access access, struct model_answer *answer)
{
    static uint64_t copy[TABLES_PAGES * 512]; /* all zero between calls */
    const char *difference;

    memcpy(copy, t->words, t->pages * PAGE_SIZE);
    model->words = copy;
    model->base = TABLES_BASE;
    model->size = sizeof(copy);
    difference = compare(t, copy, model, va, access, answer);
    memset(copy, 0, t->pages * PAGE_SIZE);
    return difference;
}
