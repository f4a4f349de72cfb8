/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of the guest: each has windows and jump caches of its own, so that a change of
 * satp, of mode and back loses nothing. What a fence drops is dropped at once in the current space,
 * and in another one when it is used again: whole by its epoch, single pages by a list.
 */
#include <string.h>

#include "core/csr.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"

static const struct bt_hot hot_words = {
    .vector = (void *)bt_vector,
    .exit = (void *)bt_exit,
    .exit_pc = (void *)bt_jump_miss,
    .exit_stale = (void *)bt_exit_stale,
    .light = (void *)bt_light,
    .ecall = (void *)bt_ecall,
    .sret = (void *)bt_exit,
    .satp = (void *)bt_satp,
    .sum_set = (void *)bt_sum_set,
    .sum_clear = (void *)bt_sum_clear,
    .refill_load = (void *)bt_refill_load,
    .refill_store = (void *)bt_refill_store,
};

void spaces_init(struct bt_vcpu *bv)
{
    for (unsigned n = 0; n < SPACES * BT_MODES; n++) {
        struct bt_hot *hot = &bv->spaces[n / BT_MODES].window[n % BT_MODES].hot;
        *hot = hot_words;
        hot->vcpu = bv->vcpu;
        hot->owner = bv;
        hot->space = &bv->spaces[n / BT_MODES];
        hot->jumps = bv->jumps[0].entry;
        hot->mirror = mirror_of_nothing(n % BT_MODES == BT_U);
        hot->kind = n % BT_MODES == BT_U ? BT_USER : 0;
        hot->l2_load = bv->stlb.entry[STLB_LOAD];
        hot->l2_store = bv->stlb.entry[STLB_STORE];
    }
    jumps_reset(&bv->jumps[0]);
    bv->epoch = bv->jumps_epoch = bv->global_epoch = 1;
    bv->space = bv->previous = &bv->spaces[0];
    bv->current = &bv->space->window[BT_S];
}

static bool has_mxr(const struct vcpu *vcpu)
{
    return (vcpu->priv.sstatus & SSTATUS_MXR) != 0;
}

static bool is_space(const struct bt_space *space, const struct vcpu *vcpu)
{
    return space->used && space->satp == vcpu->priv.satp && space->mxr == has_mxr(vcpu);
}

/* A kernel without global pages would have its accesses go astray one by one. */
#define STRAYS_MOST 16

bool space_mirror_pays(const struct bt_vcpu *bv)
{
    return bv->stats.strays < STRAYS_MOST || bv->mirror.mapped > bv->stats.strays;
}

/* Those of Sv39: not with MXR, which the host has no way to do; and of S-mode only for a kernel
 * that lies there itself. */
static void set_mirrors(struct bt_vcpu *bv, struct bt_space *space)
{
    struct bt_hot *supervisor = &space->window[BT_S].hot;
    bool upper = mirror_has_code(bv->vcpu->user.pc, BT_MIRROR);

    space->may_mirror =
        mirror_is(&bv->mirror) && !space->mxr && space->satp >> SATP_MODE_SHIFT == SATP_MODE_SV39;
    supervisor->kind = space->may_mirror && upper && space_mirror_pays(bv) ? BT_MIRROR : 0;
    supervisor->mirror = supervisor->kind != 0 ? mirror_offset(MIRROR_S) : mirror_of_nothing(false);
}

static unsigned area_of(const struct bt_vcpu *bv, const struct bt_space *space)
{
    return MIRROR_U + (unsigned)(space - bv->spaces);
}

static void leave_mirror(struct bt_vcpu *bv, struct bt_space *space)
{
    struct bt_hot *user = &space->window[BT_U].hot;

    mirror_drop_area(&bv->mirror, area_of(bv, space));
    user->kind = BT_USER;
    user->mirror = mirror_of_nothing(true);
    space->ticks = 0;
}

static struct bt_space *find(struct bt_vcpu *bv)
{
    struct bt_space *oldest = bv->spaces;

    if (is_space(bv->previous, bv->vcpu))
        return bv->previous;
    for (unsigned i = 0; i < SPACES; i++) {
        struct bt_space *space = &bv->spaces[i];
        if (is_space(space, bv->vcpu))
            return space;
        if (space->last_use < oldest->last_use)
            oldest = space;
    }
    jumps_drop_space(bv, (unsigned)(oldest - bv->spaces));
    oldest->used = true;
    oldest->own_code = false;
    oldest->epoch = 0;
    oldest->satp = bv->vcpu->priv.satp;
    oldest->mxr = has_mxr(bv->vcpu);
    leave_mirror(bv, oldest);
    set_mirrors(bv, oldest);
    return oldest;
}

/* What the second level calls this space may change while others come and go. */
static void name_contexts(struct bt_vcpu *bv, struct bt_space *space)
{
    const struct stlb_space *l2 = &bv->stlb.space[space->l2_space];
    static const unsigned mode_bits[BT_MODES] = {
        [BT_S] = STLB_CTX_S, [BT_SUM] = STLB_CTX_S | STLB_CTX_SUM};
    unsigned global = stlb_global(&bv->stlb), mxr = space->mxr ? STLB_CTX_MXR : 0;

    if (space->epoch != 0 && l2->used && l2->satp == space->satp && space->l2_global == global)
        return;
    unsigned base = stlb_context(&bv->stlb, space->satp, 0, false);
    space->l2_space = bv->stlb.current;
    space->l2_global = global;
    for (unsigned mode = 0; mode < BT_MODES; mode++) {
        space->window[mode].hot.l2_context = (uint64_t)(base | mxr | mode_bits[mode]) << 3;
        space->window[mode].hot.l2_other = (uint64_t)(base ^ global) << 3;
    }
}

/* A program that runs for some time, and not one that is about to end, or to fork again. */
#define TICKS 2

static void enter_mirror(struct bt_vcpu *bv, struct bt_space *space)
{
    struct bt_hot *user = &space->window[BT_U].hot;

    if (!space->may_mirror)
        return;
    user->kind = BT_USER | BT_MIRROR;
    user->mirror = mirror_offset(area_of(bv, space));
    bv->context = true;
}

void space_tick(struct bt_vcpu *bv)
{
    struct bt_space *space = bv->space;
    struct bt_hot *user = &space->window[BT_U].hot;

    if (bv->current == &space->window[BT_U] && user->kind == BT_USER && ++space->ticks >= TICKS)
        enter_mirror(bv, space);
}

void space_give_up_mirror(struct bt_vcpu *bv)
{
    struct bt_space *space = bv->space;

    if (bv->current == &space->window[BT_U]) {
        leave_mirror(bv, space);
        space->may_mirror = false;
    } else {
        space->window[BT_S].hot.kind = 0;
        space->window[BT_S].hot.mirror = mirror_of_nothing(false);
    }
    bv->context = true;
}

static void flush_page(struct bt_vcpu *bv, struct bt_space *space, gva_t va)
{
    unsigned area = area_of(bv, space);

    l1_flush_page(space, va);
    mirror_drop_page(&bv->mirror, area, mirror_page(area, va));
}

/* A fence of everything is seldom about this space: what of the mirrors still is as the tables say
 * stays, since a page costs less to look at than to map. One of its own, of all addresses, is a
 * fork: most of what U-mode's holds would have to be mapped anew. */
static void review_mirrors(struct bt_vcpu *bv, struct bt_space *space)
{
    bool user = (space->window[BT_U].hot.kind & BT_MIRROR) != 0;

    if (user && (space->epoch == 0 || !fault_review(bv, space, BT_U)))
        leave_mirror(bv, space);
    if ((space->window[BT_S].hot.kind & BT_MIRROR) == 0 || bv->mirror_epoch == bv->epoch)
        return;
    (void)fault_review(bv, space, BT_S);
    bv->mirror_epoch = bv->epoch;
}

/* Sees what was dropped meanwhile. */
static void refresh(struct bt_vcpu *bv, struct bt_space *space)
{
    if (space->epoch != bv->epoch || bv->nflushed - space->flushed > FLUSHED) {
        l1_reset(space);
        review_mirrors(bv, space);
    } else {
        for (uint64_t n = space->flushed; n != bv->nflushed; n++)
            flush_page(bv, space, bv->flushed[n % FLUSHED]);
    }
    space->epoch = bv->epoch;
    space->flushed = bv->nflushed;
    space->last_use = ++bv->clock;
}

/* Whose jump cache it is. */
static uint8_t sharers(const struct bt_vcpu *bv, const struct bt_space *space, enum bt_mode mode)
{
    return mode == BT_U || space->own_code ? (uint8_t)(space - bv->spaces) : SPACE_GLOBAL;
}

static void set_jumps(struct bt_vcpu *bv, enum bt_fp fp)
{
    struct bt_space *space = bv->space;

    for (enum bt_mode mode = BT_U; mode < BT_MODES; mode++) {
        struct bt_hot *hot = &space->window[mode].hot;
        hot->jumps = jumps_find(bv, sharers(bv, space, mode), hot->kind)->entry;
        hot->vector = (void *)bt_vector;
        for (unsigned state = 0; state < FP_STATES; state++)
            hot->not_fp[state] = state != (unsigned)fp;
    }
    bv->no_jumps = false;
}

/* Do the windows have the jump caches that they should have? */
static bool has_jumps(const struct bt_vcpu *bv, const struct bt_space *space, unsigned fp)
{
    for (enum bt_mode mode = BT_U; mode < BT_MODES; mode++) {
        const struct bt_hot *hot = &space->window[mode].hot;
        const struct bt_jumps *jumps = (const void *)hot->jumps;
        uint8_t who = sharers(bv, space, mode);
        if (jumps->space != who || jumps->flags != hot->kind || hot->not_fp[fp] != 0 ||
            jumps->epoch != (who == SPACE_GLOBAL ? bv->global_epoch : bv->jumps_epoch))
            return false;
    }
    return !bv->no_jumps;
}

void space_irq(struct vcpu *vcpu)
{
    struct bt_space *space = bt_of(vcpu)->space;
    bool slow = (atomic_load(&vcpu->pending) & vcpu->priv.sie) != 0 || vcpu->priv.satp == 0;
    void *sret = slow ? (void *)bt_exit : (void *)bt_sret;

    space->window[BT_S].hot.sret = space->window[BT_SUM].hot.sret = sret;
}

void space_use(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    bool user = vcpu->priv.mode == PRIV_U;
    enum bt_mode mode = user ? BT_U : (vcpu->priv.sstatus & SSTATUS_SUM) != 0 ? BT_SUM : BT_S;
    enum bt_fp fp = bt_fp_state(vcpu);
    bool other = !is_space(bv->space, vcpu);

    if (other) {
        struct bt_space *space = find(bv);
        bv->previous = bv->space;
        bv->space = space;
    }
    if (other || bv->space->epoch != bv->epoch) {
        name_contexts(bv, bv->space);
        refresh(bv, bv->space);
    }
    if (bv->eager)
        enter_mirror(bv, bv->space);
    bv->context = false;
    if (other || !has_jumps(bv, bv->space, fp))
        set_jumps(bv, fp);
    bv->flags = (uint8_t)(bv->space->window[mode].hot.kind | fp);
    bv->current = &bv->space->window[mode];
    bv->space->window[BT_S].hot.twin = bv->space->window[BT_SUM].hot.twin = NULL;
    space_irq(vcpu);
}

/* The windows of another space, as they were left: no fence since, and the jump caches still its
 * own. */
static bool is_ready(const struct bt_vcpu *bv, const struct bt_space *space, uint64_t satp)
{
    return space->used && space->satp == satp && space->epoch == bv->epoch &&
           space->flushed == bv->nflushed && has_jumps(bv, space, bv->flags & BT_FP_MASK) &&
           bv->stlb.space[space->l2_space].used && bv->stlb.space[space->l2_space].satp == satp;
}

/* From now on translated code goes from one to the other by itself, until something happens to the
 * one that it is in (space_use). What happens to the other one meanwhile it is met with here. */
static void make_twins(struct bt_space *one, struct bt_space *other)
{
    for (unsigned mode = BT_S; mode <= BT_SUM; mode++) {
        one->window[mode].hot.twin_satp = other->satp;
        one->window[mode].hot.twin = (uint8_t *)&other->window[mode] + BT_CTX_BIAS;
    }
}

bool space_switch(struct vcpu *vcpu, uint64_t satp)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_space *from = bv->space, *to = bv->previous;
    bool fence = ((satp ^ from->satp) & (SATP_ASID << SATP_ASID_SHIFT)) == 0;

    if (from->satp == 0 || satp == 0 || to->mxr != from->mxr || !is_ready(bv, to, satp) ||
        bv->no_jumps ||
        (fence && bv->fence_seen != atomic_load_explicit(bv->nwritten, memory_order_relaxed)))
        return false;
    ptrdiff_t mode = bv->current - from->window;
    struct bt_hot *old = &bv->current->hot, *new = &to->window[mode].hot;
    for (unsigned i = 0; i < BT_TAKEN; i++)
        new->home[i] = old->home[i];
    old->reserved_at = 0;
    to->window[BT_S].hot.sret = to->window[BT_SUM].hot.sret = old->sret;
    to->window[BT_S].hot.vector = to->window[BT_SUM].hot.vector = (void *)bt_vector;
    make_twins(from, to);
    make_twins(to, from);
    vcpu->priv.satp = satp;
    bv->previous = from;
    bv->space = to;
    bv->current = &to->window[mode];
    return true;
}

void space_own_code(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    bv->space->own_code = true;
    set_jumps(bv, (enum bt_fp)(bv->flags & BT_FP_MASK));
}

void spaces_drop(struct bt_vcpu *bv)
{
    bv->epoch++;
    bv->stats.tlb_drops++;
    jumps_drop(bv, true);
}

/* Nothing was written that translations came from since the last fence of this kind: nothing to
 * do. Translated code has looked at that, too. */
static bool fence_all(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    uint64_t n = atomic_load(bv->nwritten);
    bool changed = pages_tables_changed(vcpu, n), code = pages_check(vcpu);

    if (changed) {
        stlb_retire(&bv->stlb, NULL);
        spaces_drop(bv);
        pages_arm_tables(vcpu);
    }
    bv->fence_seen = n;
    return changed || code;
}

/* Everything of the spaces with this ASID but what is global. */
static void fence_asid(struct bt_vcpu *bv, uint16_t asid)
{
    stlb_retire(&bv->stlb, &asid);
    regions_flush_asid(bv, asid);
    for (unsigned n = 0; n < SPACES; n++) {
        if (((bv->spaces[n].satp >> SATP_ASID_SHIFT) & SATP_ASID) != asid)
            continue;
        bv->spaces[n].epoch = 0;
        jumps_drop_space(bv, n);
    }
    bv->space->window[BT_S].hot.twin = bv->space->window[BT_SUM].hot.twin = NULL;
    bv->context = true;
    bv->stats.tlb_drops++;
}

bool space_fence(struct vcpu *vcpu, const gva_t *va, const uint16_t *asid)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    if (va == NULL && asid == NULL)
        return fence_all(vcpu);
    if (va == NULL) {
        fence_asid(bv, *asid);
        return true;
    }
    if (*va >= bv->stlb.wide_first && *va <= bv->stlb.wide_last) {
        stlb_retire(&bv->stlb, NULL);
        spaces_drop(bv);
        return true;
    }
    vmem_flush(vcpu, va, asid);
    regions_flush_page(bv, *va);
    flush_page(bv, bv->space, *va);
    mirror_drop_page(&bv->mirror, MIRROR_S, mirror_page(MIRROR_S, *va));
    bv->space->window[BT_S].hot.twin = bv->space->window[BT_SUM].hot.twin = NULL;
    bv->flushed[bv->nflushed++ % FLUSHED] = *va;
    bv->space->flushed = bv->nflushed;
    if (!jumps_know(bv, *va))
        return false;
    jumps_drop_page(bv, *va);
    return true;
}
