/* SPDX-License-Identifier: MIT */
/* A second translation, written from the specification alone, that the walker is compared with. */
#ifndef TESTS_UNIT_MMU_MODEL_H
#define TESTS_UNIT_MMU_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum model_access { MODEL_LOAD, MODEL_STORE, MODEL_FETCH };

struct model {
    uint64_t *words; /* physical memory: [base, base + size) */
    uint64_t base, size;
    unsigned satp_mode, hgatp_mode; /* 0, 8, 9, 10 */
    uint64_t satp_ppn, hgatp_ppn;
    bool user, sum, mxr;
    bool svadu, svnapot, svpbmt;
};

struct model_answer {
    bool ok;
    uint64_t address; /* what va translates to, behind all stages */
    unsigned reach;   /* log2 of the first stage's page size */
    bool global;
    unsigned cause;
    bool g_stage, implicit;
    uint64_t gpa; /* of a fault in the G-stage */
};

/* Changes A and D bits in memory as the specification says. */
struct model_answer model_translate(const struct model *model, uint64_t va,
                                    enum model_access access);

#endif
