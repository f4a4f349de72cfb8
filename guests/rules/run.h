/* SPDX-License-Identifier: MIT */
/* Executes code in a chosen mode until it traps, and tells all about the trap. */
#ifndef GUESTS_RULES_RUN_H
#define GUESTS_RULES_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* The layout is known to run.S. */
struct run {
    uint64_t pc, sstatus; /* sret goes there with this sstatus: SPP is the mode, SPIE becomes SIE */
    uint64_t a[4];        /* a0..a3, in and out */
    uint64_t scause, sepc, stval, trap_sstatus; /* of the trap */
    uint64_t ra;                                /* in vectored mode: behind the slot taken */
};

/* Uses the vector at run_vector, direct. */
void run_until_trap(struct run *run);
/* Uses run_table, whose slots all lead to run_vector, vectored. */
void run_until_trap_vectored(struct run *run);
extern char run_table[];

/* Modes for the functions below: bits of sstatus. */
#define IN_U 0UL
#define IN_S (1UL << 8)

/* One instruction of 2 or 4 bytes, then ebreak, out of a page that the mode may execute. a0 is
 * `a0`; the rest of *run is filled. */
void run_insn(struct run *run, uint64_t mode, uint32_t insn, uint64_t a0);

/* The first half of run_insn. */
void put_insn(uint32_t insn);

/* Where run_insn puts its instruction, as seen in that mode. */
uint64_t insn_address(uint64_t mode);

/* Did run_insn come to the ebreak behind an instruction of that length? */
bool completed(const struct run *run, uint64_t mode, unsigned length);

/* Did the instruction itself trap, so, from that mode? */
bool trapped(const struct run *run, uint64_t mode, uint64_t scause, uint64_t stval);

#endif
