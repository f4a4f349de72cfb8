/* SPDX-License-Identifier: MIT */
/*
 * The software TLB: what an engine without a hardware MMU looks up before it walks. A direct-mapped
 * table per kind of access. Each entry is keyed by virtual page and by a context number, which
 * stands for (VMID, ASID, V, satp mode and root) in its upper part and for (S or U, SUM, MXR) in
 * its lower three bits, so that toggling SUM, returning to user mode or switching between two ASIDs
 * loses nothing.
 *
 * The test that a hit needs is one addition and one comparison (see stlb_tag): the context sits in
 * bits 3..11 of the tag, where a page number has zeros; bits 0..2 catch misaligned addresses.
 */
#ifndef CORE_STLB_H
#define CORE_STLB_H

#include "core/types.h"

#ifndef STLB_BITS /* a build may want a smaller one, which is cheaper to flush */
#define STLB_BITS 9
#endif
#define STLB_SIZE (1u << STLB_BITS)
/* Address spaces remembered at once. Not 64: a context of all ones would give a misaligned access
 * at the top of the address space the tag STLB_INVALID. */
#define STLB_SPACES  63
#define STLB_INVALID (~UINT64_C(0))
/* A satp that no vCPU can have: the space of what every space has (see stlb_global). */
#define STLB_GLOBAL (~UINT64_C(0))

enum stlb_kind { STLB_LOAD, STLB_STORE, STLB_FETCH, STLB_KINDS };

/* Low three bits of a context number. */
enum { STLB_CTX_S = 1, STLB_CTX_SUM = 2, STLB_CTX_MXR = 4, STLB_CTX_BITS = 7 };

struct stlb_entry {
    uint64_t tag;    /* page | context << 3, or STLB_INVALID */
    uint64_t addend; /* host address - guest-virtual address */
};

struct stlb_note { /* what a precise flush must know about an entry */
    uint8_t page_bits;
    bool global;
};

struct stlb_space {
    uint64_t satp; /* MODE, ASID and PPN */
    uint16_t vmid;
    bool virt;
    bool used;
    bool stale; /* not used, but entries of its number are still there */
};

struct stlb {
    struct stlb_entry entry[STLB_KINDS][STLB_SIZE];
    struct stlb_note note[STLB_KINDS][STLB_SIZE];
    struct stlb_space space[STLB_SPACES];
    /* Where entries that allow stores to a host page may be: see stlb_stored. */
    uint64_t stored[STLB_SIZE];
    unsigned current; /* index of the space that stlb_context returned last */
    unsigned global;  /* of the one that stlb_global did */
    bool shares;      /* global pages are entered once for all spaces */
    bool live;        /* something was entered since everything was dropped */
    gva_t wide_first,
        wide_last;           /* every leaf above 4 KiB in the table lies within; or first > last */
    uint64_t fills, flushes; /* statistics */
};

/* Where an entry for va is. The last six bits are the page number's; the others are mixed with what
 * is above them, since programs have their stack and their libraries a power of two apart. */
static inline unsigned stlb_index(gva_t va)
{
    uint64_t page = va >> PAGE_SHIFT;
#if STLB_BITS > 6
    uint64_t above = page ^ page >> 3;

    page ^= (above ^ above >> 6) >> (STLB_BITS - 6) & ~UINT64_C(63);
#endif
    return (unsigned)page & (STLB_SIZE - 1);
}

/* A word that host pages share: bit n is set if stores to one of them were entered for a page whose
 * number ends in n. Whoever finds that there is none any more may clear it. */
static inline uint64_t *stlb_stored(struct stlb *stlb, uint64_t host)
{
    return &stlb->stored[(host >> PAGE_SHIFT) & (STLB_SIZE - 1)];
}

/* The word that an entry's tag must equal for an aligned access of `size` (a power of two up to 8)
 * bytes at va in context ctx. */
static inline uint64_t stlb_tag(gva_t va, unsigned size, unsigned ctx)
{
    return (va & (PAGE_MASK | (size - 1))) + ((uint64_t)ctx << 3);
}

void stlb_reset(struct stlb *stlb);

/*
 * The context number (upper part; or in STLB_CTX_* yourself) for an address space. When there is
 * none left, all start again without entries; so a context number holds until the next call. Cheap
 * when the space is that of the last call.
 */
unsigned stlb_context(struct stlb *stlb, uint64_t satp, uint16_t vmid, bool virt);

/* The same for global pages of all spaces, for an engine that has set `shares`. It holds until
 * everything is dropped or retired. */
unsigned stlb_global(struct stlb *stlb);

/* Enters a translation of one 4 KiB page. `page_bits` is the leaf's reach, for precise flushes. */
void stlb_fill(struct stlb *stlb, enum stlb_kind kind, gva_t va, unsigned ctx, void *host_page,
               unsigned page_bits, bool global);

/* sfence.vma (Priv. 12.2.1). `va` and `asid` NULL for "all". By address: drops every entry whose
 * leaf reaches over va. By ASID: keeps global entries. Whatever the VMID and V. */
void stlb_flush(struct stlb *stlb, const gva_t *va, const uint16_t *asid);

/*
 * The same for all addresses, but global entries that are not shared go, too, and the cost is that
 * of the spaces, not of the table: these lose their context numbers, which have to be asked for
 * again.
 */
void stlb_retire(struct stlb *stlb, const uint16_t *asid);

#endif
