/* SPDX-License-Identifier: MIT */
/* Guest instructions into host instructions, a block at a time. */
#include "engine/bt/translate.h"

#include <string.h>

#include "core/csr.h"
#include "core/vm.h"

static void exec(struct translation *t)
{
    call_c(t, site(t, SITE_EXEC));
    t->ended = true;
}

static void alu(struct translation *t, const struct insn *insn)
{
    if (insn->rd == 0)
        return;
    if (insn->id == INSN_auipc) {
        gva_t value = pc_of(t) + (uint64_t)(int64_t)insn->imm;
        if (!is_near(t, value)) {
            exec(t);
            return;
        }
        address(t, target(t, insn->rd), value);
        finish(t, insn->rd);
        return;
    }
    unsigned rs1 = use(t, insn->rs1, BT_T0);
    unsigned rs2 = insn->rs2 == insn->rs1 ? rs1 : use(t, insn->rs2, rs1 == BT_T0 ? BT_T1 : BT_T0);

    emit(t, encode(t, target(t, insn->rd), rs1, rs2));
    finish(t, insn->rd);
}

/* Which of an FP instruction's operands is an x register: the funct5 of OP-FP says. */
bool fp_writes_x(uint32_t raw)
{
    unsigned funct5 = raw >> 27;

    return (raw & 0x7f) == 0x53 && (funct5 == 0x14 || funct5 == 0x18 || funct5 == 0x1c);
}

bool fp_reads_x(uint32_t raw)
{
    unsigned funct5 = raw >> 27;

    return (raw & 0x7f) == 0x53 && (funct5 == 0x1a || funct5 == 0x1e);
}

/* Does the host execute it as the guest's hart would? */
bool fp_is_legal(const struct translation *t, const struct insn *insn)
{
    unsigned rm = insn->raw >> 12 & 7;

    if ((insn_info(insn->id)->mask & 0x7000) != 0)
        return true;
    return rm < 5 || (rm == 7 && (t->block->flags & BT_FP_MASK) != FP_BAD_RM);
}

/* True: it was left to C. */
static bool fp_gate(struct translation *t)
{
    unsigned state = fp_state(t);

    if (state == FP_OFF) {
        exec(t);
        return true;
    }
    if (state == FP_CLEAN) {
        call_c(t, site(t, SITE_FP_DIRTY));
        t->ended = true;
        return true;
    }
    return false;
}

static void fp(struct translation *t, const struct insn *insn)
{
    if (fp_gate(t))
        return;
    if (!fp_is_legal(t, insn)) {
        exec(t);
        return;
    }
    bool to_x = fp_writes_x(insn->raw), from_x = fp_reads_x(insn->raw);
    unsigned rs1 = from_x ? use(t, insn->rs1, BT_T0) : insn->rs1;

    emit(t, encode(t, to_x ? target(t, insn->rd) : insn->rd, rs1, insn->rs2));
    if (to_x) {
        finish(t, insn->rd);
        held_drop(t, insn->rd);
    }
}

static void system(struct translation *t, const struct insn *insn)
{
    bool user = (t->block->flags & BT_USER) != 0;

    if (insn->id == INSN_ecall)
        translate_ecall(t);
    else if (insn->id == INSN_sret && !user)
        translate_sret(t);
    else if (insn->id == INSN_sfence_vma && !user)
        translate_fence(t, insn);
    else
        exec(t);
}

static void csr(struct translation *t, const struct insn *insn)
{
    if (csr_is_inline(t, insn))
        translate_csr(t, insn);
    else
        exec(t);
}

static void fence(struct translation *t, const struct insn *insn)
{
    if (insn->id == INSN_fence_i)
        translate_fence(t, insn);
    else
        emit(t, insn->raw);
}

static void translate_one(struct translation *t)
{
    const struct bt_decoded *d = &t->code[t->now];
    const struct insn *insn = &d->insn;
    unsigned followed;

    switch ((enum insn_class)d->fact.class) {
    case INSN_CLASS_ALU:
        followed = mirror_follow(t, insn);
        alu(t, insn);
        held_drop(t, insn->rd);
        mirror_keep(t, insn->rd, followed);
        break;
    case INSN_CLASS_BRANCH:
        translate_branch(t, insn);
        break;
    case INSN_CLASS_JUMP:
        (insn->id == INSN_jal ? translate_jal : translate_jalr)(t, insn);
        break;
    case INSN_CLASS_FLOAD:
    case INSN_CLASS_FSTORE:
        if (!fp_gate(t))
            translate_access(t, insn);
        break;
    case INSN_CLASS_LOAD:
    case INSN_CLASS_STORE:
        translate_access(t, insn);
        break;
    case INSN_CLASS_AMO:
        translate_amo(t, insn);
        break;
    case INSN_CLASS_CSR:
        csr(t, insn);
        break;
    case INSN_CLASS_SYSTEM:
        system(t, insn);
        break;
    case INSN_CLASS_LR:
        translate_lr(t, insn);
        break;
    case INSN_CLASS_SC:
        if (is_taken(insn->rs2))
            exec(t);
        else
            translate_sc(t, insn);
        break;
    case INSN_CLASS_FP:
        fp(t, insn);
        break;
    case INSN_CLASS_CBO:
        translate_zero(t, insn);
        break;
    case INSN_CLASS_FENCE:
        fence(t, insn);
        break;
    default:
        exec(t);
    }
}

static void put_light(struct translation *t, const struct stub *s)
{
    const struct bt_site *at = &t->bv->site[s->site];
    bool clear = at->kind == SITE_CSR && at->reg == CSR_OP_CLEAR;
    bool is_csr = at->kind == SITE_CSR;

    if (s->taken != 0)
        emit(t, rv_i(RV_LD, BT_T2, BT_CTX, home_of(s->taken)));
    else if (s->base != BT_T2)
        emit(t, rv_i(RV_ADDI, BT_T2, s->base, 0));
    call_light(t, s->site, !is_csr ? HOT(light) : clear ? HOT(sum_clear) : HOT(sum_set), s->offset);
    map(t, MAP_RESTART, s->offset + 4u, 0);
    if (is_csr && (t->block->flags & BT_MIRROR) != 0) { /* with SUM there is none */
        address(t, BT_T0, t->block->page + s->offset + 4);
        jump_far(t, t->block->page + s->offset + 4);
        return;
    }
    emit(t, rv_j(0, (int32_t)(4 * (s->back - here(t)))));
}

static void put_stubs(struct translation *t)
{
    unsigned far = 0;

    for (unsigned i = 0; i < t->nstubs; i++) {
        const struct stub *s = &t->stub[i];
        uint32_t *from = &t->out[s->branch];

        *from |= rv_b(0, 0, 0, (int32_t)(4 * (here(t) - s->branch)));
        map(t, t->loop.is ? MAP_LOOP : MAP_RESTART, s->offset, 0);
        if (s->is_range) {
            loop_put_stub(t, s);
            continue;
        }
        if (s->is_miss && t->loop.is) {
            loop_miss(t, s, s->base, s->back);
            continue;
        }
        if (s->is_miss) {
            call_refill(t, s->site, s->base, s->lo, s->back);
            continue;
        }
        if (t->loop.is)
            loop_end(t, s->offset);
        if (s->site == UINT32_MAX) { /* a branch out of the page */
            while (t->literal[far].at != UINT32_MAX)
                far++;
            gva_t to = t->literal[far++].value;
            address(t, BT_T0, to);
            jump_far(t, to);
            continue;
        }
        if (s->is_light) {
            put_light(t, s);
            continue;
        }
        if (t->bv->site[s->site].kind == SITE_LINK)
            t->bv->site[s->site].raw = here(t);
        call_c(t, s->site);
    }
}

static void put_literals(struct translation *t)
{
    for (unsigned i = 0; i < t->nliterals; i++) {
        const struct literal *l = &t->literal[i];
        if (l->at == UINT32_MAX)
            continue;
        if ((t->n & 1) != 0)
            emit(t, RV_NOP);
        uint32_t distance = 4 * (here(t) - l->at);
        t->out[l->at] |= (distance + 0x800) & 0xfffff000;
        t->out[l->at + 1] |= (distance & 0xfff) << 20;
        emit(t, (uint32_t)l->value);
        emit(t, (uint32_t)(l->value >> 32));
    }
}

static void put_gate(struct translation *t)
{
    map(t, MAP_RESTART, t->block->offset, 0);
    emit(t, rv_i(RV_LBU, BT_T0, BT_CTX, HOT(not_fp) + (int32_t)fp_state(t)));
    emit(t, rv_b(RV_BNE, BT_T0, 0, 8));
    emit(t, rv_j(0, -(int32_t)(4 * here(t))));
    for (unsigned i = GATE_SECOND; i < GATE_WORDS - 3; i++)
        emit(t, RV_NOP);
    uint32_t number = site(t, SITE_GATE);
    t->bv->site[number].offset = t->block->offset;
    call_c(t, number);
}

/* Control goes on behind the last instruction. */
static void fall_out(struct translation *t, unsigned end)
{
    t->now = t->now > 0 ? t->now - 1 : 0;
    map(t, t->loop.is ? MAP_LOOP : MAP_RESTART, end, 0);
    if (t->loop.is)
        loop_end(t, end);
    jump_to(t, t->block->page + end);
}

/* No instruction was decoded: the first one reaches into the next page or is at a breakpoint. */
static void cross(struct translation *t)
{
    bool cut = debug_cuts(t->bv, t->block, t->block->offset);

    t->code[0] = (struct bt_decoded){.insn = {.id = INSN_illegal}};
    t->at[0] = t->block->offset;
    t->block->length = 2;
    t->block->sum = ~sum_of(t, 0); /* as long as it does reach there */
    map(t, MAP_RESTART, t->block->offset, 0);
    call_c(t, site(t, cut ? SITE_BREAK : SITE_CROSS));
}

/* Is there no room for another instruction, and for as many plain ones as may follow? */
static bool is_full(const struct translation *t)
{
    return t->n + STUB_WORDS * t->nstubs + INSN_WORDS > BLOCK_WORDS;
}

static void fill_body(struct translation *t)
{
    if (t->count == 0) {
        cross(t);
        return;
    }
    for (t->now = 0; t->now < t->count && (!t->ended || t->loop.is); t->now++) {
        const struct bt_decoded *d = &t->code[t->now];
        t->ended = false;
        if (t->loop.is)
            loop_insn(t);
        else if (!d->fact.plain && is_full(t))
            break;
        map(t, t->loop.inside ? MAP_LOOP : MAP_RESTART, t->at[t->now], 0);
        if (LIKELY(d->fact.plain)) {
            unsigned followed = mirror_follow(t, &d->insn);
            emit(t, d->word);
            held_drop(t, d->insn.rd);
            mirror_keep(t, d->insn.rd, followed);
        } else {
            t->block->fp |= d->fact.fp;
            translate_one(t);
        }
    }
    if (t->now < t->count && !t->ended)
        t->count = t->now;
    unsigned end = t->at[t->count - 1] + t->code[t->count - 1].insn.len;

    t->block->length = (uint16_t)(end - t->block->offset);
    t->block->sum = sum_of(t, t->count);
    if (!t->ended)
        fall_out(t, end);
}

/* Nothing is written. */
static void begin(struct translation *t, uint32_t nsites)
{
    t->bv->nsites = nsites;
    t->map = t->first_map;
    t->n = 0;
    t->now = t->nstubs = t->nliterals = 0;
    t->ended = t->loop.is = t->loop.inside = t->block->fp = false;
    t->within = t->page_at = 0;
    memset(t->held, 0, sizeof(t->held));
}

static void fill(struct translation *t)
{
    uint32_t nsites = t->bv->nsites;

    begin(t, nsites);
    if (loop_begin(t)) {
        fill_body(t);
        if (loop_close(t))
            return;
        begin(t, nsites);
    }
    t->count = t->plain;
    fill_body(t);
}

struct bt_block *translate(struct vcpu *vcpu, gva_t pc, gpa_t gpa, const uint8_t *live,
                           uint8_t flags)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    static _Thread_local struct translation work;
    struct translation *t = &work;

    if (!cache_has_room(bv))
        return NULL;
    t->number = bv->nblocks++;
    struct bt_block *block = &bv->block[t->number];

    *block = (struct bt_block){.page = pc & PAGE_MASK,
                               .frame = (uint32_t)(gpa >> PAGE_SHIFT),
                               .offset = (uint16_t)PAGE_OFFSET(pc),
                               .code = bv->used,
                               .map = bv->nmaps,
                               .flags = flags};
    t->bv = bv;
    t->block = block;
    t->isa = &vcpu->vm->isa;
    t->out = (uint32_t *)(void *)(bv->rw + bv->used);
    t->count = t->plain = t->back = 0;
    t->map = t->first_map = &bv->map[bv->nmaps];
    decode(t, live);
    fill(t);
    put_stubs(t);
    put_literals(t);
    if (((t->n + (block->fp ? GATE_WORDS : 0)) & 1) != 0)
        emit(t, RV_NOP);
    if (block->fp)
        put_gate(t);
    if (t->loop.is)
        loop_put_taken(t);
    block->ncode = (uint16_t)t->n;
    block->nmap = (uint16_t)(t->map - t->first_map);
    bv->nmaps += block->nmap;
    bv->used += 4 * here(t);
    cache_sync(bv, block->code, 4 * here(t));
    cache_enter(bv, block);
    bv->stats.blocks++;
    bv->stats.code_bytes += 4 * here(t);
    return block;
}
