/* SPDX-License-Identifier: MIT */
/*
 * Mirrors: guest pages mapped at host addresses that follow from the guest's own by one addition,
 * so that the host's MMU does what the first-level TLB does elsewhere. Each mirrors one half of an
 * address space, in an area of its own: the upper half of S-mode, with what is global there; the
 * lower half of U-mode, for each address space. A page is mapped when an access to it has faulted.
 *
 * For a single vCPU alone: to unmap a page stops every hart that runs the process.
 */
#ifndef ENGINE_BT_MIRROR_H
#define ENGINE_BT_MIRROR_H

#include "core/error.h"
#include "core/types.h"
#include "engine/bt/window.h"

/* The half of Sv39 that is mirrored. */
#define MIRROR_BITS  38
#define MIRROR_PAGES (UINT32_C(1) << (MIRROR_BITS - PAGE_SHIFT))

/* Areas: of S-mode; one where nothing is ever mapped, for windows without a mirror; those of
 * U-mode, in the order of bt_vcpu.spaces. */
enum { MIRROR_S, MIRROR_VOID, MIRROR_U, MIRROR_AREAS = MIRROR_U + SPACES };

/* Their host addresses. Nothing else lies there, nor within 2^38 bytes of it: translated code adds
 * up to 2^31 to an address of which it knows that it is in the mirror. */
#define MIRROR_FIRST  (UINT64_C(1) << 40)
#define MIRROR_STRIDE (UINT64_C(1) << 39)
#define MIRROR_END    (MIRROR_FIRST + MIRROR_AREAS * MIRROR_STRIDE)
#define MIRROR_NEAR   (UINT64_C(1) << MIRROR_BITS)

/* What the host addresses of S-mode's begin with. */
#define MIRROR_S_PREFIX ((int32_t)(MIRROR_FIRST >> MIRROR_BITS))

#define MIRROR_MOST     65536 /* pages at once */
#define MIRROR_GROUPS   4096
#define MIRROR_CALLS    24576 /* that map or unmap: each may leave two mappings more to the host */
#define MIRROR_HEADS    4096
#define MIRROR_FENCED   16
#define MIRROR_SPANS    4

enum mirror_chain { MIRROR_BY_VA, MIRROR_BY_FRAME, MIRROR_BY_GROUP, MIRROR_CHAINS };

struct mirror_page {
    uint32_t key;                 /* number of the area, and page in it */
    uint32_t frame;               /* page of guest RAM; MIRROR_GONE: not mapped any more */
    uint32_t next[MIRROR_CHAINS]; /* number + 1 */
    bool writable;
};

/* The pages of 2 MiB, which one table of the last level leads to, or one leaf above. */
#define MIRROR_GROUP_SHIFT 9

struct mirror_group {
    uint32_t key;   /* of its pages, without the last bits */
    uint32_t pages; /* first of their chain, with those that are gone */
    uint32_t next;  /* of the area; number + 1 */
    uint32_t frame; /* of the first one, ... */
    uint64_t pte; /* ... and the leaf, if that is one for all of them; 0: each has one of its own */
};
#define MIRROR_MIXED (~UINT64_C(0)) /* as pte: not known for all of them */

struct mirror_area {
    uint32_t groups; /* first of their chain */
    unsigned nspans;
    struct {
        uint32_t first, last;
    } span[MIRROR_SPANS];           /* every page mapped lies in one of these, */
    uint32_t wide_first, wide_last; /* every leaf above 4 KiB, between these */
};

struct mirror {
    int fd; /* guest RAM; negative: there is no mirror */
    uint32_t calls;
    uint32_t used;        /* of page, ever */
    uint32_t free, nfree; /* those that are not any more: the first of their chain, how many */
    uint32_t group_used, group_free; /* the same of group */
    struct mirror_page *page;
    struct mirror_group group[MIRROR_GROUPS];
    uint32_t head[2][MIRROR_HEADS];
    struct mirror_area area[MIRROR_AREAS];
    struct {
        uint32_t key, times;
    } fenced[MIRROR_FENCED]; /* pages that were dropped one by one, and how often */
    uint64_t mapped, drops;  /* statistics */
};

/* The host's address space allows mirrors of what this file holds. */
bool mirror_possible(int fd);

/* fd negative: there is no mirror; nor is there without memory for the list of its pages. */
void mirror_create(struct mirror *m, int fd);
void mirror_destroy(struct mirror *m);

/* What is added to a guest address. */
static inline uint64_t mirror_offset(unsigned area)
{
    return MIRROR_FIRST + area * MIRROR_STRIDE +
           (area == MIRROR_S ? UINT64_C(1) << MIRROR_BITS : 0);
}

/* The same for a window without a mirror: what is accessed all the same lies where nothing is. */
static inline uint64_t mirror_of_nothing(bool user)
{
    return mirror_offset(MIRROR_VOID) + (user ? 0 : UINT64_C(1) << MIRROR_BITS);
}

/* The page of the area that va is in; MIRROR_PAGES or more: in none. */
static inline uint64_t mirror_page(unsigned area, gva_t va)
{
    return (va + (area == MIRROR_S ? UINT64_C(1) << MIRROR_BITS : 0)) >> PAGE_SHIFT;
}

/* A leaf above 4 KiB: it reaches over so many pages, as a power of two. */
struct mirror_leaf {
    uint64_t pte;
    unsigned bits; /* 0: the pages have leaves of their own */
};

/* Maps pages [page, page + n) of an area, all of one group, to frames from `frame` on. False: the
 * host would not. */
bool mirror_map(struct mirror *m, unsigned area, uint32_t page, uint32_t frame, uint32_t n,
                bool writable, struct mirror_leaf leaf) MUST_CHECK;

/* Is the page dropped again and again, so that it is not worth a mapping? */
bool mirror_is_restless(const struct mirror *m, unsigned area, uint32_t page);

/* Unmaps: a page, and with it all of its area when the leaf it came from is not known; a frame,
 * wherever it may be stored to; an area. */
void mirror_drop_page(struct mirror *m, unsigned area, uint64_t page);
void mirror_drop_stores(struct mirror *m, uint32_t frame);
void mirror_drop_area(struct mirror *m, unsigned area);

/* Who says what an area still may hold. */
struct mirror_look {
    void *ctx;
    /* A group, by one of its pages, at va. False: nothing of it. */
    bool (*group)(void *ctx, gva_t va, uint32_t page, const struct mirror_group *group);
    /* If its pages have leaves of their own: one of them, by number in the group. */
    bool (*page)(void *ctx, unsigned n, const struct mirror_page *page);
};

/* Unmaps everything else. False: of the pages with leaves of their own that was more than half. */
bool mirror_review(struct mirror *m, unsigned area, const struct mirror_look *look);

static inline bool mirror_is(const struct mirror *m)
{
    return m->fd >= 0;
}

#endif
