/* SPDX-License-Identifier: MIT */
/* Running a vCPU: in and out of translated code, and what C does between. */
#include "core/csr.h"
#include "core/trap.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"

static void exit_error(struct vcpu *vcpu, enum park_reason reason)
{
    vcpu->priv.exit.kind = EXIT_ERROR;
    vcpu->priv.exit.reason = reason;
    vcpu->priv.exit.addr = vcpu->user.pc;
}

/* An ecall that translated code has taken is not noted there as progress; its cause is. */
bool bt_deliver(struct vcpu *vcpu, const struct trap *trap)
{
    bt_of(vcpu)->context = true;
    if (vcpu->priv.scause == CAUSE_ECALL_U)
        vcpu->trap_repeat_pc = UINT64_MAX;
    if (LIKELY(trap_deliver(vcpu, trap) == 0))
        return false;
    exit_error(vcpu, PARK_TRAP_LOOP);
    return true;
}

enum bt_fp bt_fp_state(const struct vcpu *vcpu)
{
    uint64_t fs = vcpu->priv.sstatus & SSTATUS_FS;

    if (fs == 0)
        return FP_OFF;
    if (fs != SSTATUS_FS)
        return FP_CLEAN;
    uint64_t fcsr;
    __asm__ volatile("frcsr %0" : "=r"(fcsr));
    return (fcsr >> 5 & 7) > 4 ? FP_BAD_RM : FP_DIRTY;
}

/* Mode, sstatus or satp may have changed: which window, which blocks. */
static void take_context(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_window *from = bv->current;

    if (!bv->step)
        from->hot.reserved_at = 0;
    space_use(vcpu);
    if (bv->step && bv->current != from) {
        bv->current->hot.reserved_at = from->hot.reserved_at;
        bv->current->hot.reserved_value = from->hot.reserved_value;
    }
}

/* What is entered from now on agrees with the tables as they are at least now. */
static void flush_translations(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    bv->fence_seen = atomic_load(bv->nwritten);
    stlb_retire(&bv->stlb, NULL);
    spaces_drop(bv);
}

static void take_requests(struct vcpu *vcpu)
{
    uint32_t requests = atomic_fetch_and(
        &vcpu->requests, ~(uint32_t)(VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER));

    if (requests & VCPU_REQ_TLB)
        flush_translations(vcpu);
    if (requests & (VCPU_REQ_TLB | VCPU_REQ_CODE))
        (void)pages_check(vcpu);
}

#define FENCE_PAGES 16 /* of a longer range, everything of its address space is dropped */

static void take_fence(struct vcpu *vcpu, const struct bt_ask *ask)
{
    const uint16_t *asid = ask->any_asid ? NULL : &ask->asid;

    if (ask->last - ask->first >= FENCE_PAGES * PAGE_SIZE) {
        if (asid == NULL)
            flush_translations(vcpu);
        else
            (void)space_fence(vcpu, NULL, asid);
        return;
    }
    for (gva_t page = ask->first;; page += PAGE_SIZE) {
        (void)space_fence(vcpu, &page, asid);
        if (page == ask->last)
            return;
    }
}

/* What other vCPUs have asked for. */
static void take_asked(struct vcpu *vcpu, const struct bt_asked *asked)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    bool fence = asked->all;

    bv->stats.asked++;
    bv->stats.asked_all += asked->all;
    if (asked->all)
        flush_translations(vcpu);
    for (unsigned i = 0; i < asked->n; i++) {
        if (asked->ask[i].kind == ASK_STORES) {
            pages_drop_stores(bv, (const uint8_t *)(uintptr_t)asked->ask[i].first);
        } else if (!asked->all) {
            take_fence(vcpu, &asked->ask[i]);
            fence = true;
        }
    }
    if (fence || asked->code)
        (void)pages_check(vcpu);
}

/* Requests, clock and interrupts. False: the host wants the vCPU. */
static bool look(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_asked asked;

    bv->look = false;
    atomic_store(&bv->kick, 0);
    if (box_take(&bv->box, &asked))
        take_asked(vcpu, &asked);
    if (atomic_load(&vcpu->requests) != 0)
        take_requests(vcpu);
    if ((atomic_load(&vcpu->requests) & VCPU_REQ_EVENT) != 0) {
        vcpu->priv.exit.kind = EXIT_HOST;
        return false;
    }
    if (bv->timer_armed && vm_time(vcpu->vm) >= bv->timer_deadline) {
        bv->timer_armed = false;
        space_tick(bv);
    }
    vcpu_update_timer(vcpu);
    if (trap_take_interrupt(vcpu))
        bv->context = true;
    space_irq(vcpu);
    thread_arm(vcpu);
    return true;
}

/* The code for pc. 0: a trap was delivered, or there is an exit. */
static uint64_t find_code(struct vcpu *vcpu, uint8_t flags)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    gva_t pc = vcpu->user.pc;
    struct vmem_at at;

    if (vmem_translate(vcpu, pc, 2, MMU_FETCH, &at) != VMEM_OK) {
        (void)bt_deliver(vcpu, &at.trap);
        return 0;
    }
    if (UNLIKELY(!mirror_has_code(pc, flags))) {
        space_give_up_mirror(bv);
        return 0;
    }
    if ((flags & BT_USER) == 0 && !bv->space->own_code &&
        !bv->stlb.note[STLB_FETCH][stlb_index(pc)].global)
        space_own_code(vcpu);
    struct bt_block *block = cache_find(bv, pc, at.gpa, flags);
    if (block == NULL) {
        pages_watch(vcpu, at.gpa);
        const uint8_t *live = (const uint8_t *)at.host - (pc & ~PAGE_MASK);
        block = translate(vcpu, pc, at.gpa, live, flags);
        if (block == NULL) {
            cache_flush(bv);
            block = translate(vcpu, pc, at.gpa, live, flags);
        }
    }
    if (flags == bv->flags && !bv->step)
        jumps_enter(bv, pc, bv->current->hot.jumps, block);
    return cache_code(bv, block);
}

static bool in_one_page(gva_t va, unsigned size)
{
    return (va & ~PAGE_MASK) + size <= PAGE_SIZE;
}

/*
 * Both levels of the TLB missed, or the group of accesses does not lie in one page: then each of
 * them checks for itself from here on. An access that cannot be done there at all is done here.
 */
static bool miss(struct vcpu *vcpu, const struct bt_site *site, uint64_t where, uint64_t *next)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    bool store = site->kind == SITE_STORE;
    gva_t va = vcpu->user.x[site->reg] + (uint64_t)(int64_t)site->lo;
    struct insn insn;
    struct vmem_at at;

    insn_decode(&vcpu->vm->isa, site->raw, &insn);
    const struct insn_info *info = insn_info(insn.id);
    bool amo = info->class == INSN_CLASS_AMO || bt_reserves(&insn);
    gva_t first = vcpu->user.x[insn.rs1] + (uint64_t)(int64_t)insn.imm;
    unsigned size = 1u << info->width;
    bool unreached = bv->unreached;
    bv->unreached = false;
    if (in_one_page(va, site->span) && (!amo || (va & (size - 1)) == 0)) {
        if (!unreached &&
            vmem_translate(vcpu, first, size, store ? MMU_STORE : MMU_LOAD, &at) == VMEM_OK &&
            l1_fill(vcpu, va, store)) {
            *next = where + 4;
            return false;
        }
    } else if (!amo && site->span > SPAN_SINGLE && in_one_page(first, SPAN_SINGLE)) {
        bv->nogroup = true;
        return false;
    }
    bv->stats.slow++;
    bv->nogroup = true;
    return bt_exec(vcpu, &insn);
}

/* The same in a loop, whose registers are given back first: then it goes on outside of it. */
static bool miss_in_loop(struct vcpu *vcpu, const struct bt_block *block,
                         const struct bt_site *site, uint64_t *next)
{
    loop_leave_record(vcpu, block);
    bool leave = miss(vcpu, site, 0, next);
    *next = 0;
    return leave;
}

/* A direct jump within a page: its target, and from now on without C. */
static bool link_jump(struct vcpu *vcpu, struct bt_block *from, const struct bt_site *site,
                      uint64_t *next)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    gpa_t gpa = ((gpa_t)from->frame << PAGE_SHIFT) + site->offset;
    gva_t pc = block_page(from, &bv->current->hot) + site->offset;
    uint8_t flags = flags_now(bv, (from->flags & ~(unsigned)BT_NOGROUP) | site->reg);
    uint32_t at = from->code + 4 * site->raw;

    vcpu->user.pc = pc;
    if (bv->step)
        return false;
    struct bt_block *to = cache_find(bv, pc, gpa, flags);
    if (to == NULL) {
        const uint8_t *live = gmem_ptr(&vcpu->vm->mem, gpa & PAGE_MASK, PAGE_SIZE, GMEM_READ);
        if (live == NULL)
            return false;
        pages_watch(vcpu, gpa);
        to = translate(vcpu, pc, gpa, live, flags);
        if (to == NULL)
            return false;
    }
    cache_patch_jump(bv, at, cache_way_in(from, to));
    if (site->span != 0)
        cache_patch_branch(bv, from->code + 4 * (site->span - 1u), cache_way_in(from, to));
    bv->stats.links++;
    *next = cache_code(bv, to);
    return false;
}

/* Out of a block that does not suit: the block for pc that does, from now on without C. */
static void go_on(struct vcpu *vcpu, const struct bt_block *from, uint64_t *next)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    uint64_t flushes = bv->stats.flushes;

    *next = find_code(vcpu, flags_now(bv, from->flags));
    if (*next == 0 || bv->stats.flushes != flushes)
        return;
    const struct bt_block *to = cache_block_at(bv, *next);
    if (from->dropped)
        cache_patch_jump(bv, from->code, cache_way_in(from, to));
    else
        cache_extend_gate(bv, from, to);
}

static bool at_site(struct vcpu *vcpu, uint64_t where, uint64_t *next)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    const struct bt_site *site = &bv->site[*(const uint32_t *)(uintptr_t)where];
    struct bt_block *block = &bv->block[site->block];

    vcpu->user.pc = block_page(block, &bv->current->hot) + site->offset;
    switch ((enum bt_site_kind)site->kind) {
    case SITE_LINK:
        return link_jump(vcpu, block, site, next);
    case SITE_LOAD:
    case SITE_STORE:
        return block->loop ? miss_in_loop(vcpu, block, site, next) : miss(vcpu, site, where, next);
    case SITE_OUTSIDE:
        return fault_outside(vcpu, block, site);
    case SITE_EXEC:
        return bt_exec_raw(vcpu, site->raw);
    case SITE_CROSS:
        return bt_exec_cross(vcpu);
    case SITE_BREAK:
        return debug_break(vcpu) || bt_exec_cross(vcpu);
    case SITE_GATE:
        go_on(vcpu, block, next);
        return vcpu->priv.exit.kind != EXIT_NONE;
    case SITE_LOOK:
        bv->look = true;
        return false;
    case SITE_FP_DIRTY:
        vcpu->priv.sstatus |= SSTATUS_FS;
        bv->context = true;
        return false;
    default: /* light */
        return false;
    }
}

/* A block that was dropped: whoever still jumps to it goes on to its successor from now on. */
static void stale(struct vcpu *vcpu, uint64_t where, uint64_t *next)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    const struct bt_block *old = cache_block_at(bv, where - 8);

    vcpu->user.pc = block_page(old, &bv->current->hot) + old->offset;
    go_on(vcpu, old, next);
}

/* A light call was over when there was a kick: what is left of its instruction. */
static void finish_light(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_hot *hot = &bv->current->hot;
    const struct bt_block *block = cache_block_at(bv, hot->resume);
    const struct bt_map *at = cache_map_at(bv, block, hot->resume);

    vcpu->user.pc = block_page(block, hot) + at->offset;
    if (at->kind == MAP_STORE)
        vcpu_set_x(vcpu, at->reg, hot->value);
    bv->look = true;
}

/* C was called from translated code. *next: where to go on in it, 0: by pc. True: leave. */
static bool handle(struct vcpu *vcpu, uint64_t where, uint64_t *next)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    *next = 0;
    if (where == EXIT_TO_PC) {
        vcpu->user.pc &= ~UINT64_C(1);
        return false;
    }
    if (where == EXIT_KICK) {
        bv->look = true;
        return false;
    }
    if (where == EXIT_AT) {
        finish_light(vcpu);
        return false;
    }
    if (where == EXIT_LIGHT) {
        *next = 0;
        return vcpu->priv.exit.kind != EXIT_NONE;
    }
    if (where == EXIT_FAULT)
        return fault_finish(vcpu);
    if ((where & 1) != 0) {
        stale(vcpu, where & ~UINT64_C(1), next);
        return vcpu->priv.exit.kind != EXIT_NONE;
    }
    return at_site(vcpu, where, next);
}

static void loop(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    uint64_t next = 0;

    for (;;) {
        if (bv->look || atomic_load_explicit(&bv->kick, memory_order_relaxed) != 0) {
            next = 0;
            if (!look(vcpu))
                return;
        }
        if (bv->context) {
            next = 0;
            take_context(vcpu);
        }
        if (next == 0 && !bv->nogroup)
            next = jumps_look_up(bv, vcpu->user.pc);
        if (next == 0) {
            next = find_code(vcpu, (uint8_t)(bv->flags | (bv->nogroup ? BT_NOGROUP : 0)));
            bv->nogroup = false;
            if (vcpu->priv.exit.kind != EXIT_NONE)
                return;
            if (next == 0 || bv->look || bv->context)
                continue;
        }
        vcpu->priv.instret++;
        bv->entered = vcpu->user.pc;
        bv->current->hot.pc = vcpu->user.pc;
        uint64_t where = bt_enter((uint8_t *)bv->current + BT_CTX_BIAS, next);
        if (where != EXIT_LIGHT) /* bt_light_call has, and may have left it */
            space_meet(bv, bv->ctx);
        if (handle(vcpu, where, &next))
            return;
        if (bv->step && next == 0) {
            vcpu->priv.exit.kind = EXIT_HOST;
            return;
        }
    }
}

/* One instruction in C, or an interrupt: a single step, or away from a breakpoint. True: leave. */
static bool step(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    uint64_t traps = vcpu->traps;

    if (!look(vcpu))
        return true;
    take_context(vcpu);
    bv->debug.stopped = DEBUG_NOWHERE;
    if (vcpu->traps == traps) {
        vcpu->priv.instret++;
        bv->entered = vcpu->user.pc;
        if (bt_exec_cross(vcpu))
            return true;
    }
    if (bv->debug.step)
        debug_exit(vcpu);
    return bv->debug.step;
}

/* What a debugger has asked for since. True: leave. */
static bool debug_begin(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    if (bv->debug.changed)
        cache_flush(bv);
    bv->debug.changed = false;
    if (bv->debug.step || vcpu->user.pc == bv->debug.stopped)
        return step(vcpu);
    bv->debug.stopped = DEBUG_NOWHERE;
    return false;
}

void bt_run(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    vcpu->priv.exit.kind = EXIT_NONE;
    if (thread_adopt(vcpu) != 0) {
        exit_error(vcpu, PARK_ENGINE);
        return;
    }
    pages_adopt(vcpu);
    vcpu->reservation.valid &= bv->step;
    atomic_store(&vcpu->running, 1);
    bt_fp_load(&vcpu->user);
    bv->look = bv->context = true;
    bv->nogroup &= bv->step; /* step by step, the block before has asked for it */
    if (!debug_begin(vcpu))
        loop(vcpu);
    bt_fp_save(&vcpu->user);
    atomic_store(&vcpu->running, 0);
    box_wake(&bv->box);
}
