/* SPDX-License-Identifier: MIT */
/*
 * The steps of "Virtual Address Translation Process" (Priv. 12.3.2) and of two-stage translation
 * (Priv. 15.5), one after the other and by recursion, in the specification's notation.
 */
#include "tests/unit/mmu_model.h"

struct pass {
    const struct model *model;
    struct model_answer *answer;
    enum model_access original, access; /* what is reported, what is checked */
    bool g_stage, implicit;
    uint64_t va;
    unsigned levels;
};

/* x[high:low] */
static uint64_t bits(uint64_t x, unsigned high, unsigned low)
{
    return x << (63 - high) >> (63 - high) >> low;
}

static bool stop(const struct pass *pass, bool access_exception)
{
    static const unsigned cause[][3] = {{13, 15, 12}, {21, 23, 20}, {5, 7, 1}};

    pass->answer->cause = cause[access_exception ? 2 : pass->g_stage][pass->original];
    pass->answer->g_stage = pass->g_stage;
    pass->answer->implicit = pass->implicit;
    pass->answer->gpa = pass->g_stage ? pass->va : 0;
    return false;
}

static bool step1(struct pass *pass, uint64_t *pa);

/* The PTE at an address of this stage; a VS-stage one goes through the G-stage first. */
static bool pte_at(const struct pass *pass, uint64_t at, enum model_access access, uint64_t **pte)
{
    const struct model *m = pass->model;

    if (!pass->g_stage && m->hgatp_mode != 0) {
        struct pass inner = *pass;

        inner.g_stage = inner.implicit = true;
        inner.access = access;
        inner.va = at;
        if (!step1(&inner, &at))
            return false;
    }
    if (at < m->base || at - m->base >= m->size)
        return stop(pass, true);
    *pte = &m->words[(at - m->base) / 8];
    return true;
}

static bool allowed(const struct pass *pass, uint64_t pte)
{
    bool r = bits(pte, 1, 1), w = bits(pte, 2, 2), x = bits(pte, 3, 3), u = bits(pte, 4, 4);
    bool user = pass->g_stage || pass->model->user;
    bool mxr = !pass->g_stage && pass->model->mxr;

    if (user && !u)
        return false;
    if (!user && u && (pass->access == MODEL_FETCH || !pass->model->sum))
        return false;
    return pass->access == MODEL_FETCH ? x : pass->access == MODEL_STORE ? w : r || (x && mxr);
}

/* Step 7, then 8. */
static bool step7(struct pass *pass, uint64_t slot, uint64_t *pte, unsigned i, uint64_t *pa)
{
    unsigned low = bits(*pte, 63, 63) ? 16 : 12 + 9 * i; /* first address bit from pte.ppn */
    uint64_t wanted = *pte | (pass->access == MODEL_STORE ? 0xc0 : 0x40);

    if (*pte != wanted) {
        if (!pass->model->svadu)
            return stop(pass, false);
        if (!pte_at(pass, slot, MODEL_STORE, &pte))
            return false;
        *pte = wanted;
    }
    *pa = (bits(*pte, 53, 10) << 12 >> low << low) + bits(pass->va, low - 1, 0);
    if (!pass->g_stage)
        pass->answer->reach = low;
    return true;
}

static bool step2(struct pass *pass, uint64_t a, unsigned i, uint64_t *pa)
{
    const struct model *m = pass->model;
    uint64_t *pte;
    unsigned widened = pass->g_stage && i == pass->levels - 1 ? 2 : 0;
    uint64_t slot = a + bits(pass->va, 12 + 9 * i + 8 + widened, 12 + 9 * i) * 8;

    if (!pte_at(pass, slot, MODEL_LOAD, &pte))
        return false;

    bool v = bits(*pte, 0, 0), r = bits(*pte, 1, 1), w = bits(*pte, 2, 2), x = bits(*pte, 3, 3);
    uint64_t ppn = bits(*pte, 53, 10), pbmt = bits(*pte, 62, 61), n = bits(*pte, 63, 63);

    if (!v || (!r && w) || bits(*pte, 60, 54) != 0)
        return stop(pass, false);
    if ((pbmt != 0 && !m->svpbmt) || pbmt == 3 || (n && !m->svnapot))
        return stop(pass, false);
    if (!pass->g_stage && bits(*pte, 5, 5))
        pass->answer->global = true;
    if (!r && !x && (i == 0 || bits(*pte, 7, 6) != 0 || bits(*pte, 4, 4) || pbmt != 0 || n))
        return stop(pass, false);
    if (!r && !x)
        return step2(pass, ppn * 4096, i - 1, pa);
    if ((i > 0 && (n || bits(ppn, 9 * i - 1, 0) != 0)) || (n && bits(ppn, 3, 0) != 8))
        return stop(pass, false);
    return allowed(pass, *pte) ? step7(pass, slot, pte, i, pa) : stop(pass, false);
}

static bool step1(struct pass *pass, uint64_t *pa)
{
    const struct model *m = pass->model;
    unsigned mode = pass->g_stage ? m->hgatp_mode : m->satp_mode;
    unsigned top = 12 + 9 * (mode - 5) - 1; /* highest bit that the first stage translates */

    *pa = pass->va;
    if (mode == 0)
        return true;
    if (pass->g_stage && bits(pass->va, 63, top + 3) != 0)
        return stop(pass, false);
    if (!pass->g_stage && bits(pass->va, 63, top) != 0 &&
        bits(pass->va, 63, top) != bits(UINT64_MAX, 63, top))
        return stop(pass, false);
    pass->levels = mode - 5;
    return step2(pass, (pass->g_stage ? m->hgatp_ppn & ~UINT64_C(3) : m->satp_ppn) * 4096,
                 pass->levels - 1, pa);
}

struct model_answer model_translate(const struct model *model, uint64_t va,
                                    enum model_access access)
{
    struct model_answer answer = {.reach = 12};
    struct pass pass = {
        .model = model, .answer = &answer, .original = access, .access = access, .va = va};

    if (!step1(&pass, &answer.address))
        return answer;
    pass.g_stage = true;
    pass.va = answer.address;
    answer.ok = step1(&pass, &answer.address);
    return answer;
}
