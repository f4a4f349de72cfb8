/* SPDX-License-Identifier: MIT */
/* Random sequences of instructions, the same for the same number everywhere. */
#ifndef TESTS_BT_GENERATE_H
#define TESTS_BT_GENERATE_H

#include "core/insn.h"

#define SEQUENCE_MOST  24  /* instructions */
#define SEQUENCE_BYTES 240 /* with its end */
#define ROAM_MOST      44
#define ROAM_BASES     3

/* Registers with a meaning in a loop. */
#define SEQUENCE_COUNTER 5u
#define SEQUENCE_POINTER 8u
#define SEQUENCE_OTHER   7u

enum sequence_kind {
    SEQUENCE_ANY,   /* whatever there is, ending in a trap at the latest behind it */
    SEQUENCE_PLAIN, /* computation: the bare hart can execute it, with x4 left alone */
    SEQUENCE_LOOP,  /* a body that is executed x5 times, with accesses around x8 */
    SEQUENCE_ROAM,  /* a loop with accesses by registers that move, jumps, and ways out */
    SEQUENCE_WRITE, /* the same without accesses: exchanges an instruction, at x8, with x7 each time
                     */
};

struct sequence {
    enum sequence_kind kind;
    bool no_fp_to_x; /* leaves out floating-point instructions that write x registers */
    bool no_ctzw;
    uint8_t bytes[SEQUENCE_BYTES];
    unsigned size;
    unsigned written; /* SEQUENCE_WRITE: where in it, a multiple of 4 if the sequence's place is, */
    uint32_t other;   /* ... and what x7 begins with */
    uint8_t counter;  /* SEQUENCE_ROAM: the registers with the rounds left, and with addresses */
    uint8_t base[ROAM_BASES];
};

struct random {
    uint64_t state;
};

uint64_t random_next(struct random *r);
/* From 0 to n - 1. */
static inline unsigned random_below(struct random *r, unsigned n)
{
    return (unsigned)(random_next(r) >> 33) % n;
}

void generate(struct sequence *s, struct random *r, const struct isa *isa);

#endif
