/* SPDX-License-Identifier: MIT */
/*
 * What the files that execute stretches of guest code share: pages as the code sees them (pages.c),
 * and blocks of decoded instructions (block.c) for fast.c to run.
 */
#ifndef ENGINE_TRAP_STUB_FAST_H
#define ENGINE_TRAP_STUB_FAST_H

#include "engine/trap/stub/stub.h"

#pragma GCC visibility push(hidden) /* in the same image, and found without a table */

#define FAST_PAGES 128 /* remembered for each kind of access */

/* Host address - guest-virtual address of a page; the tag is the page and the generation, which
 * lies between the page's bits and those that tell whether an access is aligned. */
struct fast_page {
    uint64_t tag, addend;
};
extern struct fast_page fast_pages[3][FAST_PAGES];
extern uint64_t fast_generation;

/* Blocks seen to hold under this stamp are as memory and mappings are now. */
extern uint64_t fast_stamp;

/* Drops what the vCPU's mode, satp, SUM, MXR or a fence have made stale. */
void pages_update(const struct vcpu *vcpu);
/* Remembers the page of an access that `reach` does not know. NULL: it is core's business. */
void *pages_find(const struct vcpu *vcpu, gva_t va, enum mmu_access access);
/* Where a store goes that pages_find does not remember, since there are blocks of its page. */
void *pages_code(const struct vcpu *vcpu, gva_t va, uint64_t size);
/* Stores to this page of the window go by pages_code from now on. */
void pages_note_code(const void *page);
void pages_forget_code(void);

/* Where the aligned access goes, or NULL. */
static inline void *pages_reach(const struct vcpu *vcpu, gva_t va, uint64_t size,
                                enum mmu_access access, uint64_t generation)
{
    const struct fast_page *page = &fast_pages[access][(va >> PAGE_SHIFT) % FAST_PAGES];

    if (UNLIKELY(page->tag != ((va & (PAGE_MASK | (size - 1))) | generation)))
        return (va & (size - 1)) == 0 ? pages_find(vcpu, va, access) : NULL;
    return (void *)(uintptr_t)(va + page->addend);
}

/* Instructions of fast.c's own, behind those of the table. */
enum fast_id {
    FAST_csr = INSN_COUNT, /* by core's csr_access */
    FAST_csr_satp,         /* a write of it, by csr_access */
    FAST_csr_swap,         /* csrrw of a word, with rd */
    FAST_csr_sstatus,      /* read */
    FAST_csr_sie_set,      /* sstatus.SIE */
    FAST_csr_sie_clear,
    FAST_csr_stvec, /* write */
    FAST_jump,      /* to a place that is known */
    FAST_li,
    FAST_li_li, /* two in a row, of 32 bits */
    FAST_mv,
    FAST_privileged, /* the first of a block with instructions that access CSRs: their number */
    FAST_end,        /* behind the last of a block */
    FAST_COUNT
};

/*
 * A decoded instruction: operands are addresses, of registers, CSRs or constants. What needs rs1,
 * rs2 and an immediate has no rd.
 */
struct op {
    const void *handler;
    union {
        uint64_t *rd;
        uint64_t offset; /* of a store; of a branch, where it goes to when taken */
    };
    union {
        const uint64_t *rs1;
        uint64_t *rd2; /* of the second li */
    };
    union {
        const uint64_t *rs2;
        int32_t imm32[2];
        uint64_t imm; /* of FAST_jump: where it goes to; of FAST_csr: number | enum csr_op << 16 */
        uint64_t *word;
    };
};

/* Where an op's instruction lies: in halfwords from the block's begin, and instructions before it.
 */
struct place {
    uint8_t at, nth;
};

/* Instructions that follow each other in one page, up to one that does not go on to the next. */
struct block {
    uint64_t key;   /* pc, | 1 in U-mode */
    uint64_t stamp; /* when it was last seen to hold */
    uint64_t end;   /* pc behind it */
    struct block
        *next[2]; /* found behind it, and where a jump went; their stamps say if that holds */
    const uint64_t *words;     /* its code, in whole doublewords of memory */
    const struct place *place; /* of each op, and of what is behind the last */
    uint32_t count;            /* instructions */
    uint32_t nwords;
    struct op op[];
};

/* Where fast_run carries out an instruction: how far from `base`. */
struct handlers {
    const uint8_t *base;
    const int16_t *distance; /* by enum fast_id; 0 is core's */
};

/* The block at pc in the vCPU's mode, which holds now. NULL: core has to fetch. *flushed: every
 * block from before is gone. */
struct block *block_find(struct vcpu *vcpu, gva_t pc, const struct handlers *handlers,
                         bool *flushed);
extern struct block block_none;

#pragma GCC visibility pop

#endif
