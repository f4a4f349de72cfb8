/* SPDX-License-Identifier: MIT */
/*
 * What the monitor takes from memory that spaces write at any time, and from the registers of their
 * calls: read once, and either made harmless or refused. Knows neither processes nor signals, so
 * that it is tested and fuzzed on any machine.
 */
#ifndef ENGINE_TRAP_CHECK_H
#define ENGINE_TRAP_CHECK_H

#include "core/vm.h"
#include "engine/trap/shared.h"

/* Why the spaces hand over. Slots are below TRAP_SPACES, or TRAP_NONE. */
struct trap_handover {
    enum trap_reason reason;
    uint32_t kernel; /* the kernel-mode space that had the turn, as it says */
    uint32_t slot;   /* REASON_DROP: the space to end */
    uint64_t satp;   /* REASON_SPACE, REASON_MOVE: the space to make */
    enum priv mode;
    uint32_t site; /* ... with its stub there: below TRAP_SITES */
};

/* Where a space has what belongs to its stub, and where its addresses end. */
struct trap_place {
    uint64_t base, end, top;
};

void check_handover(const struct trap_area *area, struct trap_handover *out);

/* A slot that the spaces name, or TRAP_NONE. */
uint32_t check_slot(const uint32_t *word);

/* The record as the spaces left it, into the monitor's own: one that a guest could have brought
 * about, whatever they wrote. */
void check_record(struct vcpu *vcpu, const struct vcpu *theirs);

/* Takes bytes that the guest printed, at most `size`; how many. *taken counts all that ever were.
 */
size_t check_output(const struct trap_area *area, uint32_t *taken, uint8_t *out, size_t size);

/* Is it this mapping that a kernel-mode space told the space to make? args: those of mmap. */
bool check_granted(const struct trap_map *grant, const uint64_t *args);

/* Which of the ranges that have to go is it? Bit n for range n. args: those of munmap. */
uint32_t check_revoked(const struct trap_revoke *revoke, const uint64_t *args);

/*
 * May a user-mode space map that? args: those of mmap, of the file of guest RAM. Whole pages of
 * RAM, apart from the stub, each of which the tables at `satp` grant to U-mode at that address with
 * these rights and A set, D too for writing; with paging off, RAM where it is.
 */
bool check_mapping(struct vm *vm, const struct trap_place *place, uint64_t satp,
                   const uint64_t *args);

#endif
