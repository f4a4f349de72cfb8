/* SPDX-License-Identifier: MIT */
/* Streams of random instructions, each of which ends with a trap, and none with an interrupt. */
#ifndef GUESTS_STREAMS_STREAMS_H
#define GUESTS_STREAMS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

/* Known to run.S. */
struct frame {
    uint64_t x[32]; /* x[0] is pc */
    uint64_t f[32];
    uint64_t fcsr, sstatus, scause, stval;
    uint64_t sp; /* of the kernel, meanwhile */
};

void stream_run(struct frame *frame);

/* Registers that no instruction of a stream writes: a7, so that calls of the SBI stay harmless, and
 * four that hold addresses, the only ones that indirect jumps go by. */
#define X_KEPT_FIRST 17
#define X_POINTER    18
#define X_KEPT_LAST  21

/* The same sequence in every run. */
uint64_t draw(void);
static inline uint64_t draw_below(uint64_t n)
{
    return draw() % n;
}

/* An instruction of 2 or 4 bytes for S-mode or U-mode. Jumps lead forward by at most 16 bytes. */
uint32_t draw_insn(bool supervisor);

/* Does it change fflags, but no f register? */
bool raises_flags_only(uint32_t insn);

#endif
