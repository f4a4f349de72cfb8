/* SPDX-License-Identifier: MIT */
/*
 * Stretches of guest instructions between privileged ones, where a signal for each of these would
 * cost more than the stretch: integer instructions, loads and stores of RAM, and the CSRs that are
 * nothing but words. Whatever is more than that is left to core, at pc.
 */
#include "core/alu.h"
#include "core/csr.h"
#include "core/trap.h"
#include "engine/trap/stub/stub.h"

#define PAGES         32 /* remembered for each kind of access */
#define GENERATIONS   4096
#define DECODED_PAGES 16

/* Host address - guest-virtual address of a page; the tag is the page and the generation. */
static struct page {
    uint64_t tag, addend;
} pages[3][PAGES];
static uint64_t generation = 1;

/* What the pages were looked up under. */
static struct {
    uint64_t satp, flags;
    uint32_t epoch, mode;
} context;

static void forget(void)
{
    if (++generation < GENERATIONS)
        return;
    memset(pages, 0, sizeof(pages));
    generation = 1;
}

static void check_context(const struct vcpu *vcpu)
{
    uint64_t flags = vcpu->priv.sstatus & (SSTATUS_SUM | SSTATUS_MXR);

    if (context.satp == vcpu->priv.satp && context.flags == flags &&
        context.epoch == kernel.epoch && context.mode == vcpu->priv.mode)
        return;
    context.satp = vcpu->priv.satp;
    context.flags = flags;
    context.epoch = kernel.epoch;
    context.mode = vcpu->priv.mode;
    forget();
}

/* Guest RAM in the window. */
static uint8_t *ram_at(gpa_t gpa)
{
    uint64_t offset = gpa - stub_config.ram;

    return offset < stub_config.ram_size ? (uint8_t *)stub_config.window + offset : NULL;
}

static bool leaf_plain(const struct vcpu *vcpu, uint64_t pte, unsigned level,
                       enum mmu_access access)
{
    static const uint64_t needs[] = {[MMU_LOAD] = PTE_V | PTE_A | PTE_R,
                                     [MMU_STORE] = PTE_V | PTE_A | PTE_D | PTE_R | PTE_W,
                                     [MMU_FETCH] = PTE_V | PTE_A | PTE_X};
    bool user = vcpu->priv.mode == PRIV_U;
    bool sum = (vcpu->priv.sstatus & SSTATUS_SUM) != 0 && access != MMU_FETCH;

    if ((pte & needs[access]) != needs[access] || (pte & (PTE_N | PTE_PBMT | PTE_RESERVED)) != 0)
        return false;
    if (((pte & PTE_U) != 0) != user && !(sum && !user))
        return false;
    return ((pte >> PTE_PPN_SHIFT) & ((UINT64_C(1) << (9 * level)) - 1)) == 0;
}

/* The page of va in the window when the walk is the plain one; NULL leaves it to core. */
static uint8_t *walk(const struct vcpu *vcpu, gva_t va, enum mmu_access access)
{
    uint64_t satp = vcpu->priv.satp;
    unsigned mode = (unsigned)(satp >> SATP_MODE_SHIFT);
    gpa_t table = (satp & SATP_PPN) << PAGE_SHIFT;

    if (mode == SATP_MODE_BARE)
        return ram_at(va & PAGE_MASK);
    if (mode != SATP_MODE_SV39 || (uint64_t)((int64_t)(va << 25) >> 25) != va)
        return NULL;
    for (unsigned level = 3; level-- > 0;) {
        const uint8_t *at = ram_at(table + ((va >> (PAGE_SHIFT + 9 * level)) & 511) * 8);
        if (at == NULL)
            return NULL;
        uint64_t pte = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
        uint64_t below = (UINT64_C(1) << (9 * level)) - 1;
        table = ((pte & PTE_PPN) >> PTE_PPN_SHIFT) << PAGE_SHIFT;
        if ((pte & (PTE_R | PTE_W | PTE_X)) != 0)
            return leaf_plain(vcpu, pte, level, access)
                       ? ram_at(table + ((va >> PAGE_SHIFT) & below) * PAGE_SIZE)
                       : NULL;
        if ((pte & (PTE_V | PTE_U | PTE_A | PTE_D | PTE_N | PTE_PBMT | PTE_RESERVED)) != PTE_V)
            return NULL;
    }
    return NULL;
}

/* Where the aligned access goes, or NULL. */
static inline void *reach(const struct vcpu *vcpu, gva_t va, uint64_t size, enum mmu_access access,
                          uint64_t now)
{
    struct page *page = &pages[access][(va >> PAGE_SHIFT) % PAGES];
    uint64_t tag = (va & PAGE_MASK) | now;

    if (UNLIKELY((va & (size - 1)) != 0))
        return NULL;
    if (UNLIKELY(page->tag != tag)) {
        uint8_t *host = walk(vcpu, va, access);
        if (host == NULL)
            return NULL;
        page->tag = tag;
        page->addend = (uint64_t)(uintptr_t)host - (va & PAGE_MASK);
    }
    return (void *)(uintptr_t)(va + page->addend);
}

/* The words among the CSRs, and reads of two more. */
static uint64_t *csr_word(struct vcpu *vcpu, unsigned number, uint64_t *mask)
{
    *mask = ~UINT64_C(0);
    switch (number) {
    case CSR_sscratch:
        return &vcpu->priv.sscratch;
    case CSR_sepc:
        *mask = ~UINT64_C(1);
        return &vcpu->priv.sepc;
    case CSR_scause:
        return &vcpu->priv.scause;
    case CSR_stval:
        return &vcpu->priv.stval;
    case CSR_stvec:
        *mask = ~UINT64_C(3);
        return &vcpu->priv.stvec;
    default:
        return NULL;
    }
}

static bool access_csr(struct vcpu *vcpu, const struct insn *insn)
{
    uint64_t mask, *word = csr_word(vcpu, (unsigned)insn->imm, &mask);
    uint64_t *x = vcpu->user.x, value = x[insn->rs1];
    bool reads = insn->id == INSN_csrrs && insn->rs1 == 0;

    if (vcpu->priv.mode != PRIV_S)
        return false;
    if (insn->imm == CSR_sstatus && reads) {
        x[insn->rd] = csr_sstatus(vcpu);
        return true;
    }
    if (word == NULL || (!reads && insn->id != INSN_csrrw))
        return false;
    uint64_t old = *word;
    if (!reads && insn->imm == CSR_stvec && (value & ~mask) != 0)
        return false;
    if (!reads)
        *word = value & mask;
    x[insn->rd] = old;
    return true;
}

/* The words of the page at pc, or NULL. */
static const uint16_t *code_page(const struct vcpu *vcpu, gva_t pc)
{
    return reach(vcpu, pc & PAGE_MASK, PAGE_SIZE, MMU_FETCH, generation);
}

/* The rd of a decoded instruction that writes none. */
#define X_NONE 32
_Static_assert(offsetof(struct vcpu_user, pc) == X_NONE * sizeof(uint64_t),
               "what lands in x[X_NONE] is overwritten with pc at the end of a stretch");

/* A write of satp or sstatus, sret, sfence.vma, or a call that needs nobody else, in S-mode; pc is
 * that of the instruction and then of the next. False: it is core's. */
static bool privileged(struct vcpu *vcpu, const struct insn *insn)
{
    uint64_t old, satp = vcpu->priv.satp;
    unsigned effects;

    switch (insn->id) {
    case INSN_ecall:
        return kernel_call(vcpu);
    case INSN_sret:
        count(COUNT_SRET);
        trap_sret(vcpu);
        return true;
    case INSN_sfence_vma:
        count(COUNT_PRIVILEGED);
        stlb_flush(&kernel.stlb, NULL, NULL);
        kernel_fence();
        break;
    default:
        if (csr_access(vcpu, (unsigned)insn->imm, CSR_OP_WRITE, vcpu->user.x[insn->rs1], &old,
                       &effects) != 0)
            return false;
        count(COUNT_PRIVILEGED);
        if (insn->rd != X_NONE)
            vcpu->user.x[insn->rd] = old;
        if (step_fences(vcpu, insn, satp))
            kernel_fence();
    }
    vcpu->user.pc += insn->len;
    return true;
}

/* What was decoded at each place of a page, for whichever page it was: the words say whether it
 * still holds, so that nothing ever has to be dropped. rd is X_NONE where nothing is written, aux
 * says how far the handler in fast_run is from `slow`, where everything goes that has none. */
static struct insn decoded[DECODED_PAGES][PAGE_SIZE / 2];

static struct insn *decoded_page(gva_t base)
{
    return decoded[(base >> PAGE_SHIFT ^ base >> 24) % DECODED_PAGES];
}

static void decode(uint32_t raw, struct insn *d, const int16_t *handler)
{
    insn_decode(&kernel.vm.isa, raw, d);
    if (d->rd == 0)
        d->rd = X_NONE;
    d->aux = (uint16_t)handler[d->id];
}

bool fast_fetch(struct vcpu *vcpu, struct insn *insn)
{
    uint64_t pc = vcpu->user.pc, slot = (pc & ~PAGE_MASK) >> 1;
    const uint16_t *code;

    check_context(vcpu);
    code = (pc & 1) == 0 ? code_page(vcpu, pc) : NULL;
    if (code == NULL || (slot == PAGE_SIZE / 2 - 1 && (code[slot] & 3) == 3))
        return false;
    uint32_t raw = code[slot];
    if ((raw & 3) == 3)
        raw |= (uint32_t)code[slot + 1] << 16;
    const struct insn *d = &decoded_page(pc & PAGE_MASK)[slot];
    if (d->raw == raw && d->len != 0) {
        *insn = *d;
        if (insn->rd == X_NONE)
            insn->rd = 0;
    } else {
        insn_decode(&kernel.vm.isa, raw, insn);
    }
    return true;
}

#define A  x[d->rs1]
#define B  x[d->rs2]
#define I  ((uint64_t)(int64_t)d->imm)
#define PC pc

/* Fetches, decodes and goes to the handler; ends where fast_run has to. */
#define DISPATCH()                                                                                 \
    do {                                                                                           \
        uint64_t offset = pc - base;                                                               \
        if (UNLIKELY(offset >= PAGE_SIZE) || UNLIKELY(--left < 0))                                 \
            goto look;                                                                             \
        const uint16_t *at = (const uint16_t *)(const void *)((const uint8_t *)code + offset);     \
        uint32_t raw = at[0];                                                                      \
        if ((raw & 3) == 3) {                                                                      \
            if (UNLIKELY(offset == PAGE_SIZE - 2))                                                 \
                goto slow;                                                                         \
            raw |= (uint32_t)at[1] << 16;                                                          \
        }                                                                                          \
        d = (struct insn *)(void *)((uint8_t *)slots + offset / 2 * sizeof(*d));                   \
        if (UNLIKELY(d->raw != raw))                                                               \
            decode(raw, d, handler);                                                               \
        goto *((const char *)&&slow + (int16_t)d->aux);                                            \
    } while (0)
#define NEXT()                                                                                     \
    do {                                                                                           \
        pc += d->len;                                                                              \
        DISPATCH();                                                                                \
    } while (0)

/* One function, far above the usual length: threaded code needs its labels in one place. `left`
 * counts down, `budget` holds what of it has been accounted for. */
unsigned fast_run(struct vcpu *vcpu, unsigned limit, unsigned again, bool *core)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* a default, then what has a handler */
    static const int16_t handler[INSN_COUNT] = {
        [0 ... INSN_COUNT - 1] = 0,
#define ALU(id, value)    [INSN_##id] = (int16_t)((const char *)&&do_##id - (const char *)&&slow),
#define BRANCH(id, taken) [INSN_##id] = (int16_t)((const char *)&&do_##id - (const char *)&&slow),
#define JUMP(id, target)  [INSN_##id] = (int16_t)((const char *)&&do_##id - (const char *)&&slow),
#define LOAD(id, type)    [INSN_##id] = (int16_t)((const char *)&&do_##id - (const char *)&&slow),
#define STORE(id, type)   [INSN_##id] = (int16_t)((const char *)&&do_##id - (const char *)&&slow),
#include "core/exec_alu.def"
        [INSN_csrrw] = (int16_t)((const char *)&&do_csr - (const char *)&&slow),
        [INSN_csrrs] = (int16_t)((const char *)&&do_csr - (const char *)&&slow),
        [INSN_ecall] = (int16_t)((const char *)&&do_system - (const char *)&&slow),
        [INSN_sret] = (int16_t)((const char *)&&do_system - (const char *)&&slow),
        [INSN_sfence_vma] = (int16_t)((const char *)&&do_system - (const char *)&&slow),
        [INSN_fence_i] = (int16_t)((const char *)&&do_fence_i - (const char *)&&slow),
    };
#pragma GCC diagnostic pop
    uint64_t *x = vcpu->user.x;
    uint64_t pc = vcpu->user.pc, base = 0;
    const uint16_t *code = NULL;
    struct insn *d, *slots;
    int left = (int)limit, total = (int)limit;

    *core = false;
    check_context(vcpu);
    uint64_t now = generation;
    if (UNLIKELY((pc & 1) != 0))
        goto to_core;
look:
    if (left <= 0) {
        left = 0;
        goto out;
    }
    base = pc & PAGE_MASK;
    code = code_page(vcpu, pc);
    slots = decoded_page(base);
    if (code == NULL)
        goto to_core;
    DISPATCH();

#define ALU(id, value)                                                                             \
    do_##id : x[d->rd] = (value);                                                                  \
    NEXT();
#define BRANCH(id, taken)                                                                          \
    do_##id : pc += (taken) ? I : d->len;                                                          \
    DISPATCH();
#define JUMP(id, target)                                                                           \
    do_##id:                                                                                       \
    {                                                                                              \
        uint64_t to = (target);                                                                    \
        x[d->rd] = pc + d->len;                                                                    \
        pc = to;                                                                                   \
        DISPATCH();                                                                                \
    }
#define LOAD(id, type)                                                                             \
    do_##id:                                                                                       \
    {                                                                                              \
        const type *from = reach(vcpu, A + I, sizeof(type), MMU_LOAD, now);                        \
        if (UNLIKELY(from == NULL))                                                                \
            goto slow;                                                                             \
        x[d->rd] = (uint64_t)__atomic_load_n(from, __ATOMIC_RELAXED);                              \
        NEXT();                                                                                    \
    }
#define STORE(id, type)                                                                            \
    do_##id:                                                                                       \
    {                                                                                              \
        type *to = reach(vcpu, A + I, sizeof(type), MMU_STORE, now);                               \
        if (UNLIKELY(to == NULL))                                                                  \
            goto slow;                                                                             \
        __atomic_store_n(to, (type)B, __ATOMIC_RELAXED);                                           \
        NEXT();                                                                                    \
    }
#include "core/exec_alu.def"
do_fence_i:
    __asm__ volatile("fence.i" : : : "memory");
    NEXT();
do_csr:
    if (access_csr(vcpu, d))
        goto privileged;
    if (vcpu->priv.mode != PRIV_S || d->id != INSN_csrrw ||
        (d->imm != CSR_satp && d->imm != CSR_sstatus))
        goto slow;
do_system:
    vcpu->user.pc = pc;
    if (vcpu->priv.mode != PRIV_S || !privileged(vcpu, d))
        goto slow;
    /* Everything that was looked up may be another now. */
    check_context(vcpu);
    now = generation;
    pc = vcpu->user.pc;
    total += (int)again - left;
    left = (int)again;
    if (vcpu->priv.mode == PRIV_S && trap_pending_interrupt(vcpu) == 0 && total < FAST_MOST)
        goto look;
    left--; /* it was one */
    goto out;
privileged:
    count(COUNT_PRIVILEGED);
    if (left < (int)again && total < FAST_MOST) {
        total += (int)again - left;
        left = (int)again;
    }
    NEXT();
slow:
    left++;
to_core:
    *core = true;
out:
    vcpu->user.pc = pc;
    vcpu->priv.instret += (uint64_t)(total - left);
    vcpu->priv.cycle += (uint64_t)(total - left);
    kernel.area->count[COUNT_INTERPRETED] += (uint64_t)(total - left);
    return (unsigned)left;
}
