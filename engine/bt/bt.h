/* SPDX-License-Identifier: MIT */
/*
 * The translator: guest RISC-V into host RISC-V, in an unprivileged Linux process. Guest registers
 * stay in the host registers of the same number, but for the four of BT_TAKEN. docs/bt.md explains
 * it.
 */
#ifndef ENGINE_BT_BT_H
#define ENGINE_BT_BT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/engine.h"
#include "core/gmem.h"
#include "core/insn.h"
#include "core/stlb.h"
#include "core/trap.h"
#include "core/vcpu.h"

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

/* What a data access is allowed to: a window each. */
enum bt_mode { BT_U, BT_S, BT_SUM, BT_MODES };

/* What floating point may do: part of a block's key. */
enum bt_fp { FP_OFF, FP_CLEAN, FP_DIRTY, FP_BAD_RM, FP_STATES };

struct bt_jump { /* an entry of a jump cache */
    uint64_t pc;
    uint64_t code;
};

/* A kernel that serves a program jumps to thousands of places. */
#define JUMP_BITS_U 13
#define JUMP_BITS_S 15
/* As many entries are taken back one by one; if there are more, the whole table is. */
#define JUMPS_LISTED 512
#define JUMP_TABLES  10 /* the first is always empty */
#define SPACES       16 /* address spaces whose windows are kept */
#define SPACE_GLOBAL SPACES

/* A jump cache: for an address space (or all of them, if it knows global pages alone), U or S, and
 * a state of FP. An empty entry has pc 0, the first one, where that could be, UINT64_MAX. */
struct bt_jumps {
    struct bt_jump entry[1u << JUMP_BITS_S];
    uint16_t entered[JUMPS_LISTED]; /* entries since the last reset, by number */
    unsigned n;                     /* how many, or JUMPS_LISTED + 1: too many to list */
    uint32_t epoch;                 /* of the code that it knows; 0: never reset */
    uint8_t space;
    uint8_t flags; /* BT_USER and enum bt_fp */
    uint64_t last_use;
};

/* Registers that a loop may take for itself while it runs. */
#define LOOP_SAVES 15

/* Words that translated code reaches from CTX. */
struct bt_hot {
    uint64_t home[BT_TAKEN]; /* guest gp, s10, s11, t6 */
    struct vcpu *vcpu;
    struct bt_vcpu *owner;
    struct bt_jump *jumps; /* the jump cache for this mode and the state of FP */
    gva_t pc;              /* an address in the page that is being executed, in U-mode */
    void *vector;          /* code of stvec's, or bt_vector, which finds it ... */
    uint64_t vector_of;    /* ... for this value of it */
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
    unsigned l2_space;  /* its space in the second-level TLB, ... */
    unsigned l2_global; /* ... and the context number of global pages */
    uint32_t epoch;     /* of the translations that its windows hold */
    uint64_t flushed;   /* how many of bt_vcpu.flushed they have seen */
    uint64_t last_use;
};

#define FLUSHED 64 /* pages whose flush other spaces still have to see */

/* Where walks of a region of 2 MiB end: the tables above its last level need not be read again. */
struct bt_region {
    uint64_t satp;
    uint64_t number;               /* address / 2 MiB */
    uint32_t epoch;                /* bt_vcpu.epoch; 0: empty */
    const _Atomic uint64_t *table; /* of its pages' PTEs */
};

#define REGIONS 64

/* What C has to do where translated code calls it. */
enum bt_site_kind {
    SITE_LINK,     /* a direct jump: find or make its target, whose flags include reg, and link */
    SITE_LOAD,     /* the TLB missed ... */
    SITE_STORE,    /* ... for a store or an AMO */
    SITE_EXEC,     /* the instruction is executed in C */
    SITE_CROSS,    /* ... and reaches into the next page */
    SITE_LOOK,     /* an interrupt has become deliverable */
    SITE_FP_DIRTY, /* FS becomes Dirty; the same instruction again */
    SITE_CSR,      /* light, as those that follow: reg is the enum csr_op, lo the number */
    SITE_SBI,
    SITE_FENCE, /* sfence.vma: reg has FENCE_* */
    SITE_FENCE_I,
};
enum { FENCE_VA = 1, FENCE_ASID = 2 };

/* Words behind the call of a light site: its number, and guest pc. Then it goes on. */
#define LIGHT_WORDS 3

struct bt_site {
    uint32_t raw; /* the instruction; SITE_LINK: offset of the jump to patch from the block */
    uint32_t block : 24;
    uint32_t reg : 8; /* loads, stores: base register */
    uint16_t offset;  /* of the instruction in its page; SITE_LINK: of the target */
    uint8_t kind;
    bool ends;     /* SITE_CSR: behind it the context is looked up */
    int16_t lo;    /* loads, stores: lowest offset of the group ... */
    uint16_t span; /* ... and how many bytes from there */
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
    uint16_t host;
    uint16_t offset;
    uint8_t kind;
    uint8_t reg;
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

#define BT_NOGROUP  0x10 /* flag of a block: every access checks for itself */
#define BT_USER     0x08
#define BT_FP_MASK  0x03

static inline unsigned jump_bits(unsigned flags)
{
    return (flags & BT_USER) != 0 ? JUMP_BITS_U : JUMP_BITS_S;
}

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
};

#ifndef CACHE_BYTES         /* the lockstep test has a larger one */
#define CACHE_BYTES MIB(32) /* of all vCPUs together, ... */
#endif
#define CACHE_LEAST MIB(7) /* ... but at least this much for each */
#define BLOCKS_MAX  (1u << 18)
#define SITES_MAX   (1u << 20)
#define MAPS_MAX    (1u << 22)
#define HASH_SIZE   65536
#define FRAME_HASH  4096
#define EXEC_FILTER 65536 /* bits */

/* Per guest-physical page, shared by all vCPUs: it was written since somebody looked, or may be,
 * unseen; code was made from it; translations were, and nobody stores there unseen unless it is
 * PAGE_STORED. And which vCPUs may store there unseen: a bit for each, or for several. */
enum { PAGE_STORED = 1, PAGE_CODE = 2, PAGE_TABLE = 4 };
#define PAGE_BY_SHIFT 3
#define PAGE_BY_BITS  29
#define PAGE_BY       (~UINT32_C(0) << PAGE_BY_SHIFT)
#define LOG_SIZE      1024
/* An entry of the log: the low half of its number, what the page was, which page. */
#define LOG_NUMBER_SHIFT 32
#define LOG_WAS_SHIFT    29
#define LOG_PAGE         ((UINT64_C(1) << LOG_WAS_SHIFT) - 1)

struct bt_vm {
    uint64_t npages;           /* of guest RAM */
    gpa_t ram;                 /* where it begins */
    _Atomic uint32_t *page;    /* PAGE_* */
    _Atomic uint64_t nwritten; /* pages with code or tables that were written: entries of the log */
    _Atomic uint32_t arming;   /* vCPUs that wait for others to drop their store entries */
    _Atomic uint64_t log[LOG_SIZE];
};

#define UNARMED 16

/* What other vCPUs want of one: see fence.c. */
enum bt_ask_kind { ASK_ALL, ASK_FENCE, ASK_STORES, ASK_CODE };

struct bt_ask {
    enum bt_ask_kind kind;
    gva_t first, last; /* pages; ASK_STORES: host address of the one */
    bool any_asid;
    uint16_t asid;
};

#define BOX_ASKS 16 /* if there are more, everything is dropped */

struct bt_asked {
    bool all, code;
    unsigned n;
    struct bt_ask ask[BOX_ASKS];
};

struct bt_box {
    pthread_mutex_t lock;
    struct bt_asked asked;
    _Atomic uint32_t posted, taken; /* how many */
    _Atomic uint32_t changes;       /* futex: of `taken`, or of vcpu.running to 0 ... */
    _Atomic uint32_t sleepers;      /* ... which so many wait for */
};

struct bt_stats {
    uint64_t blocks, code_bytes, links, flushes, drops;
    uint64_t l1_fills, misses, slow, exec, light, jump_misses, jump_drops, tlb_drops, kicks,
        fence_checks, page_checks, asked, asked_all;
};

/* What an instruction is to the accesses around it. */
struct bt_fact {
    uint8_t class;
    bool load, store;
    uint8_t base, writes; /* guest registers; writes 0: none */
    uint8_t size;
};

/* An instruction that was decoded; len 0: none yet. */
struct bt_decoded {
    struct insn insn;
    struct bt_fact fact;
};

#define DECODED_BITS 13

struct bt_vcpu {
    /* Within reach of assembly. */
    _Atomic uint32_t kick;      /* leave translated code; checked on the way in */
    _Atomic uint64_t *nwritten; /* bt_vm.nwritten */
    uint64_t written_seen;      /* ... as of when all code was as in memory, ... */
    uint64_t fence_seen;        /* ... all translations as the tables; UINT64_MAX: not known */
    uint8_t *ctx;               /* CTX when translated code was left last */
    struct bt_window *current;  /* window of the current mode */
    uint64_t host_sp;

    struct bt_stats stats;
    struct vcpu *vcpu;
    struct bt_space *space, *previous; /* the current address space, and the one before */
    uint8_t flags;                     /* BT_USER and enum bt_fp now */
    bool look;                         /* requests, interrupts and the clock want a look */
    bool step;                         /* leave after every block (debugging) */
    bool nogroup;                      /* the next block: each access by itself */
    bool context;                      /* mode, CSRs or translations changed */
    bool no_jumps;                     /* a signal has hidden the jump caches */
    bool unreached;                    /* the access that missed last is not one to RAM */
    bool adopted;                      /* the thread that runs it is set up */
    bool fence_ok;
    gva_t entered; /* where translated code was entered last */
    pthread_t thread;
    int tid;
    void *timer;
    bool timer_armed;
    uint64_t timer_deadline;
    uint8_t *stack; /* alternate signal stack, with struct bt_stack at its base */

    /* Epochs: windows, jump caches, and jump caches for all spaces, of an older one are empty. */
    uint32_t epoch, jumps_epoch, global_epoch;
    gva_t flushed[FLUSHED];
    uint64_t nflushed, clock;
    uint32_t unarmed[UNARMED]; /* pages of tables that were walked while they were PAGE_STORED */
    unsigned nunarmed;

    /* The code cache: two views of the same memory. */
    uint8_t *rw, *rx;
    uint32_t size, used;
    uint32_t nblocks, nsites, nmaps;
    struct bt_block *block;
    struct bt_site *site;
    struct bt_map *map;
    uint32_t hash[HASH_SIZE];                      /* block number + 1 */
    uint32_t frame[FRAME_HASH];                    /* the same by guest-physical page */
    uint64_t exec_filter[EXEC_FILTER / 64];        /* pages that the jump caches know */
    struct bt_decoded decoded[1u << DECODED_BITS]; /* by what it is decoded from */
    struct stlb stlb;                              /* second level; also core's vcpu->stlb */
    struct bt_region region[REGIONS];
    struct bt_space spaces[SPACES];
    struct bt_jumps jumps[JUMP_TABLES];
    uint8_t jumps_last[SPACES + 1][BT_USER + FP_STATES]; /* where one was found */
    struct bt_box box;
};

/* At the base of the signal stack, whose alignment is BT_STACK. */
#define BT_STACK 65536
struct bt_stack {
    uint64_t gp, tp;
    struct bt_vcpu *owner;
};

static inline struct bt_vcpu *bt_of(struct vcpu *vcpu)
{
    return vcpu->engine;
}

/* Takes space and mode from where CTX points: translated code changes them by itself. */
static inline void space_meet(struct bt_vcpu *bv, uint8_t *ctx)
{
    struct bt_window *window = (struct bt_window *)(void *)(ctx - BT_CTX_BIAS);
    struct bt_space *space = window->hot.space;
    bool user = window == &space->window[BT_U];

    if (space != bv->space) {
        bv->previous = bv->space;
        bv->space = space;
    }
    bv->current = window;
    bv->flags = (uint8_t)((bv->flags & BT_FP_MASK) | (user ? BT_USER : 0));
    bv->vcpu->priv.mode = user ? PRIV_U : PRIV_S;
}

/* enter.S: runs translated code until it calls C. Returns the address of the site's number, or one
 * of these. */
enum {
    EXIT_TO_PC = 1,
    EXIT_KICK = 2,
    EXIT_STALE_BIT = 3, /* with the address */
    EXIT_AT = 4,        /* a light call is over: hot.resume, hot.value */
    EXIT_LIGHT = 5,     /* a light call has more to do; pc is in the record */
};
uint64_t bt_enter(void *ctx, uint64_t code);
void bt_exit(void);
void bt_exit_pc(void);
void bt_exit_stale(void);
void bt_exit_async(void);
void bt_exit_at(void);
void bt_refill_load(void);
void bt_refill_store(void);
void bt_refill_kicked(void);
void bt_miss(void);
void bt_miss_kicked(void);
void bt_jump_miss(void);
void bt_jump_kicked(void);
void bt_abort(void);
void bt_fp_load(const struct vcpu_user *user);
void bt_fp_save(struct vcpu_user *user);
void bt_signal(int number);
extern const char bt_enter_begin[], bt_enter_end[], bt_refill_begin[], bt_refill_end[];
extern const char bt_miss_begin[], bt_miss_end[], bt_jump_begin[], bt_jump_end[];

/* privileged.S: what guest code does without leaving the code cache. */
void bt_ecall(void);
void bt_vector(void);
void bt_sret(void);
void bt_satp(void);
void bt_sum_set(void);
void bt_sum_clear(void);
void bt_light(void);
void bt_light_kicked(void);
extern const char bt_mode_begin[], bt_trap_begin[], bt_trap_end[], bt_go_begin[], bt_go_end[];
extern const char bt_sum_begin[], bt_sum_end[], bt_light_begin[], bt_light_end[];

/* light.c: C in the middle of a block; the registers that C may change are in the record. */
struct bt_light {
    uint64_t code;  /* where to go on; 0: leave */
    uint64_t value; /* T0 then */
};
struct bt_light bt_light_call(struct vcpu *vcpu, const uint32_t *where, uint64_t operand,
                              uint8_t *ctx);

/* cache.c */
int cache_create(struct bt_vcpu *bv) MUST_CHECK;
void cache_destroy(struct bt_vcpu *bv);
/* Forgets every block. */
void cache_flush(struct bt_vcpu *bv);
/* Is there room for another block? */
bool cache_has_room(const struct bt_vcpu *bv);
/* Code in [from, from + size) of the cache has changed. */
void cache_sync(const struct bt_vcpu *bv, uint32_t from, uint32_t size);
struct bt_block *cache_find(struct bt_vcpu *bv, gva_t pc, gpa_t gpa, uint8_t flags);
void cache_enter(struct bt_vcpu *bv, struct bt_block *block);
/* The block whose code contains this address of the RX view, or NULL. */
struct bt_block *cache_block_at(const struct bt_vcpu *bv, uint64_t code);
/* The entry of the block's map that host code at this place belongs to. */
const struct bt_map *cache_map_at(const struct bt_vcpu *bv, const struct bt_block *block,
                                  uint64_t code);
void cache_drop(struct bt_vcpu *bv, struct bt_block *block);
/* Makes the two instructions at `at` jump to `to`, both offsets in the cache. */
void cache_patch_jump(struct bt_vcpu *bv, uint32_t at, uint32_t to);

/* Blocks of U-mode are the same wherever their page is mapped: the window knows where. */
static inline gva_t block_page(const struct bt_block *block, const struct bt_hot *hot)
{
    return (block->flags & BT_USER) != 0 ? hot->pc & PAGE_MASK : block->page;
}

static inline uint64_t cache_code(const struct bt_vcpu *bv, const struct bt_block *block)
{
    return (uint64_t)(uintptr_t)bv->rx + block->code;
}

/* translate.c: the block at pc, whose page is at `live`; NULL: no room. */
struct bt_block *translate(struct vcpu *vcpu, gva_t pc, gpa_t gpa, const uint8_t *live,
                           uint8_t flags);
uint64_t translate_sum(const uint8_t *bytes, unsigned length);

/* loops.c: out of a loop, at an instruction whose map says that its registers are taken. `x`: all
 * registers by number. `homes`: what lives in memory is in them, too. */
void loop_leave(const struct bt_vcpu *bv, const struct bt_block *block, struct bt_hot *hot,
                uint64_t *x, bool homes);

/* pages.c: which pages hold code or tables, and which were written since. */
int pages_create(struct vm *vm) MUST_CHECK;
void pages_destroy(struct vm *vm);
/* This thread runs the vCPU from now on. */
void pages_adopt(const struct vcpu *vcpu);
/* First- and second-level entries that allow stores to this page. */
void pages_drop_stores(struct bt_vcpu *bv, const uint8_t *host_page);
/* Code is about to be made from this page: from now on writes to it are noticed. */
void pages_watch(struct vcpu *vcpu, gpa_t gpa);
/* fence.i: drops what was made from code that has changed. True: something was looked at. */
bool pages_check(struct vcpu *vcpu);
/* Has a page been written that translations came from? n: of bt_vm.nwritten. */
bool pages_tables_changed(struct vcpu *vcpu, uint64_t n);
/* From the next walk on, writes to the tables that were walked unseen are noticed. */
void pages_arm_tables(struct vcpu *vcpu);

/* space.c: address spaces, modes, and what a fence leaves of their translations. */
void spaces_init(struct bt_vcpu *bv);
/* Takes mode, sstatus, satp as they are in the record now. */
void space_use(struct vcpu *vcpu);
/* satp is about to become that of a space which has nothing to catch up with: takes it, if so. */
bool space_switch(struct vcpu *vcpu, uint64_t satp);
/* Not global after all: the code that was just found in S-mode. */
void space_own_code(struct vcpu *vcpu);
/* Where a change of `pending` or `sie` shows. */
void space_irq(struct vcpu *vcpu);
/* First-level TLBs and jump caches forget everything, by space_use. */
void spaces_drop(struct bt_vcpu *bv);
/* sfence.vma; pointers NULL for all. True: code may lie elsewhere now. */
bool space_fence(struct vcpu *vcpu, const gva_t *va, const uint16_t *asid);

/* tlb.c: first-level TLB */
void l1_reset(struct bt_space *space);
void l1_flush_page(struct bt_space *space, gva_t va);
void l1_drop_stores(struct bt_vcpu *bv, const uint8_t *host_page);
bool l1_fill(struct vcpu *vcpu, gva_t va, bool store);
/* A page that may be stored to if `store`. */
void l1_enter(struct bt_window *w, gva_t va, uint64_t delta, bool store);

/* jumps.c: jump caches */
void jumps_reset(struct bt_jumps *table);
struct bt_jumps *jumps_find(struct bt_vcpu *bv, uint8_t space, uint8_t flags);
void jumps_enter(struct bt_vcpu *bv, struct bt_jump *entries, gva_t pc, uint64_t code);
/* The code for pc in the current context, or 0. */
uint64_t jumps_look_up(const struct bt_vcpu *bv, gva_t pc);
bool jumps_know(const struct bt_vcpu *bv, gva_t va);
/* All of them; or those alone that do not serve every space. */
void jumps_drop(struct bt_vcpu *bv, bool global);
/* Those of one space. */
void jumps_drop_space(struct bt_vcpu *bv, unsigned space);

/* miss.c: what translated code does not find by itself. */
uint64_t bt_miss_call(struct vcpu *vcpu, const uint32_t *where, gva_t va, uint8_t *ctx);
uint64_t bt_jump_call(struct vcpu *vcpu, uint8_t *ctx);
/* A fence, of one address or of an ASID; all regions go with bt_vcpu.epoch. */
void regions_flush_page(struct bt_vcpu *bv, gva_t va);
void regions_flush_asid(struct bt_vcpu *bv, uint16_t asid);

/* thread.c: signals and the timer of the thread that runs a vCPU. */
int thread_adopt(struct vcpu *vcpu) MUST_CHECK;
void thread_release(struct vcpu *vcpu);
void thread_arm(struct vcpu *vcpu);
void bt_kick(struct vcpu *vcpu);
void bt_on_signal(struct bt_stack *stack, void *ucontext);

/* fence.c */
void bt_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                  const struct flush_range *range);
void bt_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                   uint64_t size);
/* These vCPUs drop their store entries for a page before this returns. For a caller inside `run`,
 * who looks for requests before he enters translated code again. */
void bt_drop_stores(struct vcpu *self, const struct hart_set *harts, const uint8_t *host_page);
int box_create(struct bt_box *box) MUST_CHECK;
void box_destroy(struct bt_box *box);
/* What others want: to be done before translated code is entered. False: nothing. */
bool box_take(struct bt_box *box, struct bt_asked *asked);
/* Its owner is outside of `run`. */
void box_wake(struct bt_box *box);

/* run.c */
void bt_run(struct vcpu *vcpu);
/* True: the guest is to be parked. */
bool bt_deliver(struct vcpu *vcpu, const struct trap *trap);
enum bt_fp bt_fp_state(const struct vcpu *vcpu);

extern const struct engine_ops engine_bt;

#endif
