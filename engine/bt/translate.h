/* SPDX-License-Identifier: MIT */
/* What the files that make up the translator share: one block on its way into the cache. */
#ifndef ENGINE_BT_TRANSLATE_H
#define ENGINE_BT_TRANSLATE_H

#include "engine/bt/bt.h"
#include "engine/bt/emit.h"

#define BLOCK_INSNS 24  /* guest instructions in a block, at most */
#define BLOCK_WORDS 900 /* host words, so that a branch reaches every stub */
#define STUB_WORDS  17  /* ... of a stub with its literal, at most */
#define INSN_WORDS  60  /* ... of one instruction with its stubs, at most */
#define STUBS_MAX   (2 * BLOCK_INSNS + 2)
#define LITERALS    (2 * BLOCK_INSNS + 2)

/* A base register whose host address is in T1 or T2. */
struct held {
    uint8_t base; /* guest register; 0: none */
    bool writable;
    int32_t lo, end; /* offsets from it that were checked */
};

/* Code behind the block that a branch in it leads to. */
struct stub {
    uint32_t branch; /* index of the branch */
    uint32_t site;   /* UINT32_MAX: a branch out of the page */
    uint16_t offset; /* of the instruction */
    bool is_light;   /* C in the middle of the block: T2 gets `base`, or the guest's `taken` */
    uint8_t taken;
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
    const struct isa *isa;
    uint32_t *out; /* where the block's code is written */
    uint32_t n;    /* host words so far */
    struct insn insn[BLOCK_INSNS];
    struct bt_fact fact[BLOCK_INSNS];
    uint16_t at[BLOCK_INSNS]; /* offset in the page */
    unsigned count, now;      /* guest instructions, and the one at hand */
    struct held held[2];      /* T1 and T2 */
    struct stub stub[STUBS_MAX];
    unsigned nstubs;
    struct literal literal[LITERALS];
    unsigned nliterals;
    bool ended; /* control does not get here */
};

static inline void emit(struct translation *t, uint32_t word)
{
    t->out[t->n++] = word;
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

/* Where the guest value of a taken register is kept. */
static inline int32_t home_of(unsigned reg)
{
    unsigned slot = reg == BT_CTX ? 0 : reg == BT_T0 ? 1 : reg == BT_T1 ? 2 : 3;

    return HOT(home) + 8 * (int32_t)slot;
}

/* The host register that has the guest's `reg`: itself, or `scratch`, which is loaded. */
unsigned use(struct translation *t, unsigned reg, unsigned scratch);
/* Where to put a result for `reg`; then finish(). */
static inline unsigned target(unsigned reg)
{
    return is_taken(reg) ? BT_T0 : reg;
}
void finish(struct translation *t, unsigned reg);

/* The instruction with other registers. */
uint32_t encode(const struct insn *insn, unsigned rd, unsigned rs1, unsigned rs2);

/* The next words belong to guest pc `offset`. */
void map(struct translation *t, enum bt_map_kind kind, unsigned offset, unsigned reg);

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
struct bt_fact fact_of(const struct insn *insn);
/* The instruction writes `reg`. */
void held_drop(struct translation *t, unsigned reg);

#endif
