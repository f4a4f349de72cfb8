/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical memory: slots of host memory. The only way for core and devices to touch guest
 * RAM. Every access gives a start and a length; sums that wrap are refused.
 */
#ifndef CORE_GMEM_H
#define CORE_GMEM_H

#include <stdatomic.h>

#include "core/error.h"
#include "core/types.h"

#define GMEM_MAX_SLOTS 8

struct vcpu;

enum gmem_flags {
    GMEM_READ_ONLY = 1 << 0,
    GMEM_LOG = 1 << 1, /* keep the dirty bitmap */
};

struct gmem_slot {
    gpa_t gpa;
    uint64_t size; /* bytes, whole pages; 0: slot unused */
    uint8_t *host;
    uint32_t flags;          /* enum gmem_flags */
    _Atomic uint64_t *dirty; /* a bit per page, supplied by the caller; may be NULL */
};

struct gmem {
    struct gmem_slot slots[GMEM_MAX_SLOTS];
    /* Told of everything that is written through the functions below, after it was, and of every
     * gmem_ptr for writing; any thread. NULL: nobody wants to know. */
    void (*written)(void *ctx, gpa_t gpa, uint64_t length);
    /* Told of every page-table entry that a vCPU's walker is about to read, by its thread. */
    void (*table_read)(void *ctx, struct vcpu *vcpu, gpa_t gpa);
    void *written_ctx;
};

enum gmem_access { GMEM_READ, GMEM_WRITE };

/* Adds RAM. `gpa` and `size` page-aligned, `host` 8-aligned, no overlap, GMEM_LOG only with a
 * bitmap. ERR_INVALID, ERR_OVERLAP, ERR_NO_MEMORY. Returns the slot number. */
int gmem_add(struct gmem *mem, gpa_t gpa, uint64_t size, void *host, uint32_t flags,
             _Atomic uint64_t *dirty) MUST_CHECK;
/* ERR_RANGE: no slot has this number; ERR_NOT_FOUND: it is unused. */
int gmem_remove(struct gmem *mem, unsigned slot) MUST_CHECK;

/* Bytes that the dirty bitmap of `size` bytes of RAM takes. */
size_t gmem_dirty_bytes(uint64_t size);

/*
 * Host address of [gpa, gpa + length) when it lies in one slot that allows the access, else NULL.
 * With GMEM_WRITE the pages are marked dirty. length 0 is refused.
 */
void *gmem_ptr(struct gmem *mem, gpa_t gpa, uint64_t length, enum gmem_access access);

/* Copies, also from slot to adjacent slot. ERR_RANGE when any byte lies outside RAM that allows the
 * access (then nothing was copied). */
int gmem_read(struct gmem *mem, gpa_t gpa, void *out, uint64_t length) MUST_CHECK;
int gmem_write(struct gmem *mem, gpa_t gpa, const void *data, uint64_t length) MUST_CHECK;

/* Naturally aligned little-endian words, single-copy atomic and relaxed (for page tables and
 * rings; whoever needs an order fences). ERR_INVALID when misaligned, ERR_RANGE. */
int gmem_read_u16(struct gmem *mem, gpa_t gpa, uint16_t *out) MUST_CHECK;
int gmem_read_u32(struct gmem *mem, gpa_t gpa, uint32_t *out) MUST_CHECK;
int gmem_read_u64(struct gmem *mem, gpa_t gpa, uint64_t *out) MUST_CHECK;
int gmem_write_u16(struct gmem *mem, gpa_t gpa, uint16_t value) MUST_CHECK;
int gmem_write_u32(struct gmem *mem, gpa_t gpa, uint32_t value) MUST_CHECK;
int gmem_write_u64(struct gmem *mem, gpa_t gpa, uint64_t value) MUST_CHECK;

/* Atomic compare-exchange of an aligned word (A/D updates). 0 when swapped, ERR_BUSY when the word
 * was no longer `expected`, ERR_INVALID when misaligned, ERR_RANGE. */
int gmem_cas_u64(struct gmem *mem, gpa_t gpa, uint64_t expected, uint64_t value) MUST_CHECK;

/* Marks [gpa, gpa + length) dirty after a DMA that went through gmem_ptr. */
void gmem_mark_dirty(struct gmem *mem, gpa_t gpa, uint64_t length);

/* Moves the dirty bits of a slot into `out` (gmem_dirty_bytes) and clears them. ERR_RANGE,
 * ERR_NOT_FOUND as gmem_remove; ERR_UNSUPPORTED: the slot has no bitmap. */
int gmem_dirty_fetch(struct gmem *mem, unsigned slot, uint64_t *out) MUST_CHECK;

#endif
