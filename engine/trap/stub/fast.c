/* SPDX-License-Identifier: MIT */
/*
 * Stretches of guest instructions between privileged ones, where a signal for each of these would
 * cost more than the stretch: integer instructions, loads and stores of RAM, CSRs, and the calls
 * that need nobody else. Whatever is more than that is left to core, at pc.
 */
#include "engine/trap/stub/fast.h"

#include "core/alu.h"
#include "core/csr.h"
#include "core/trap.h"

/* By core's own access. False: it is illegal. */
static bool access_csr(struct vcpu *vcpu, const struct op *d)
{
    uint64_t old, satp = vcpu->priv.satp;
    unsigned effects;

    if (csr_access(vcpu, (unsigned)d->imm & 0xfff, (enum csr_op)(d->imm >> 16), *d->rs1, &old,
                   &effects) != 0)
        return false;
    *d->rd = old;
    if ((effects & CSR_EFFECT_XLATE) != 0 && step_fences(vcpu, INSN_csrrw, satp))
        kernel_fence();
    return true;
}

static void fence_vma(void)
{
    count(COUNT_PRIVILEGED);
    stlb_flush(&kernel.stlb, NULL, NULL);
    kernel_fence();
}

static bool is_interruptible(const struct vcpu *vcpu)
{
    return UNLIKELY((atomic_load_explicit(&vcpu->pending, memory_order_relaxed) & vcpu->priv.sie) !=
                    0) &&
           trap_pending_interrupt(vcpu) != 0;
}

void fast_new_code(void)
{
    fast_stamp++;
}

#define A    (*d->rs1)
#define B    (*d->rs2)
#define I    (d->imm)
#define PC   0 /* what is computed from it was computed before */

#define GO() goto * d->handler
#define NEXT()                                                                                     \
    do {                                                                                           \
        d++;                                                                                       \
        GO();                                                                                      \
    } while (0)
/* A privileged instruction: others are likely to follow. */
#define RENEW()  (stretch = done + (int)again)
#define INDEX()  ((unsigned)(d - b->op))
#define PC_OF(n) ((b->key & ~UINT64_C(1)) + 2 * (uint64_t)b->place[n].at)

/* To the block that was found there before, if it still holds. */
#define FOLLOW(n, to)                                                                              \
    do {                                                                                           \
        struct block *next = b->next[n];                                                           \
        if (LIKELY(next->stamp == stamp)) {                                                        \
            b = next;                                                                              \
            goto enter;                                                                            \
        }                                                                                          \
        pc = (to);                                                                                 \
        link = &b->next[n];                                                                        \
        goto find;                                                                                 \
    } while (0)

/* One function, far above the usual length: threaded code needs its labels in one place. `done` is
 * how many instructions are behind at the end of the block, `end` where the stretch ends. */
/* NOLINTNEXTLINE(readability-function-size) */
unsigned fast_run(struct vcpu *vcpu, unsigned limit, unsigned again, bool *core)
{
#define HANDLER(id, label) [id] = (int16_t)((const char *)&&label - (const char *)&&slow)
    static const int16_t handler[FAST_COUNT] = {
#define ALU(id, value)    HANDLER(INSN_##id, do_##id),
#define BRANCH(id, taken) HANDLER(INSN_##id, do_##id),
#define LOAD(id, type)    HANDLER(INSN_##id, do_##id),
#define STORE(id, type)   HANDLER(INSN_##id, do_##id),
#include "core/exec_alu.def"
        HANDLER(FAST_jump, do_jump),
        HANDLER(INSN_jalr, do_jalr),
        HANDLER(INSN_ecall, do_ecall),
        HANDLER(INSN_sret, do_sret),
        HANDLER(INSN_sfence_vma, do_sfence_vma),
        HANDLER(INSN_fence, do_fence),
        HANDLER(INSN_fence_i, do_fence_i),
        HANDLER(FAST_csr, do_csr),
        HANDLER(FAST_csr_satp, do_csr_satp),
        HANDLER(FAST_csr_swap, do_csr_swap),
        HANDLER(FAST_csr_sstatus, do_csr_sstatus),
        HANDLER(FAST_csr_sie_set, do_csr_sie_set),
        HANDLER(FAST_csr_sie_clear, do_csr_sie_clear),
        HANDLER(FAST_csr_stvec, do_csr_stvec),
        HANDLER(FAST_li, do_li),
        HANDLER(FAST_li_li, do_li_li),
        HANDLER(FAST_mv, do_mv),
        HANDLER(FAST_privileged, do_privileged),
        HANDLER(FAST_end, do_end),
    };
    const struct handlers handlers = {&&slow, handler};
    uint64_t pc = vcpu->user.pc, stamp, generation;
    struct block *b, **link = NULL;
    const struct op *d;
    int done = 0, end = (int)limit, stretch = (int)limit;
    bool flushed;

    *core = false;
    pages_update(vcpu);
    stamp = fast_stamp;
    generation = fast_generation;
    if (UNLIKELY((pc & 1) != 0))
        goto to_core;
find:
    flushed = false;
    b = block_find(vcpu, pc, &handlers, &flushed);
    if (b == NULL)
        goto to_core;
    if (link != NULL && !flushed)
        *link = b;
    link = NULL;
enter:
    if (UNLIKELY(done >= end)) {
        end = stretch < FAST_MOST ? stretch : FAST_MOST; /* it may have been renewed */
        if (done >= end) {
            pc = b->key & ~UINT64_C(1);
            goto out;
        }
    }
    done += (int)b->count;
    d = b->op;
    GO();

#define ALU(id, value)                                                                             \
    do_##id : *d->rd = (value);                                                                    \
    NEXT();
#define BRANCH(id, taken)                                                                          \
    do_##id : if (taken) FOLLOW(1, d->offset);                                                     \
    FOLLOW(0, b->end);
#define LOAD(id, type)                                                                             \
    do_##id:                                                                                       \
    {                                                                                              \
        const type *from = pages_reach(vcpu, A + I, sizeof(type), MMU_LOAD, generation);           \
        if (UNLIKELY(from == NULL))                                                                \
            goto slow;                                                                             \
        *d->rd = (uint64_t)__atomic_load_n(from, __ATOMIC_RELAXED);                                \
        NEXT();                                                                                    \
    }
#define STORE(id, type)                                                                            \
    do_##id:                                                                                       \
    {                                                                                              \
        uint64_t va = A + d->offset;                                                               \
        type *to = pages_reach(vcpu, va, sizeof(type), MMU_STORE, generation);                     \
        if (LIKELY(to != NULL)) {                                                                  \
            __atomic_store_n(to, (type)B, __ATOMIC_RELAXED);                                       \
            NEXT();                                                                                \
        }                                                                                          \
        to = pages_code(vcpu, va, sizeof(type));                                                   \
        if (to == NULL)                                                                            \
            goto slow;                                                                             \
        __atomic_store_n(to, (type)B, __ATOMIC_RELAXED);                                           \
        fast_stamp++;                                                                              \
        goto after;                                                                                \
    }
#include "core/exec_alu.def"
do_privileged:
    kernel.area->count[COUNT_PRIVILEGED] += I;
    RENEW();
    NEXT();
do_li:
    *d->rd = I;
    NEXT();
do_li_li:
    *d->rd = (uint64_t)(int64_t)d->imm32[0];
    *d->rd2 = (uint64_t)(int64_t)d->imm32[1];
    NEXT();
do_mv:
    *d->rd = A;
    NEXT();
do_jump:
    *d->rd = b->end;
    FOLLOW(1, I);
do_jalr:
    pc = (A + I) & ~UINT64_C(1);
    *d->rd = b->end;
    if (LIKELY(b->next[1]->stamp == stamp && (b->next[1]->key & ~UINT64_C(1)) == pc)) {
        b = b->next[1];
        goto enter;
    }
    link = &b->next[1];
    goto find;
do_end:
    FOLLOW(0, b->end);
do_fence:
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    NEXT();
do_fence_i:
    __asm__ volatile("fence.i" : : : "memory");
    fast_stamp++;
    goto after;
do_csr_swap : {
    uint64_t value = A;
    *d->rd = *d->word;
    *d->word = value;
    NEXT();
}
do_csr_sstatus:
    *d->rd = csr_sstatus(vcpu);
    NEXT();
do_csr_sie_set:
    if ((A & ~SSTATUS_SIE) != 0)
        goto do_csr;
    {
        uint64_t bits = A;
        *d->rd = csr_sstatus(vcpu);
        vcpu->priv.sstatus |= bits;
    }
    if (is_interruptible(vcpu))
        goto after;
    NEXT();
do_csr_sie_clear:
    if ((A & ~SSTATUS_SIE) != 0)
        goto do_csr;
    {
        uint64_t bits = A;
        *d->rd = csr_sstatus(vcpu);
        vcpu->priv.sstatus &= ~bits;
    }
    NEXT();
do_csr_stvec:
    if ((A & STVEC_MODE) > 1)
        goto do_csr;
    vcpu->priv.stvec = A;
    NEXT();
do_csr:
    if (!access_csr(vcpu, d))
        goto slow;
    goto after;
do_csr_satp:
    if (!access_csr(vcpu, d))
        goto slow;
    if (d[1].handler != &&do_sfence_vma)
        goto after;
    d++; /* a hart, too, may have fetched the fence before */
    goto do_sfence_vma;
do_ecall:
    if (!kernel_call(vcpu))
        goto slow;
    RENEW();
    if (UNLIKELY(is_interruptible(vcpu))) {
        pc = b->end;
        goto out;
    }
    FOLLOW(0, b->end);
do_sret:
    count(COUNT_SRET);
    trap_sret(vcpu);
    pc = vcpu->user.pc;
    RENEW();
    goto changed;
do_sfence_vma:
    fence_vma();
    RENEW();
after : {
    unsigned index = INDEX() + 1;
    done -= (int)b->count - b->place[index].nth;
    pc = PC_OF(index);
}
changed:
    /* Everything that was looked up may be another now. */
    pages_update(vcpu);
    stamp = fast_stamp;
    generation = fast_generation;
    if (vcpu->priv.mode == PRIV_S && !is_interruptible(vcpu))
        goto find;
    goto out;
slow:
    done -= (int)b->count - b->place[INDEX()].nth;
    pc = PC_OF(INDEX());
to_core:
    *core = true;
out:
    vcpu->user.pc = pc;
    vcpu->priv.instret += (uint64_t)done;
    vcpu->priv.cycle += (uint64_t)done;
    kernel.area->count[COUNT_INTERPRETED] += (uint64_t)done;
    return stretch > done ? (unsigned)(stretch - done) : 0;
}
