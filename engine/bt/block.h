/* SPDX-License-Identifier: MIT */
/* A block of translated code, and what is known of its parts. */
#ifndef ENGINE_BT_BLOCK_H
#define ENGINE_BT_BLOCK_H

#include "engine/bt/window.h"

/* What C has to do where translated code calls it. */
enum bt_site_kind {
    SITE_LINK,     /* a direct jump: find or make its target, whose flags include reg, and link */
    SITE_LOAD,     /* the TLB missed ... */
    SITE_STORE,    /* ... for a store or an AMO */
    SITE_OUTSIDE,  /* an access by a base that is not in the mirror */
    SITE_EXEC,     /* the instruction is executed in C */
    SITE_CROSS,    /* ... and reaches into the next page */
    SITE_BREAK,    /* ... unless it is at a breakpoint */
    SITE_LOOK,     /* an interrupt has become deliverable */
    SITE_GATE,     /* the block behind it is for another state of FP */
    SITE_FP_DIRTY, /* FS becomes Dirty; the same instruction again */
    SITE_CSR,      /* light, as those that follow: reg is the enum csr_op, lo the number */
    SITE_SBI,
    SITE_FENCE, /* sfence.vma: reg has FENCE_* */
    SITE_FENCE_I,
};
enum { FENCE_VA = 1, FENCE_ASID = 2 };

/* Words behind the call of a light site: its number, and guest pc. Then it goes on. */
#define LIGHT_WORDS  3
#define LIGHT_OFFSET 1 /* set in pc that is an offset in the page that is executed */

struct bt_site {
    uint32_t raw; /* the instruction; SITE_LINK: offset of the jump to patch from the block */
    uint32_t block : 24;
    uint32_t reg : 8; /* loads, stores: base register */
    uint16_t offset;  /* of the instruction in its page; SITE_LINK: of the target */
    uint8_t kind;
    bool ends;     /* SITE_CSR: behind it the context is looked up */
    int16_t lo;    /* loads, stores: lowest offset of the group ... */
    uint16_t span; /* ... and how many bytes from there; SITE_LINK: 1 + the offset of a branch that
                    * leads to the jump, in words; 0: none does */
};

/* Guest pc of host code: from `host` (in instructions from the block's start) to the next entry. */
enum bt_map_kind {
    MAP_RESTART, /* pc is `offset`: nothing of the instruction has happened, or nothing counts */
    MAP_TAIL,    /* pc is in host register `reg` */
    MAP_SC,      /* T0 says whether SC has stored: 0 goes to `reg`, then pc is behind `offset` */
    MAP_STORE,   /* T0 has yet to be stored into the home of `reg`; then pc is `offset` */
    MAP_LOOP,    /* as MAP_RESTART, but the registers of struct bt_loop are the loop's */
    MAP_EDGE,    /* the same, on the way in or out: what lives in memory is there already */
};

struct bt_map {
    uint32_t host : 11;
    uint32_t offset : 13;
    uint32_t kind : 3;
    uint32_t reg : 5;
};

/* Which registers a loop has taken, behind the code of its block: hot.loop_save has their guest
 * values, and they hold what the loop needs. */
struct bt_loop {
    uint16_t n;
    uint8_t reg[LOOP_SAVES];
    uint8_t home[LOOP_SAVES]; /* 1 + the index in hot.home that it stands for; 0: none */
};

_Static_assert(sizeof(struct bt_loop) % 4 == 0, "words");

#define SPAN_SINGLE 8 /* an access by itself takes no more */

struct bt_block {
    gva_t page;                     /* guest-virtual page (U-mode: as first met), ... */
    uint32_t frame;                 /* ... guest-physical page number, ... */
    uint16_t offset;                /* ... and where in it the block begins */
    uint16_t length;                /* bytes of guest code */
    uint32_t code;                  /* where its code begins in the cache */
    uint32_t map;                   /* first of its entries in map */
    uint32_t hash_next, frame_next; /* block number + 1 */
    uint64_t sum;                   /* of the guest code that it was made from */
    uint16_t nmap;
    uint16_t ncode; /* host instructions and words */
    uint8_t flags;
    bool dropped;
    bool loop; /* struct bt_loop is behind its code */
    bool fp;   /* for the one state of FP that its flags say; others are for all */
};

/*
 * A block for one state of FP has a gate behind its code, which links from blocks for all states
 * lead to: with that state it leads to the block; with another one to a second block, once there is
 * one, or to C.
 */
#define GATE_WORDS  9
#define GATE_SECOND 3 /* here are three words for that */

#endif
