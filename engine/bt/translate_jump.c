/* SPDX-License-Identifier: MIT */
/* Control flow: jumps, branches, and how code for an address is found. */
#include "engine/bt/translate.h"

/* T1 + `entry` is where the jump cache has the entry for `reg`. */
static void through_entry(struct translation *t, unsigned reg, int32_t entry)
{
    emit(t, rv_i(RV_LD, BT_T2, BT_T1, entry + (int32_t)offsetof(struct bt_jump, pc)));
    bool tells = !knows_page(t->block->flags); /* where its target is */
    emit(t, rv_b(RV_BNE, BT_T2, reg, tells ? 16 : 12));
    emit(t, rv_i(RV_LD, BT_T2, BT_T1, entry + (int32_t)offsetof(struct bt_jump, code)));
    if (tells) {
        map(t, MAP_TAIL, 0, reg);
        emit(t, rv_s(RV_SD, reg, HOT(pc), BT_CTX));
    }
    emit(t, rv_i(RV_JALR, 0, BT_T2, 0));
    if (reg != BT_T0)
        emit(t, rv_i(RV_ADDI, BT_T0, reg, 0));
    emit(t, rv_i(RV_LD, BT_T1, BT_CTX, HOT(exit_pc)));
    emit(t, rv_i(RV_JALR, 0, BT_T1, 0));
    t->ended = true;
}

void jump_by_cache(struct translation *t, unsigned reg)
{
    int32_t above = 64 - 1 - (int32_t)jump_bits(t->block->flags);

    emit(t, rv_i(RV_SLLI, BT_T1, reg, above));
    emit(t, rv_i(RV_SRLI, BT_T1, BT_T1, above - 3));
    emit(t, rv_i(RV_LD, BT_T2, BT_CTX, HOT(jumps)));
    emit(t, rv_r(RV_ADD, BT_T1, BT_T1, BT_T2));
    through_entry(t, reg, 0);
}

void jump_far(struct translation *t, gva_t to)
{
    unsigned bits = jump_bits(t->block->flags);
    uint32_t entry =
        (uint32_t)(to >> 1 & ((UINT64_C(1) << bits) - 1)) * (uint32_t)sizeof(struct bt_jump);
    uint32_t high = (entry + 0x800) & 0xfffff000;

    if (!knows_page(t->block->flags)) {
        jump_by_cache(t, BT_T0);
        return;
    }
    emit(t, rv_i(RV_LD, BT_T1, BT_CTX, HOT(jumps)));
    if (high != 0) {
        emit(t, RV_LUI | BT_T2 << 7 | high);
        emit(t, rv_r(RV_ADD, BT_T1, BT_T1, BT_T2));
    }
    through_entry(t, BT_T0, (int32_t)(entry - high));
}

void leave_behind(struct translation *t)
{
    gva_t to = pc_of(t) + t->code[t->now].insn.len;

    address(t, BT_T0, to);
    jump_far(t, to);
}

void jump_to(struct translation *t, gva_t pc)
{
    if (((pc ^ t->block->page) & PAGE_MASK) != 0) {
        address(t, BT_T0, pc);
        jump_far(t, pc);
        return;
    }
    uint32_t number = site(t, SITE_LINK);

    t->bv->site[number].raw = here(t);
    t->bv->site[number].offset = (uint16_t)PAGE_OFFSET(pc);
    call_c(t, number);
    t->ended = true;
}

void translate_branch(struct translation *t, const struct insn *insn)
{
    gva_t to = pc_of(t) + (uint64_t)(int64_t)insn->imm;
    unsigned rs1 = use(t, insn->rs1, BT_T0);
    unsigned rs2 = use(t, insn->rs2, rs1 == BT_T0 ? BT_T1 : BT_T0);
    uint32_t match = insn_info(insn->id)->match;

    if (t->loop.inside && loop_jump(t, rv_b(match, rs1, rs2, 0), to))
        return;
    if (to == t->block->page + t->block->offset && (t->block->flags & BT_NOGROUP) == 0 &&
        !t->bv->step) {
        emit(t, rv_b(match, rs1, rs2, -(int32_t)(4 * here(t))));
        return;
    }
    emit(t, rv_b(match, rs1, rs2, 0));
    if (((to ^ t->block->page) & PAGE_MASK) != 0) {
        stub(t, UINT32_MAX);
        t->literal[t->nliterals++] = (struct literal){.at = UINT32_MAX, .value = to};
        return;
    }
    uint32_t number = site(t, SITE_LINK);

    t->bv->site[number].offset = (uint16_t)PAGE_OFFSET(to);
    t->bv->site[number].span = t->loop.is ? 0 : (uint16_t)here(t);
    stub(t, number);
}

/* rd gets the address behind the instruction, by one instruction; spoils T1 and T2. */
static void link(struct translation *t, const struct insn *insn)
{
    unsigned rd = is_taken(insn->rd) ? BT_T2 : insn->rd;

    if (rd == 0)
        return;
    address(t, rd, pc_of(t) + insn->len);
    if (rd == BT_T2)
        emit(t, rv_s(RV_SD, BT_T2, home_of(insn->rd), BT_CTX));
}

/* From where rd is written on, pc is that of the target. */
void translate_jal(struct translation *t, const struct insn *insn)
{
    gva_t to = pc_of(t) + (uint64_t)(int64_t)insn->imm;
    bool near = ((to ^ t->block->page) & PAGE_MASK) == 0;

    if (t->loop.inside && loop_jump(t, rv_j(0, 0), to)) {
        t->ended = true;
        return;
    }
    if (t->loop.inside)
        loop_end(t, t->at[t->now]);
    if (!near)
        address(t, BT_T0, to);
    link(t, insn);
    if (near) {
        map(t, MAP_RESTART, PAGE_OFFSET(to), 0);
        jump_to(t, to);
    } else {
        map(t, MAP_TAIL, 0, BT_T0);
        jump_far(t, to);
    }
}

/* The same; pc is what T0 says. */
void translate_jalr(struct translation *t, const struct insn *insn)
{
    if (t->loop.inside)
        loop_end(t, t->at[t->now]);
    if (insn->rd == 0 && insn->imm == 0 && !is_taken(insn->rs1)) {
        jump_by_cache(t, insn->rs1);
        return;
    }
    unsigned rs1 = use(t, insn->rs1, BT_T0);

    emit(t, rv_i(RV_ADDI, BT_T0, rs1, insn->imm));
    link(t, insn);
    map(t, MAP_TAIL, 0, BT_T0);
    jump_by_cache(t, BT_T0);
}
