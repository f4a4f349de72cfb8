/* SPDX-License-Identifier: MIT */
/*
 * The guest's U-mode, as a kernel-mode space has it executed: in the user-mode space of its satp,
 * which is brought up to date with fences, gets the registers and the next mapping to make, and
 * says what stopped its code. Nothing in the page shared with it is believed.
 */
#include "core/csr.h"
#include "engine/trap/stub/stub.h"

#define FILLS_LEAST 8 /* mappings that a new space has to have had room for */

static uint32_t map_slot;   /* this one ... */
static struct trap_map map; /* ... has this to make when it goes on */

/* What the space has to unmap. More than TRAP_UNMAPS stands for everything. */
static struct trap_range revoked[TRAP_UNMAPS];
static uint32_t nrevoked;

static void note_gone(gva_t va, uint64_t length)
{
    struct trap_range *last =
        nrevoked > 0 && nrevoked <= TRAP_UNMAPS ? &revoked[nrevoked - 1] : NULL;

    kernel.area->count[COUNT_REVOKED] += length >> PAGE_SHIFT;
    if (last != NULL && last->va + last->length == va)
        last->length += length;
    else if (nrevoked++ < TRAP_UNMAPS)
        revoked[nrevoked - 1] = (struct trap_range){va, length};
}

/* Has the space unmap it, and believes the monitor, not the space. */
static bool unmap(uint32_t slot, struct trap_page *page)
{
    struct trap_area *area = kernel.area;

    if (nrevoked > TRAP_UNMAPS)
        return false;
    memcpy(area->revoke[slot].range, revoked, sizeof(revoked));
    atomic_store(&area->revoke[slot].seen, 0);
    area->revoke[slot].count = nrevoked;
    memcpy(page->unmap, revoked, sizeof(revoked));
    page->nunmap = nrevoked;
    page->map.length = 0;
    page->enter = 0;
    __atomic_store_n(&area->current, slot, __ATOMIC_SEQ_CST);
    count(COUNT_HANDOVERS);
    turn_give(&page->to_user);
    turn_wait(&page->to_kernel);
    __atomic_store_n(&area->current, stub_config.slot, __ATOMIC_SEQ_CST);
    area->revoke[slot].count = 0;
    return atomic_load(&area->revoke[slot].seen) == (1U << nrevoked) - 1;
}

/* Do all of the space's mappings hold? Where not, they are gone now, or the space is. */
static bool up_to_date(uint32_t slot, struct trap_page *page)
{
    nrevoked = 0;
    tables_see_fences(&kernel.area->tables[slot], note_gone);
    if (nrevoked == 0)
        return true;
    map.length = 0;
    if (!unmap(slot, page))
        kernel_drop(slot);
    return false;
}

/* Registers that user code left in its page: anything is possible but a zero register. */
static void from_page(const struct trap_page *page)
{
    struct vcpu *vcpu = kernel.vcpu;

    memcpy(&vcpu->user, &page->user, sizeof(vcpu->user));
    vcpu->user.x[0] = 0;
    vcpu->user.fcsr &= 0xff;
    if (vcpu->priv.sstatus & SSTATUS_FS)
        vcpu->priv.sstatus |= SSTATUS_FS; /* whether it changed cannot be seen */
    vcpu->priv.instret++;
    vcpu->priv.cycle++;
    fast_new_code();
}

/* The space executes guest code until something stops it. False: there was a request before. */
static bool enter(uint32_t slot, struct trap_page *page)
{
    struct trap_area *area = kernel.area;
    struct vcpu *vcpu = kernel.vcpu;

    if (slot != map_slot)
        map.length = 0; /* it was for a space that did not go on */
    memcpy(&page->user, &vcpu->user, sizeof(vcpu->user));
    page->map = map;
    if (map.length != 0)
        area->grant[slot] = map;
    page->enter = 1;
    __atomic_store_n(&area->current, slot, __ATOMIC_SEQ_CST);
    if (atomic_load(&vcpu->requests) != 0) {
        __atomic_store_n(&area->current, stub_config.slot, __ATOMIC_SEQ_CST);
        return false;
    }
    map.length = 0;
    count(COUNT_HANDOVERS);
    turn_give(&page->to_user);
    turn_wait(&page->to_kernel);
    from_page(page);
    __atomic_store_n(&area->current, stub_config.slot, __ATOMIC_SEQ_CST);
    return true;
}

/* The host has no room for another mapping in that space: a new one has. Not when the last new one
 * had hardly any either; core then executes what needs the mapping. */
static bool is_full(uint32_t slot, struct trap_page *page)
{
    static uint64_t filled;
    bool full = page->full != 0 && kernel.area->count[COUNT_FILLS] - filled >= FILLS_LEAST;

    page->full = 0;
    if (!full)
        return false;
    filled = kernel.area->count[COUNT_FILLS];
    fill_forget_fault();
    kernel_drop(slot);
    return true;
}

static void handle_fault(uint32_t slot, gva_t va)
{
    struct trap_tables *tables = &kernel.area->tables[slot];

    map_slot = slot;
    kernel.site = site_of(slot);
    bool found = fill_fault(tables, va, &map);
    kernel.site = site_of(stub_config.slot);
    if (found)
        return;
    map.length = 0;
    if (tables->count >= TRAP_TABLES)
        kernel_drop(slot);
    kernel_step();
}

static void handle_signal(uint32_t slot, struct trap_page *page)
{
    uint32_t signal = page->signal;
    gva_t fault = page->fault;

    count(COUNT_SIGNALS);
    if (signal != SIGSEGV)
        fill_forget_fault();
    if (is_full(slot, page))
        return;
    if (signal == SIGSEGV) {
        handle_fault(slot, fault);
    } else if (signal != TRAP_KICK && signal != 0) {
        if (signal == SIGSYS)
            kernel.vcpu->user.pc -= 4;
        kernel_step();
    }
}

bool umode_possible(const struct vcpu *vcpu)
{
    return fill_possible(vcpu->user.pc, NULL) &&
           (stub_config.counters & ~vcpu->priv.scounteren) == 0;
}

void umode_run(void)
{
    struct vcpu *vcpu = kernel.vcpu;
    uint32_t slot = kernel_space(vcpu->priv.satp, PRIV_U);

    if (slot == TRAP_NONE) {
        kernel_step();
        return;
    }
    if (!site_is_free(vcpu->priv.satp, site_of(slot))) {
        kernel_drop(slot);
        return;
    }
    if (!fill_possible(vcpu->user.pc, site_of(slot))) {
        kernel_step();
        return;
    }
    struct trap_page *page = (struct trap_page *)(stub_config.pages + slot * PAGE_SIZE);
    if (up_to_date(slot, page) && enter(slot, page))
        handle_signal(slot, page);
}
