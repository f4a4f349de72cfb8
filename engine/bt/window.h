/* SPDX-License-Identifier: MIT */
/* What translated code reaches by itself: its registers, windows and jump caches. */
#ifndef ENGINE_BT_WINDOW_H
#define ENGINE_BT_WINDOW_H

#include "core/stlb.h"
#include "core/types.h"

struct vcpu;
struct bt_vcpu;
struct bt_space;

/* Registers whose guest values live in memory (hot.home): they are the least used ones of a Linux
 * kernel and its programs. CTX points into the window, the others are scratch. */
#define BT_CTX   3  /* gp */
#define BT_T0    26 /* s10 */
#define BT_T1    27 /* s11 */
#define BT_T2    31 /* t6 */
#define BT_TAKEN 4

/* First-level TLB: pages, direct-mapped. One per kind of privilege: see enum bt_mode. */
#define L1_BITS 7
#define L1_SIZE (1u << L1_BITS)

/* Flags of a block: accesses go to the mirror (see mirror.h); every access checks for itself;
 * U-mode; enum bt_fp. */
#define BT_MIRROR  0x20
#define BT_NOGROUP 0x10
#define BT_USER    0x08
#define BT_FP_MASK 0x03

/* Does a block know its guest-virtual page? In U-mode only where that pays: in programs that run
 * long enough to have a mirror. Others find what was made for the same page elsewhere. */
static inline bool knows_page(unsigned flags)
{
    return (flags & (BT_USER | BT_MIRROR)) != BT_USER;
}

/* What a data access is allowed to: a window each. */
enum bt_mode { BT_U, BT_S, BT_SUM, BT_MODES };

/* What floating point may do: part of a block's key, if it matters there. */
enum bt_fp { FP_OFF, FP_CLEAN, FP_DIRTY, FP_BAD_RM, FP_STATES };

struct bt_jump { /* an entry of a jump cache */
    uint64_t pc;
    uint64_t code;
};

/* A kernel that serves a program jumps to thousands of places. */
#define JUMP_BITS_U 13
#define JUMP_BITS_S 15

static inline unsigned jump_bits(unsigned flags)
{
    return (flags & BT_USER) != 0 ? JUMP_BITS_U : JUMP_BITS_S;
}

/*
 * The second level, behind the entries that translated code looks at: a place for each address in a
 * page, so many times over; which of them is a page's says the upper part of a product. What the
 * first level has no room for goes there, so two addresses that it has the same entry for do not
 * drive each other out.
 */
#define JUMP_SECOND      (1u << JUMP_BITS_S)
#define JUMP_SECOND_BITS 3
#define JUMP_PAGE_BITS   (PAGE_SHIFT - 1)
#define JUMP_HASH        UINT32_C(0x1e3779b1)
#define JUMP_SECONDS     16 /* bt_hot.seconds: one in so many goes to the first level again */
#define JUMP_ENTRIES     (JUMP_SECOND + (1u << (JUMP_SECOND_BITS + JUMP_PAGE_BITS)))

/* Pages with the same index here are those whose code has the same entries, and more. */
#define JUMP_PAGES_BITS 13
#define JUMP_PAGES      (1u << JUMP_PAGES_BITS)

/* As many entries are taken back one by one; if there are more, the whole table is. */
#define JUMPS_LISTED 4096
#define JUMP_TABLES  10 /* the first is always empty */
#define SPACES       16 /* address spaces whose windows are kept */
#define SPACE_GLOBAL SPACES

/* A jump cache: for an address space (or all of them, if it knows global pages alone), U or S. An
 * empty entry has pc 0; the first one of each level, where that could be, UINT64_MAX. */
struct bt_jumps {
    struct bt_jump entry[JUMP_ENTRIES];
    uint16_t entered[JUMPS_LISTED];  /* entries since the last reset, by number */
    unsigned n;                      /* how many, or JUMPS_LISTED + 1: too many to list */
    uint64_t pages[JUMP_PAGES / 64]; /* that it may know */
    uint64_t epoch;                  /* of the code that it knows; 0: never reset */
    uint8_t space;
    uint8_t flags; /* bt_hot.kind */
    uint64_t last_use;
};

/* Registers that a loop may take for itself while it runs. */
#define LOOP_SAVES 15

/* Words that translated code reaches from CTX. */
struct bt_hot {
    uint64_t home[BT_TAKEN]; /* guest gp, s10, s11, t6 */
    struct vcpu *vcpu;
    struct bt_vcpu *owner;
    struct bt_jump *jumps; /* the jump cache for this mode */
    int64_t seconds;       /* so often its second level may answer before C sorts it anew */
    gva_t pc;              /* an address in the page that is being executed, in U-mode */
    uint64_t mirror;    /* host address - guest address, in the mirror; without one, of nothing */
    void *vector;       /* code of stvec's, or bt_vector, which finds it ... */
    uint64_t vector_of; /* ... for this value of it */
    struct bt_space *space;
    uint64_t twin_satp;        /* a space that CTX may move to as it stands: its satp ... */
    uint8_t *twin;             /* ... and CTX there; NULL: none */
    void *exit;                /* bt_exit: into C, behind the call lies the number of the site */
    void *exit_pc;             /* bt_jump_miss: guest pc is in T0 and not in the jump cache */
    void *exit_stale;          /* bt_exit_stale: a block that was dropped */
    void *light;               /* bt_light: C in the middle of a block, see light.c */
    void *ecall;               /* bt_ecall: from U-mode; T0 holds its pc */
    void *sret;                /* bt_sret, or bt_exit when C has to look at something */
    void *satp;                /* as bt_light */
    void *sum_set, *sum_clear; /* sstatus, by an operand in T2 that is SUM alone, or as bt_light */
    void *refill_load,
        *refill_store;       /* bt_refill_*: T1 holds the address; back behind the number */
    uint64_t spill[4];       /* T1, T2 and T0 while others use them, and one more */
    uint64_t resume, value;  /* where bt_light goes on, and what T0 is then */
    uint64_t reserved_at;    /* host address that LR has reserved, + 1 for a doubleword; 0: none */
    uint64_t reserved_value; /* and what was there: SC is a compare-and-swap */
    uint64_t l2_context;     /* of the second-level TLB, as its tags have it, ... */
    uint64_t l2_other;       /* ... and what to exclusive-or it with for global pages */
    struct stlb_entry *l2_load, *l2_store;
    uint64_t fault_pc,
        fault_at; /* an access to the mirror that failed: host addresses; 0: not known */
    uint8_t kind; /* flags of the blocks that run here: BT_USER, BT_MIRROR */
    uint8_t not_fp[FP_STATES];      /* 0 for the state that FP is in, 1 for the others */
    uint64_t loop_save[LOOP_SAVES]; /* guest values of the registers of struct bt_loop */
};

#define WINDOW_BYTES 4096

struct bt_window {
    struct bt_hot hot;
    /* A load finds its page in ltag, a store in stag; both take delta. An invalid tag is one of
     * another slot. */
    uint64_t ltag[L1_SIZE];
    uint64_t stag[L1_SIZE];
    uint64_t delta[L1_SIZE]; /* host address - guest-virtual address */
    uint8_t rest[WINDOW_BYTES - sizeof(struct bt_hot) - 3 * 8 * L1_SIZE];
};
_Static_assert(sizeof(struct bt_window) == WINDOW_BYTES, "windows are found by adding");

/* CTX = window + BT_CTX_BIAS, so that all three tables are in reach of a 12-bit offset from
 * CTX + 8 * slot: these. */
#define BT_CTX_BIAS (sizeof(struct bt_hot) + 8)
#define L1_LTAG     (-8)
#define L1_STAG     (L1_LTAG + 8 * (int)L1_SIZE)
#define L1_DELTA    (L1_STAG + 8 * (int)L1_SIZE)

/* What an address space of the guest has here: a window for each mode, in the order of bt_mode. */
struct bt_space {
    struct bt_window window[BT_MODES];
    uint64_t satp;
    bool used, mxr;
    bool own_code;      /* S-mode runs code there that is not global */
    bool may_mirror;    /* U-mode */
    unsigned ticks;     /* of the timer, in U-mode, since everything was dropped */
    unsigned l2_space;  /* its space in the second-level TLB, ... */
    unsigned l2_global; /* ... and the context number of global pages */
    uint64_t epoch;     /* of the translations that its windows hold */
    uint64_t flushed;   /* how many of bt_vcpu.flushed they have seen */
    uint64_t last_use;
};

#define FLUSHED 64 /* pages whose flush other spaces still have to see */

/* Where walks of a region of 2 MiB end: the tables above its last level need not be read again. */
struct bt_region {
    uint64_t satp;
    uint64_t number;               /* address / 2 MiB */
    uint64_t epoch;                /* bt_vcpu.epoch; 0: empty */
    const _Atomic uint64_t *table; /* of its pages' PTEs */
};

#define REGIONS 64

#endif
