/* SPDX-License-Identifier: MIT */
/* What the files that make up the translator share: one block on its way into the cache. */
#ifndef ENGINE_BT_TRANSLATE_H
#define ENGINE_BT_TRANSLATE_H

#include "engine/bt/bt.h"
#include "engine/bt/emit.h"

#define BLOCK_INSNS 24 /* guest instructions in a block, at most */
#define LOOP_INSNS  48 /* ... in a loop */
#define LOOP_WORDS  1000
#define RANGES_MAX  8
#define BLOCK_WORDS 900 /* host words, so that a branch reaches every stub */
#define STUB_WORDS  17  /* ... of a stub with its literal, at most */
#define INSN_WORDS  60  /* ... of one instruction with its stubs, at most */
#define STUBS_MAX   (2 * LOOP_INSNS + 2)
#define LITERALS    (2 * LOOP_INSNS + 2)
#define SPAN_MOST   512 /* bytes that one check covers */

#define HELD_MIRROR 32 /* as base: hot.mirror itself, in T2 */

/* A base register whose host address is in T1 or T2. */
struct held {
    uint8_t base; /* guest register; 0: none */
    bool writable;
    int32_t lo, end; /* offsets from it that were checked */
};

/* Accesses of a loop by one register that does not go from page to page at random: [lo, end) from
 * it. What is known of the page stays in host registers from round to round. */
struct range {
    uint8_t base;
    bool fixed;  /* the loop does not write it */
    bool has[2]; /* loads, stores */
    bool shared; /* an access may go without a check of its own */
    int32_t lo, end;
    uint8_t valid[2]; /* 0 as long as nothing is known for loads, for stores; then, if fixed, the
                       * base's host address, otherwise where in the page it may lie: below this */
    uint8_t page;     /* start of the page, less lo */
    uint8_t delta;    /* host address - guest address */
    uint8_t at;       /* the base's host address, in between checks: T0, or its own */
    bool checked[2];  /* what the code so far has seen to, for loads, for stores */
};

/* A block whose last branch leads back to its start. */
struct loop {
    bool is;     /* the block is one */
    bool inside; /* its registers are taken where code is being written */
    unsigned nranges;
    struct range range[RANGES_MAX];
    uint8_t range_of[LOOP_INSNS]; /* of an access; nranges or more: none */
    uint64_t labels;              /* instructions that are jumped to, by number */
    uint16_t word[LOOP_INSNS];    /* where each begins */
    struct {
        uint16_t word;
        uint8_t to;
    } jump[LOOP_INSNS]; /* jumps in the loop */
    unsigned njumps;
    uint32_t written;  /* guest registers */
    uint8_t alias[32]; /* host register for a taken one, 0: none */
    struct bt_loop taken;
};

/* Code behind the block that a branch in it leads to. */
struct stub {
    uint32_t branch; /* index of the branch */
    uint32_t site;   /* UINT32_MAX: a branch out of the page */
    uint16_t offset; /* of the instruction */
    bool is_light;   /* C in the middle of the block: T2 gets `base`, or the guest's `taken` */
    uint8_t taken;
    bool is_range; /* nothing is known of the page of `range` */
    bool store;
    uint8_t range;
    bool is_miss;  /* of the TLB: */
    uint8_t base;  /* host register with the base, */
    int16_t lo;    /* offset from it, */
    uint32_t back; /* and where to try again, or to go on */
};

struct literal {
    uint32_t at; /* index of the auipc */
    uint64_t value;
};

struct translation {
    struct bt_vcpu *bv;
    struct bt_block *block;
    uint32_t number; /* the block's */
    const struct isa *isa;
    uint32_t *out; /* where the block's code is written */
    size_t n;      /* host words so far; of a type that those which are written cannot change */
    struct bt_map *map, *first_map; /* the next entry of the block's, and its first */
    struct bt_decoded code[LOOP_INSNS];
    uint16_t at[LOOP_INSNS]; /* offset in the page */
    unsigned count, now;     /* guest instructions, and the one at hand */
    unsigned plain;          /* how many of them make a block that is no loop, */
    unsigned back;           /* and up to which they lead back to the start, 0: none does */
    struct held held[2];     /* T1 and T2 */
    uint32_t within;         /* guest registers that lie in the mirrored half, or almost */
    uint32_t page_at;        /* T1 has the start of the page if `n` is still this, and not 0 */
    struct stub stub[STUBS_MAX];
    unsigned nstubs;
    struct literal literal[LITERALS];
    unsigned nliterals;
    bool ended; /* control does not get here */
    struct loop loop;
};

#define PAGE_OFFSET(pc) ((unsigned)((pc) & ~PAGE_MASK))

static inline void emit(struct translation *t, uint32_t word)
{
    t->out[t->n++] = word;
}

/* The number of the word to come. */
static inline uint32_t here(const struct translation *t)
{
    return (uint32_t)t->n;
}

static inline int32_t hot(size_t offset)
{
    return (int32_t)offset - (int32_t)BT_CTX_BIAS;
}
#define HOT(member) hot(offsetof(struct bt_hot, member))

static inline bool is_taken(unsigned reg)
{
    return reg == BT_CTX || reg == BT_T0 || reg == BT_T1 || reg == BT_T2;
}

/* For sets of registers; x0 is in none. */
static inline uint32_t reg_bit(unsigned reg)
{
    return UINT32_C(1) << reg & ~UINT32_C(1);
}

/* The host register that stands for the guest's; a taken one if that lives in memory. */
static inline unsigned host_of(const struct translation *t, unsigned reg)
{
    return t->loop.inside && t->loop.alias[reg] != 0 ? t->loop.alias[reg] : reg;
}

/* Where the guest value of a taken register is kept. */
static inline int32_t home_of(unsigned reg)
{
    unsigned slot = reg == BT_CTX ? 0 : reg == BT_T0 ? 1 : reg == BT_T1 ? 2 : 3;

    return HOT(home) + 8 * (int32_t)slot;
}

/* The host register that has the guest's `reg`: itself, or `scratch`, which is loaded. */
unsigned use(struct translation *t, unsigned reg, unsigned scratch);
/* Where to put a result for `reg`; then finish(). */
static inline unsigned target(const struct translation *t, unsigned reg)
{
    reg = host_of(t, reg);
    return is_taken(reg) ? BT_T0 : reg;
}
void finish(struct translation *t, unsigned reg);

/* The instruction at hand with other registers. */
static inline uint32_t encode(const struct translation *t, unsigned rd, unsigned rs1, unsigned rs2)
{
    const struct bt_decoded *d = &t->code[t->now];

    return (d->word & ~d->registers) | (rv_r(0, rd, rs1, rs2) & d->registers);
}

/* The next words belong to guest pc `offset`. */
static inline void map(struct translation *t, enum bt_map_kind kind, unsigned offset, unsigned reg)
{
    *t->map++ = (struct bt_map){
        .host = t->n & 0x7ff, .offset = offset & 0x1fff, .kind = kind & 7u, .reg = reg & 31};
}

/* A new site for the instruction at hand, or its number when the table is full: translate() sees
 * to it that it is not. */
uint32_t site(struct translation *t, enum bt_site_kind kind);
/* The branch that was just emitted leads to a stub that calls C. */
void stub(struct translation *t, uint32_t number);
/* Calls C here; control does not come back. */
void call_c(struct translation *t, uint32_t number);
/* Calls C (or what the word of the window leads to) with T2 as operand; what it says is in T0 then.
 * Nothing is held over that. */
void call_light(struct translation *t, uint32_t number, int32_t word, unsigned offset);
/* Control goes on behind the instruction in another context. */
void leave_behind(struct translation *t);

/* rd = value, written by the last instruction only; by way of T1. */
void constant(struct translation *t, unsigned rd, uint64_t value);

/* The same with a guest address near the block, whose page may lie elsewhere when it runs. */
void address(struct translation *t, unsigned rd, gva_t value);

/* Nothing is held any more in T1; in T1 and T2. */
static inline void spoil_t1(struct translation *t)
{
    t->held[0].base = 0;
}

static inline void spoil_both(struct translation *t)
{
    t->held[0].base = t->held[1].base = 0;
}

/* translate_decode.c: t->count instructions of the page. Each is read but once: others may write
 * there. */
void decode(struct translation *t, const uint8_t *page);
/* The sum of the first n of them. */
uint64_t sum_of(const struct translation *t, unsigned n);

/* translate.c, for loops */
bool fp_writes_x(uint32_t raw);
bool fp_reads_x(uint32_t raw);
/* Can its code be written without C? */
bool fp_is_legal(const struct translation *t, const struct insn *insn);
bool is_near(const struct translation *t, gva_t address);
static inline unsigned fp_state(const struct translation *t)
{
    return t->block->flags & BT_FP_MASK;
}
static inline gva_t pc_of(const struct translation *t)
{
    return t->block->page + t->at[t->now];
}

/* translate_plan.c: decides on t->loop. False: the block is no loop, or has no registers left for
 * its own. */
bool loop_plan(struct translation *t);
/* The number of the instruction at `offset`, or t->count. */
unsigned loop_number(const struct translation *t, int32_t offset);
/* The registers that live in memory, in the order of hot.home. */
extern const uint8_t loop_taken[BT_TAKEN];

/* translate_loop.c. Is the block a loop? If so, the code that leads into it is written. */
bool loop_begin(struct translation *t);
/* The instruction at hand is about to be written. */
void loop_insn(struct translation *t);
/* All instructions are there. False: stubs and literals would get too long. */
bool loop_close(struct translation *t);
/* A jump of the loop, conditional or not; false: it leads out of it. */
bool loop_jump(struct translation *t, uint32_t word, gva_t to);
/* Code that gives the registers back; it belongs to the instruction at `offset`. */
void loop_end(struct translation *t, unsigned offset);
/* The register with the host address of the base of an access; 0: it belongs to no range. */
unsigned loop_locate(struct translation *t, const struct insn *insn, bool store);
/* T0 is about to be written; the guest's `reg` was. */
void loop_spoil(struct translation *t);
void loop_drop(struct translation *t, unsigned reg);
/* Not in the first level. If a group reaches beyond the page, the rest of the round is done by a
 * block in which every access checks for itself. */
void loop_miss(struct translation *t, const struct stub *s, unsigned base, uint32_t back);
void loop_put_stub(struct translation *t, const struct stub *s);
/* What C has to know is put behind the code. */
void loop_put_taken(struct translation *t);

/* translate_jump.c */

/* Control goes to the address in `reg`, by the jump cache; spoils T1 and T2. T0 may be `reg`. */
void jump_by_cache(struct translation *t, unsigned reg);
/* The same to an address that is known, and in T0. */
void jump_far(struct translation *t, gva_t to);
/* A direct jump: to be linked within the page, by the jump cache elsewhere. */
void jump_to(struct translation *t, gva_t pc);
void translate_branch(struct translation *t, const struct insn *insn);
void translate_jal(struct translation *t, const struct insn *insn);
void translate_jalr(struct translation *t, const struct insn *insn);

/* translate_csr.c */
bool csr_is_inline(const struct translation *t, const struct insn *insn);
void translate_csr(struct translation *t, const struct insn *insn);
void translate_fence(struct translation *t, const struct insn *insn);
void translate_ecall(struct translation *t);
void translate_sret(struct translation *t);
/* Control does not go on behind it in the block. */
bool csr_ends_block(const struct translation *t, const struct insn *insn);

/* translate_mem.c */
void translate_access(struct translation *t, const struct insn *insn);
void translate_lr(struct translation *t, const struct insn *insn);
void translate_sc(struct translation *t, const struct insn *insn);
void translate_amo(struct translation *t, const struct insn *insn);
void translate_zero(struct translation *t, const struct insn *insn);
/* Is it left to C: what the harts lack, and cache management, which nobody does often? */
bool is_for_c(const struct translation *t, const struct insn *insn);
/* T0 = 0 if the page of base + lo is in the first-level TLB and reaches to base + end; `d` gets
 * host address - guest address. Both are host registers, and differ. */
void look_up(struct translation *t, unsigned base, unsigned d, int32_t lo, int32_t end, bool store);
/* Calls for the page of base + lo, and goes on at `back`. */
#define REFILL_WORDS 7
void call_refill(struct translation *t, uint32_t number, unsigned base, int32_t lo, uint32_t back);
/* Before a computation is written: what its result will be in the mirror, for mirror_keep. */
unsigned mirror_follow(struct translation *t, const struct insn *insn);
/* Behind it, when its rd has been dropped. */
static inline void mirror_keep(struct translation *t, unsigned rd, unsigned followed)
{
    if (followed == 0)
        return;
    t->within |= reg_bit(rd);
    for (unsigned i = 0; i < 2; i++) {
        if ((followed >> i & 2) != 0)
            t->held[i].base = (uint8_t)rd;
    }
}
/* The instruction writes `reg`. */
static inline void held_drop(struct translation *t, unsigned reg)
{
    t->within &= ~reg_bit(reg);
    for (unsigned i = 0; i < 2; i++) {
        if (t->held[i].base == reg)
            t->held[i].base = 0;
    }
    if (t->loop.inside)
        loop_drop(t, reg);
}

#endif
