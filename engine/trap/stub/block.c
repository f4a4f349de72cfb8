/* SPDX-License-Identifier: MIT */
/*
 * Blocks: guest code decoded once, found again by its address, and held against the words in memory
 * before it is used after anything could have changed them or where they are. They lie one behind
 * the other in a pool that is emptied when it is full.
 */
#include "core/csr.h"
#include "engine/trap/stub/fast.h"

#define BLOCKS     4096 /* of a power of two */
#define POOL       (512 * 1024)
#define INSNS_MOST 32 /* of a block */
#define DECODED    512

static struct block *blocks[BLOCKS];
static uint64_t pool[POOL / sizeof(uint64_t)];
static uint64_t pool_used;
struct block block_none;

static uint64_t sink; /* x0 as a destination */
static const uint64_t constant[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                      11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                      22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

static struct insn decoded[DECODED];

/* Instructions come again and again, whatever their place. */
static const struct insn *decode(uint32_t raw)
{
    struct insn *insn = &decoded[(raw ^ raw >> 7 ^ raw >> 16) % DECODED];

    if (insn->raw != raw || insn->len == 0)
        insn_decode(&kernel.vm.isa, raw, insn);
    return insn;
}

/* The page at pc, or NULL. */
static const uint8_t *code_page(const struct vcpu *vcpu, gva_t pc)
{
    return pages_reach(vcpu, pc & PAGE_MASK, PAGE_SIZE, MMU_FETCH, fast_generation);
}

/* The instruction there, or NULL when it goes on in the next page. */
static const struct insn *decode_at(const uint8_t *page, uint64_t offset)
{
    const uint16_t *half = (const uint16_t *)(const void *)(page + offset);
    uint32_t raw = half[0];

    if (!insn_is_compressed(raw)) {
        if (offset == PAGE_SIZE - 2)
            return NULL;
        raw |= (uint32_t)half[1] << 16;
    }
    return decode(raw);
}

bool fast_fetch(struct vcpu *vcpu, struct insn *insn)
{
    gva_t pc = vcpu->user.pc;
    const struct insn *found;

    pages_update(vcpu);
    const uint8_t *page = (pc & 1) == 0 ? code_page(vcpu, pc) : NULL;
    found = page != NULL ? decode_at(page, pc & ~PAGE_MASK) : NULL;
    if (found != NULL)
        *insn = *found;
    return found != NULL;
}

static uint64_t *destination(struct vcpu *vcpu, unsigned reg)
{
    return reg != 0 ? &vcpu->user.x[reg] : &sink;
}

/* CSRs that hold what was written, but for the bits of *clear. */
static uint64_t *csr_word(struct vcpu *vcpu, unsigned number, uint64_t *clear)
{
    *clear = 0;
    switch (number) {
    case CSR_sscratch:
        return &vcpu->priv.sscratch;
    case CSR_sepc:
        *clear = 1;
        return &vcpu->priv.sepc;
    case CSR_scause:
        return &vcpu->priv.scause;
    case CSR_stval:
        return &vcpu->priv.stval;
    default:
        return NULL;
    }
}

/* ... and those that read as they lie in the record. */
static uint64_t *csr_readable(struct vcpu *vcpu, unsigned number)
{
    uint64_t clear;

    switch (number) {
    case CSR_satp:
        return &vcpu->priv.satp;
    case CSR_sie:
        return &vcpu->priv.sie;
    case CSR_stvec:
        return &vcpu->priv.stvec;
    default:
        return csr_word(vcpu, number, &clear);
    }
}

static unsigned csr_read(struct vcpu *vcpu, const struct insn *insn, struct op *op)
{
    uint64_t *word = csr_readable(vcpu, (unsigned)insn->imm);

    op->rd = destination(vcpu, insn->rd);
    if (insn->imm == CSR_sstatus)
        return FAST_csr_sstatus;
    if (word == NULL)
        return FAST_csr;
    op->rs1 = word;
    return FAST_mv;
}

/* csrrw. */
static unsigned csr_write(struct vcpu *vcpu, const struct insn *insn, struct op *op)
{
    uint64_t clear, *word = csr_word(vcpu, (unsigned)insn->imm, &clear);

    if (insn->imm == CSR_satp)
        return FAST_csr_satp;
    if (insn->imm == CSR_stvec && insn->rd == 0)
        return FAST_csr_stvec;
    if (word == NULL || (clear != 0 && insn->rd != 0))
        return FAST_csr;
    if (insn->rd != 0) {
        op->word = word;
        return FAST_csr_swap;
    }
    op->rd = word;
    op->imm = ~clear;
    return clear == 0 ? FAST_mv : INSN_andi;
}

/* Of CSR instructions in S-mode; those that need what fast_run holds back, or are not there, are
 * core's. */
static unsigned csr_op(struct vcpu *vcpu, const struct insn *insn, struct op *op)
{
    bool constant_form = insn->id >= INSN_csrrwi;
    enum csr_op kind = insn->id == INSN_csrrw || insn->id == INSN_csrrwi   ? CSR_OP_WRITE
                       : insn->id == INSN_csrrs || insn->id == INSN_csrrsi ? CSR_OP_SET
                                                                           : CSR_OP_CLEAR;

    if (kind != CSR_OP_WRITE && insn->rs1 == 0)
        kind = CSR_OP_READ;
    op->rd = destination(vcpu, insn->rd);
    op->rs1 = constant_form ? &constant[insn->rs1] : &vcpu->user.x[insn->rs1];
    op->imm = (uint64_t)(unsigned)insn->imm | (uint64_t)kind << 16;
    if (insn->imm == CSR_cycle || insn->imm == CSR_instret)
        return INSN_illegal;
    if (kind == CSR_OP_READ)
        return csr_read(vcpu, insn, op);
    if (kind == CSR_OP_WRITE)
        return csr_write(vcpu, insn, op);
    if (insn->imm == CSR_sstatus)
        return kind == CSR_OP_SET ? FAST_csr_sie_set : FAST_csr_sie_clear;
    return FAST_csr;
}

/* Fills in the operands; returns which instruction is to be carried out with them, or
 * INSN_illegal, which is core's. */
static unsigned prepare(struct vcpu *vcpu, gva_t pc, const struct insn *insn, struct op *op)
{
    uint64_t imm = (uint64_t)(int64_t)insn->imm;
    const struct insn_info *info = insn_info(insn->id);

    if (info->class == INSN_CLASS_CSR || info->class == INSN_CLASS_SYSTEM) {
        if (vcpu->priv.mode != PRIV_S)
            return INSN_illegal;
        return info->class == INSN_CLASS_CSR ? csr_op(vcpu, insn, op) : insn->id;
    }
    op->rd = destination(vcpu, insn->rd);
    op->rs1 = &vcpu->user.x[insn->rs1];
    op->imm = imm;
    switch (info->class) {
    case INSN_CLASS_STORE:
        op->offset = imm;
        op->rs2 = &vcpu->user.x[insn->rs2];
        return insn->id;
    case INSN_CLASS_BRANCH:
        op->offset = pc + imm;
        op->rs2 = &vcpu->user.x[insn->rs2];
        return insn->id;
    default:
        break;
    }
    if (info->format == INSN_FMT_R)
        op->rs2 = &vcpu->user.x[insn->rs2];
    if (insn->id == INSN_jal || insn->id == INSN_auipc)
        op->imm = pc + imm;
    if (insn->id == INSN_jal)
        return FAST_jump;
    if (insn->id == INSN_auipc || insn->id == INSN_lui || (insn->id == INSN_addi && insn->rs1 == 0))
        return FAST_li;
    return insn->id == INSN_addi && insn->imm == 0 ? FAST_mv : insn->id;
}

/* Does the code behind it have to be looked for, or is it core's? */
static bool ends(unsigned id, const int16_t *handler)
{
    switch (insn_info(id)->class) {
    case INSN_CLASS_BRANCH:
    case INSN_CLASS_JUMP:
    case INSN_CLASS_SYSTEM:
        return true;
    default:
        return handler[id] == 0 || id == FAST_csr || id == FAST_jump || id == INSN_fence_i;
    }
}

/* A block on its way: with room for one op in front, and one behind. */
struct making {
    struct op op[1 + INSNS_MOST + 1];
    struct place place[1 + INSNS_MOST + 1];
    unsigned first, nops; /* from op[first] on */
    unsigned count;
    uint64_t privileged;
    uint64_t length;
};

/* auipc and jalr: where they go to is known. */
static unsigned join_jump(const struct op *before, struct op *op, const struct handlers *handlers)
{
    if (before->handler != handlers->base + handlers->distance[FAST_li] || before->rd != op->rs1)
        return INSN_jalr;
    op->imm = (before->imm + op->imm) & ~UINT64_C(1);
    return FAST_jump;
}

/* Two constants at once: arguments of calls come in rows. */
static bool join_li(struct op *before, const struct op *op, const struct handlers *handlers)
{
    const uint8_t *li = handlers->base + handlers->distance[FAST_li];
    int64_t first = (int64_t)before->imm, second = (int64_t)op->imm;

    if (before->handler != li || first != (int32_t)first || second != (int32_t)second)
        return false;
    before->handler = handlers->base + handlers->distance[FAST_li_li];
    before->rd2 = op->rd;
    before->imm32[0] = (int32_t)first;
    before->imm32[1] = (int32_t)second;
    return true;
}

/* Takes the instruction, or what lies there instead (NULL: half of one). True: the last. */
static bool take_insn(struct vcpu *vcpu, gva_t pc, const struct insn *insn,
                      const struct handlers *handlers, struct making *m)
{
    struct op *op = &m->op[m->nops];
    unsigned id = INSN_illegal;

    m->place[m->nops] = (struct place){(uint8_t)(m->length / 2), (uint8_t)m->count};
    memset(op, 0, sizeof(*op));
    if (insn != NULL)
        id = prepare(vcpu, pc + m->length, insn, op);
    if (id == INSN_jalr)
        id = join_jump(op - 1, op, handlers);
    if (id != FAST_li || insn->id == INSN_auipc || !join_li(op - 1, op, handlers)) {
        op->handler = handlers->base + handlers->distance[id];
        m->nops++;
    }
    m->count++;
    m->length += insn != NULL ? insn->len : 2;
    if (insn != NULL && handlers->distance[id] != 0)
        m->privileged += insn_info(insn->id)->class == INSN_CLASS_CSR;
    return ends(id, handlers->distance);
}

static void take_insns(struct vcpu *vcpu, gva_t pc, const uint8_t *page,
                       const struct handlers *handlers, struct making *m)
{
    uint64_t offset = pc & ~PAGE_MASK;
    bool last = false;

    m->privileged = m->length = m->count = 0;
    m->nops = 1;
    m->op[0].handler = NULL;
    while (!last && m->count < INSNS_MOST && offset + m->length < PAGE_SIZE) {
        const struct insn *insn = decode_at(page, offset + m->length);
        if (insn == NULL && m->count > 0)
            break;
        last = take_insn(vcpu, pc, insn, handlers, m);
    }
    m->place[m->nops] = (struct place){(uint8_t)(m->length / 2), (uint8_t)m->count};
    m->op[m->nops++].handler = handlers->base + handlers->distance[FAST_end];
    m->place[0] = (struct place){0, 0};
    m->op[0].handler = handlers->base + handlers->distance[FAST_privileged];
    m->op[0].imm = m->privileged;
    m->first = m->privileged == 0;
}

static void *take_room(uint64_t size)
{
    void *room = &pool[pool_used / sizeof(uint64_t)];

    pool_used += (size + 7) & ~UINT64_C(7);
    return room;
}

static bool has_room(uint64_t nops, uint64_t nwords)
{
    return pool_used + sizeof(struct block) + nops * (sizeof(struct op) + sizeof(struct place)) +
               nwords * 8 + 8 <=
           POOL;
}

static void flush(void)
{
    memset(blocks, 0, sizeof(blocks));
    pool_used = 0;
    pages_forget_code();
}

static struct block *make(gva_t pc, uint64_t key, const uint8_t *page, const struct making *m,
                          bool *flushed)
{
    const uint64_t *words = (const uint64_t *)(const void *)(page + (pc & ~PAGE_MASK & ~7U));
    uint64_t nwords = ((pc & 7) + m->length + 7) / 8;
    unsigned nops = m->nops - m->first;

    if (!has_room(nops, nwords)) {
        flush();
        *flushed = true;
    }
    struct block *block = take_room(sizeof(*block) + nops * sizeof(struct op));
    uint64_t *copy = take_room(nwords * sizeof(uint64_t));
    struct place *place = take_room(nops * sizeof(struct place));
    *block = (struct block){.key = key,
                            .stamp = fast_stamp,
                            .end = pc + m->length,
                            .next = {&block_none, &block_none},
                            .words = copy,
                            .place = place,
                            .count = m->count,
                            .nwords = (uint32_t)nwords};
    memcpy(block->op, m->op + m->first, nops * sizeof(struct op));
    memcpy(copy, words, nwords * sizeof(uint64_t));
    memcpy(place, m->place + m->first, nops * sizeof(struct place));
    pages_note_code(page);
    return block;
}

static bool holds(const struct block *block, gva_t pc, const uint8_t *page)
{
    const uint64_t *words = (const uint64_t *)(const void *)(page + (pc & ~PAGE_MASK & ~7U));
    const uint64_t *copy = block->words;

    for (unsigned i = 0; i < block->nwords; i++) {
        if (copy[i] != words[i])
            return false;
    }
    return true;
}

/* Decodes what lies at pc now. */
static __attribute__((noinline)) struct block *renew(struct vcpu *vcpu, gva_t pc, uint64_t key,
                                                     const uint8_t *page,
                                                     const struct handlers *handlers, bool *flushed)
{
    static struct making making;

    take_insns(vcpu, pc, page, handlers, &making);
    return make(pc, key, page, &making, flushed);
}

/* Each address has two places; what was found or made last is in the first. */
static struct block **look_up(gva_t pc, uint64_t key)
{
    uint64_t index = (pc >> 1 ^ pc >> PAGE_SHIFT) % BLOCKS;
    struct block **slot = &blocks[index], **other = &blocks[index ^ BLOCKS / 2], *block = *other;

    if (*slot == NULL || (*slot)->key == key)
        return slot;
    if (block != NULL && block->key != key)
        block = NULL;
    *other = *slot;
    *slot = block;
    return slot;
}

struct block *block_find(struct vcpu *vcpu, gva_t pc, const struct handlers *handlers,
                         bool *flushed)
{
    uint64_t key = pc | (vcpu->priv.mode == PRIV_U);
    struct block **slot = look_up(pc, key), *block = *slot;

    if (block != NULL && block->stamp == fast_stamp)
        return block;
    const uint8_t *page = code_page(vcpu, pc);
    if (page == NULL)
        return NULL;
    if (block == NULL || !holds(block, pc, page))
        *slot = block = renew(vcpu, pc, key, page, handlers, flushed);
    block->stamp = fast_stamp;
    return block;
}
