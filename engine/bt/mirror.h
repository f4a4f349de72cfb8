/* SPDX-License-Identifier: MIT */
/*
 * Mirrors: guest pages mapped at host addresses that follow from the guest's own by one addition,
 * so that the host's MMU does what the first-level TLB does elsewhere. One half of an address space
 * each: the upper one of S-mode, with what is global there, for all vCPUs together; the lower one
 * of U-mode for each address space of each vCPU. A page is mapped when an access to it has faulted.
 */
#ifndef ENGINE_BT_MIRROR_H
#define ENGINE_BT_MIRROR_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/error.h"
#include "core/types.h"
#include "engine/bt/window.h"

/* The half of Sv39 that is mirrored. */
#define MIRROR_BITS  38
#define MIRROR_PAGES (UINT32_C(1) << (MIRROR_BITS - PAGE_SHIFT))

/* Host addresses. None of these areas has anything else within reach of a 12-bit offset. */
#define MIRROR_S        (UINT64_C(1) << 40)
#define MIRROR_S_PREFIX ((int32_t)(MIRROR_S >> MIRROR_BITS))
#define MIRROR_U        (UINT64_C(1) << 41) /* never mapped: for windows without a mirror */
#define MIRROR_STRIDE   (UINT64_C(1) << 39)
#define MIRROR_END      (UINT64_C(1) << 46)
#define MIRRORS_MOST    ((unsigned)((MIRROR_END - MIRROR_U) / MIRROR_STRIDE) - 1)

/* What is added to a guest address. */
#define MIRROR_S_BASE (MIRROR_S + (UINT64_C(1) << MIRROR_BITS))

enum mirror_chain { MIRROR_BY_VA, MIRROR_BY_FRAME, MIRROR_BY_AREA, MIRROR_CHAINS };

#define MIRROR_HEADS  4096
#define MIRROR_FENCED 16
#define MIRROR_SPANS  4

struct mirror_page {
    uint32_t key;                 /* number of the area, and page in it */
    uint32_t frame;               /* page of guest RAM; MIRROR_GONE: not mapped any more */
    uint32_t next[MIRROR_CHAINS]; /* number + 1 */
};

struct mirror_area {
    uint32_t pages; /* first of the chain of its pages */
    unsigned nspans;
    struct {
        uint32_t first, last;
    } span[MIRROR_SPANS];           /* every page mapped lies in one of these, */
    uint32_t wide_first, wide_last; /* if from a leaf above 4 KiB, between these */
};

/* Areas that are kept together. */
struct mirror {
    pthread_mutex_t lock; /* around a walk and what is mapped by it; fences take it, too */
    int fd;               /* guest RAM; negative: there is no mirror */
    uint64_t base;        /* host address of the first area */
    unsigned nareas;
    uint32_t used, most;        /* of page */
    uint32_t calls, calls_most; /* mmap, since nothing was mapped: so many mappings at most */
    struct mirror_page *page;
    uint32_t head[2][MIRROR_HEADS];
    struct mirror_area area[SPACES];
    struct {
        uint32_t key, times;
    } fenced[MIRROR_FENCED]; /* pages that were dropped one by one, and how often */
    uint64_t mapped, drops;  /* statistics */
};

/* Guest RAM and the host's address space allow mirrors. */
bool mirror_possible(int fd);

/* `most` pages at once, and as many mappings. fd negative: there is no mirror; nor is there without
 * memory for the list of its pages. */
int mirror_create(struct mirror *m, int fd, uint64_t base, unsigned nareas, uint32_t most,
                  uint32_t calls_most) MUST_CHECK;
void mirror_destroy(struct mirror *m);

/*
 * Maps pages [page, page + n) of an area to frames from `frame` on. `wide`: from a leaf above 4
 * KiB. The caller holds the lock. False: the host would not.
 */
bool mirror_map(struct mirror *m, unsigned area, uint32_t page, uint32_t frame, uint32_t n,
                bool writable, bool wide);

/* Is the page dropped again and again, so that it is not worth a mapping? */
bool mirror_is_restless(const struct mirror *m, unsigned area, uint32_t page);

/* Unmaps: a page, and with it all of its area when the leaf it came from is not known; a frame,
 * wherever it is; an area; everything. */
void mirror_drop_page(struct mirror *m, unsigned area, uint32_t page);
void mirror_drop_frame(struct mirror *m, uint32_t frame);
void mirror_drop_area(struct mirror *m, unsigned area);
void mirror_drop(struct mirror *m);

static inline bool mirror_is(const struct mirror *m)
{
    return m->fd >= 0;
}

#endif
