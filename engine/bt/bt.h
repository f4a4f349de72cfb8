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
#include "core/mmu.h"
#include "core/stlb.h"
#include "core/trap.h"
#include "core/vcpu.h"
#include "engine/bt/block.h"
#include "engine/bt/mirror.h"
#include "engine/bt/window.h"

#ifndef CACHE_BYTES         /* the lockstep test has a larger one */
#define CACHE_BYTES MIB(32) /* of all vCPUs together, ... */
#endif
#define CACHE_LEAST  MIB(7) /* ... but at least this much for each */
#define BLOCKS_MAX   (1u << 18)
#define SITES_MAX    (1u << 20)
#define MAPS_MAX     (1u << 22)
#define HASH_SIZE    65536
#define FRAME_HASH   4096
#define EXEC_FILTER  65536 /* bits */

#define STRAY_FILTER 16384 /* bits */

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
    uint64_t native; /* extensions of the harts: bits by enum isa_ext */
};

/* Extensions whose instructions are copied where the harts have them, and otherwise done in C: a VM
 * that was made for other harts may name them. */
#define BT_COPIED                                                                                  \
    (UINT64_C(1) << ISA_ZBA | UINT64_C(1) << ISA_ZBB | UINT64_C(1) << ISA_ZBC |                    \
     UINT64_C(1) << ISA_ZBS | UINT64_C(1) << ISA_ZFH)

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
        fence_checks, page_checks, asked, asked_all, faults, strays;
};

#define BREAKPOINTS   32
#define DEBUG_NOWHERE UINT64_MAX /* no instruction's address */

/* What a debugger wants: see engine_ops.debug. */
struct bt_debug {
    bool step, changed; /* changed: the breakpoints, since code was made */
    unsigned n;
    gva_t at[BREAKPOINTS];
    gva_t stopped; /* where `run` ended for it, as long as nothing was executed since */
};

/* What an instruction is to the block and to the accesses around it. */
struct bt_fact {
    uint8_t class; /* INSN_CLASS_ILLEGAL: C does it, or says that it is illegal */
    bool load, store;
    uint8_t base, writes; /* guest registers; writes 0: none */
    uint8_t size;
    bool plain : 1; /* the host executes it as it is, without registers that live in memory */
    bool leads : 1; /* elsewhere, or out of the block */
    bool fp : 1;    /* what it does depends on the state of FP */
};

/* An instruction that was decoded; len 0: none yet. */
struct bt_decoded {
    _Alignas(8) struct insn insn;
    struct bt_fact fact;
    uint32_t word;      /* what it is in 32 bits ... */
    uint32_t registers; /* ... and which of these are numbers of registers */
};

#define DECODED_BITS 15

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
    uint64_t native;                   /* bt_vm.native */
    struct bt_space *space, *previous; /* the current address space, and the one before */
    uint8_t flags;                     /* BT_USER and enum bt_fp now */
    bool look;                         /* requests, interrupts and the clock want a look */
    bool step;                         /* leave after every block (debugging) */
    bool eager;                        /* U-mode's mirror at once (tests) */
    bool nogroup;                      /* the next block: each access by itself */
    bool context;                      /* mode, CSRs or translations changed */
    bool no_jumps;                     /* a signal has hidden the jump caches */
    bool unreached;                    /* the access that missed last is not one to RAM */
    bool stray;                        /* the one that failed last is not for the mirror, ... */
    bool excepted;                     /* ... but since the guest has to be told first ... */
    bool in_loop;                      /* ... its registers are a loop's ... */
    uint32_t fault_block;              /* ... and it is this block's */
    uint64_t failed_pc, failed_at;     /* the same as of bt_hot, ... */
    unsigned failed_again;             /* ... and how often it has been no other */
    bool adopted;                      /* the thread that runs it is set up */
    bool fence_ok;
    struct bt_debug debug;
    gva_t entered; /* where translated code was entered last */
    pthread_t thread;
    int tid;
    void *timer;
    bool timer_armed;
    uint64_t timer_deadline;
    uint8_t *stack; /* alternate signal stack, with struct bt_stack at its base */

    /* Epochs: windows, jump caches, and jump caches for all spaces, of an older one are empty. */
    uint64_t epoch, jumps_epoch, global_epoch;
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
    uint64_t stray_filter[STRAY_FILTER / 64];      /* accesses that are not for the mirror */
    struct bt_decoded decoded[1u << DECODED_BITS]; /* by what it is decoded from */
    struct stlb stlb;                              /* second level; also core's vcpu->stlb */
    struct bt_region region[REGIONS];
    struct bt_space spaces[SPACES];
    struct bt_jumps jumps[JUMP_TABLES];
    uint8_t jumps_last[SPACES + 1][2]; /* where one was found */
    struct bt_box box;
    uint64_t mirror_epoch; /* as of when S-mode's was reviewed */
    struct mirror mirror;
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

/* Blocks with BT_MIRROR take it that what they execute lies in the half that is mirrored. */
static inline bool mirror_has_code(gva_t pc, unsigned flags)
{
    gva_t half = (flags & BT_USER) != 0 ? pc : ~pc;

    return (flags & BT_MIRROR) == 0 || half >> MIRROR_BITS == 0;
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
    bv->flags = (uint8_t)((bv->flags & BT_FP_MASK) | window->hot.kind);
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
    EXIT_FAULT = 6,     /* an access to the mirror has failed */
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
void bt_fault(void);
void bt_jump_miss(void);
void bt_jump_kicked(void);
void bt_abort(void);
void bt_fp_load(const struct vcpu_user *user);
void bt_fp_save(struct vcpu_user *user);
void bt_signal(int number);
extern const char bt_enter_begin[], bt_enter_end[], bt_refill_begin[], bt_refill_end[];
extern const char bt_miss_begin[], bt_miss_end[], bt_jump_begin[], bt_jump_end[];
extern const char bt_look_begin[], bt_look_end[];

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
/* A branch, if that is in its reach. */
void cache_patch_branch(struct bt_vcpu *bv, uint32_t at, uint32_t to);

/* Blocks of U-mode are the same wherever their page is mapped: the window knows where. */
static inline gva_t block_page(const struct bt_block *block, const struct bt_hot *hot)
{
    return knows_page(block->flags) ? block->page : hot->pc & PAGE_MASK;
}

/* A block's flags, with the state that FP is in now. */
static inline uint8_t flags_now(const struct bt_vcpu *bv, unsigned flags)
{
    return (uint8_t)((flags & ~(unsigned)BT_FP_MASK) | (bv->flags & BT_FP_MASK));
}

/* Where a link from a block, or from all that there are (NULL), to another one leads: an offset in
 * the cache. */
uint32_t cache_way_in(const struct bt_block *from, const struct bt_block *to);
/* The gate of `from` has been met in the state of FP that `to` is for. */
void cache_extend_gate(struct bt_vcpu *bv, const struct bt_block *from, const struct bt_block *to);

static inline uint64_t cache_code(const struct bt_vcpu *bv, const struct bt_block *block)
{
    return (uint64_t)(uintptr_t)bv->rx + block->code;
}

/* translate.c: the block at pc, whose page is at `live`; NULL: no room. */
struct bt_block *translate(struct vcpu *vcpu, gva_t pc, gpa_t gpa, const uint8_t *live,
                           uint8_t flags);
/* The sum of a block whose guest code is these bytes. */
uint64_t translate_sum(const uint8_t *bytes, unsigned length);

/* loops.c: out of a loop, at an instruction whose map says that its registers are taken. `x`: all
 * registers by number. `homes`: what lives in memory is in them, too. */
void loop_leave(const struct bt_vcpu *bv, const struct bt_block *block, struct bt_hot *hot,
                uint64_t *x, bool homes);
/* The same when all registers are in the record. */
void loop_leave_record(struct vcpu *vcpu, const struct bt_block *block);

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
/* Has somebody to be told of the next write to it? */
bool pages_is_watched(const struct bt_vm *b, uint64_t page);
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
/* The current mode's mirror is not used any more: code lies in the other half, or it does not pay,
 * as a count of what goes astray says for S-mode's. */
void space_give_up_mirror(struct bt_vcpu *bv);
bool space_mirror_pays(const struct bt_vcpu *bv);
/* The timer has gone off. */
void space_tick(struct bt_vcpu *bv);
/* Where a change of `pending` or `sie` shows. */
void space_irq(struct vcpu *vcpu);
/* First-level TLBs and jump caches forget everything, by space_use. */
void spaces_drop(struct bt_vcpu *bv);
/* sfence.vma; pointers NULL for all. True: code may lie elsewhere now. */
bool space_fence(struct vcpu *vcpu, const gva_t *va, const uint16_t *asid);

/* tlb.c: first-level TLB */
void l1_reset(struct bt_space *space);
void l1_flush_page(struct bt_space *space, gva_t va);
/* Entries that allow stores to this host page, for pages whose number ends in n (stlb_stored).
 * True: others share the word with it. */
bool l1_drop_stores(struct bt_vcpu *bv, uint64_t host_page, unsigned n);
bool l1_fill(struct vcpu *vcpu, gva_t va, bool store);
/* A page that may be stored to if `store`. */
void l1_enter(struct bt_window *w, gva_t va, uint64_t delta, bool store);

/* jumps.c: jump caches */
void jumps_reset(struct bt_jumps *table);
struct bt_jumps *jumps_find(struct bt_vcpu *bv, uint8_t space, uint8_t flags);
void jumps_enter(struct bt_vcpu *bv, gva_t pc, struct bt_jump *entries,
                 const struct bt_block *block);
/* The code for pc in the current context, or 0. */
uint64_t jumps_look_up(const struct bt_vcpu *bv, gva_t pc);
bool jumps_know(const struct bt_vcpu *bv, gva_t va);
/* All of them; or those alone that do not serve every space. */
void jumps_drop(struct bt_vcpu *bv, bool global);
/* Those that lie in a page. */
void jumps_drop_page(struct bt_vcpu *bv, gva_t va);
/* Those of one space. */
void jumps_drop_space(struct bt_vcpu *bv, unsigned space);

/* miss.c: what translated code does not find by itself. */
uint64_t bt_miss_call(struct vcpu *vcpu, const uint32_t *where, gva_t va, uint8_t *ctx);
uint64_t bt_jump_call(struct vcpu *vcpu, uint8_t *ctx);
/* The leaf for an access in the window's context, if core need not be asked to do anything. */
struct bt_leaf {
    gpa_t gpa; /* of the page */
    uint64_t pte;
    uint8_t page_bits;
    bool global;
};
/* The same for a page near one that was found before; by the last table alone. */
bool miss_peek(const struct bt_vcpu *bv, const struct bt_window *w, gva_t va,
               enum mmu_access access, struct bt_leaf *leaf);
bool miss_leaf(struct bt_vcpu *bv, struct bt_window *w, gva_t va, enum mmu_access access,
               struct bt_leaf *leaf);
/* What the tables of the current space say of a page, and the last of them for what is near; they
 * are looked at alone. */
bool miss_probe(struct bt_vcpu *bv, gva_t va, struct bt_leaf *leaf);
const _Atomic uint64_t *miss_table(struct bt_vcpu *bv, const struct bt_window *w, gva_t va);
/* A fence, of one address or of an ASID; all regions go with bt_vcpu.epoch. */
void regions_flush_page(struct bt_vcpu *bv, gva_t va);
void regions_flush_asid(struct bt_vcpu *bv, uint16_t asid);

/* fault.c: an access to the mirror has failed. Where in translated code to go on; 0: see run.c. */
uint64_t bt_fault_call(struct vcpu *vcpu, uint8_t *ctx);
/* In C: EXIT_FAULT, SITE_OUTSIDE. True: leave. */
bool fault_finish(struct vcpu *vcpu);
bool fault_outside(struct vcpu *vcpu, struct bt_block *block, const struct bt_site *site);
/* Unmaps what the tables do not lead to any more, of U-mode's mirror of the current space or of
 * S-mode's. False: that was most of it. */
bool fault_review(struct bt_vcpu *bv, struct bt_space *space, enum bt_mode mode);
/* Has the access at this place gone astray? Then it is translated without the mirror. */
bool fault_is_stray(const struct bt_vcpu *bv, const struct bt_block *block, unsigned offset);

/* thread.c: signals and the timer of the thread that runs a vCPU. */
int thread_adopt(struct vcpu *vcpu) MUST_CHECK;
void thread_release(struct vcpu *vcpu);
void thread_arm(struct vcpu *vcpu);
void bt_kick(struct vcpu *vcpu);
void bt_on_signal(struct bt_stack *stack, const void *siginfo, void *ucontext);

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

/* exec.c: one instruction in C: a decoded one, by its bits, or the one at pc, which reaches into
 * the next page. True: leave. */
bool bt_exec(struct vcpu *vcpu, const struct insn *insn);
bool bt_exec_raw(struct vcpu *vcpu, uint32_t raw);
bool bt_exec_cross(struct vcpu *vcpu);
/* LR or SC. */
bool bt_reserves(const struct insn *insn);

/* debug.c */
int bt_debug(struct vcpu *vcpu, bool step, const gva_t *breakpoints, unsigned count);
/* The instruction there may be at a breakpoint. */
bool debug_cuts(const struct bt_vcpu *bv, const struct bt_block *block, unsigned offset);
/* True: pc is at a breakpoint, there is an exit. */
bool debug_break(struct vcpu *vcpu);
void debug_exit(struct vcpu *vcpu);

/* run.c */
void bt_run(struct vcpu *vcpu);
/* True: the guest is to be parked. */
bool bt_deliver(struct vcpu *vcpu, const struct trap *trap);
enum bt_fp bt_fp_state(const struct vcpu *vcpu);

extern const struct engine_ops engine_bt;

#endif
