/* SPDX-License-Identifier: MIT */
/*
 * What is tried with a random sequence of instructions: where it lies, what memory, page tables and
 * registers it begins with. The same for the same number everywhere.
 */
#ifndef TESTS_BT_TRIAL_H
#define TESTS_BT_TRIAL_H

#include "tests/bt/generate.h"
#include "tests/bt/side.h"

#define TRIAL_RAM_SIZE MIB(128)
#define TRIAL_LOOPS    20000

/* How guest code runs. */
enum where { BARE_S, PAGED_S, PAGED_SUM, PAGED_U, WHERES };

struct trial {
    uint64_t number;
    struct sequence s;
    enum where where;
    gpa_t at; /* where it lies */
    struct vcpu_user user;
    uint64_t fs, senvcfg;
    bool fresh; /* page tables as in the beginning */
};

/* `writes`: some sequences write their own code. That is for boards, so nothing comes that QEMU's
 * harts do not make FS dirty for. */
void trial_make(struct trial *t, uint64_t number, const struct isa *isa, bool writes, bool no_ctzw);

/* What all trials need in a side's memory. */
void trial_prepare(struct side *side);
/* The sequence's code, in memory that no code was in before. */
void trial_put(struct side *side, const struct trial *t);
/* Is it there as it was put? */
bool trial_holds(const struct side *side, const struct trial *t);
/* Pages' A and D bits begin anew, and nobody remembers them. */
void trial_forget(struct side *side);
/* What only one of the two has written beside the data. */
void trial_even_out(struct side *to, const struct side *from);
/* Everything else of the state that the sequence begins with. */
void trial_start(struct side *side, const struct trial *t);

bool trial_same_data(const struct side *a, const struct side *b);
bool trial_same_tables(const struct side *a, const struct side *b);

#endif
