/* SPDX-License-Identifier: MIT */
/*
 * A kernel-mode space: the guest's S-mode code runs in it, and its stub decides for the whole vCPU
 * while it has the turn. Whatever stops guest code, its own or that of a user-mode space
 * (umode.c), comes here; core executes what the host cannot, for as long as privileged instructions
 * keep coming; devices and most SBI calls go on to the monitor.
 */
#include "core/csr.h"
#include "core/exec.h"
#include "core/sbi/sbi.h"
#include "engine/trap/stub/stub.h"

#define DBCN_WRITE_BYTE 2

#define STRETCH         256 /* instructions to go on with after one that the host could not execute */
#define FOREIGN         400 /* instructions in another address space before it gets a space of its own */

static unsigned stretch, foreign;

/* The record is this space's now; its pointers were another's. */
static void take_turn(void)
{
    struct trap_area *area = kernel.area;

    turn_wait(&area->slot[stub_config.slot].turn);
    kernel.vcpu->vm = &kernel.vm;
    kernel.vcpu->stlb = &kernel.stlb;
    kernel.vcpu->reservation.valid = false;
    area->kernel = stub_config.slot;
    __atomic_store_n(&area->current, stub_config.slot, __ATOMIC_SEQ_CST);
    if (kernel.epoch != atomic_load(&area->epoch)) {
        kernel.epoch = atomic_load(&area->epoch);
        stlb_flush(&kernel.stlb, NULL, NULL);
    }
    fast_new_code();
    stretch = STRETCH;
}

static void to_monitor(enum trap_reason reason)
{
    struct trap_area *area = kernel.area;

    area->reason = reason;
    __atomic_fetch_or(&area->to_monitor, 1, __ATOMIC_SEQ_CST);
    stub_syscall(__NR_futex, (uint64_t)&area->to_monitor, FUTEX_WAKE, 1, 0, 0, 0);
    take_turn();
}

static uint32_t find_slot(uint64_t satp, enum priv mode)
{
    struct trap_area *area = kernel.area;

    for (uint32_t i = 0; i < TRAP_SPACES; i++) {
        struct trap_slot *slot = &area->slot[i];
        if (slot->state == SPACE_LIVE && slot->mode == (uint32_t)mode && slot->satp == satp) {
            slot->used = ++area->clock;
            return i;
        }
    }
    return TRAP_NONE;
}

uint32_t kernel_space(uint64_t satp, enum priv mode)
{
    uint32_t slot = find_slot(satp, mode);

    if (slot == TRAP_NONE) {
        uint32_t site = site_choose(satp);
        if (site == TRAP_NONE)
            return TRAP_NONE;
        kernel.area->want_satp = satp;
        kernel.area->want_mode = (uint32_t)mode;
        kernel.area->want_site = site;
        to_monitor(REASON_SPACE);
        slot = find_slot(satp, mode);
    }
    return slot;
}

/* The vCPU goes on in the kernel-mode space of its satp, until somebody gives this one its turn. */
static void switch_space(void)
{
    uint32_t slot = kernel_space(kernel.vcpu->priv.satp, PRIV_S);

    foreign = 0;
    if (slot == TRAP_NONE || slot == stub_config.slot)
        return;
    count(COUNT_HANDOVERS);
    turn_give(&kernel.area->slot[slot].turn);
    take_turn();
}

static void unmap_gone(gva_t va, uint64_t length)
{
    const struct trap_config *c = &stub_config;
    gva_t end = va + length;

    kernel.area->count[COUNT_REVOKED] += length >> PAGE_SHIFT;
    if (va < c->base)
        (void)stub_syscall(__NR_munmap, va, (end < c->base ? end : c->base) - va, 0, 0, 0, 0);
    if (end > c->end && va < c->top) {
        gva_t from = va > c->end ? va : c->end;
        (void)stub_syscall(__NR_munmap, from, (end < c->top ? end : c->top) - from, 0, 0, 0, 0);
    }
}

void kernel_drop(uint32_t slot)
{
    count(COUNT_DROPPED);
    kernel.area->want_slot = slot;
    to_monitor(REASON_DROP);
}

void kernel_leave(void)
{
    kernel.vcpu->priv.exit.kind = EXIT_HOST;
    to_monitor(REASON_EXIT);
}

static void take_requests(void)
{
    struct vcpu *vcpu = kernel.vcpu;
    uint32_t requests = atomic_exchange(&vcpu->requests, 0);

    atomic_fetch_add(&kernel.area->served, 1);
    if (requests & (VCPU_REQ_TLB | VCPU_REQ_CODE)) {
        kernel.epoch = atomic_fetch_add(&kernel.area->epoch, 1) + 1;
        stlb_flush(&kernel.stlb, NULL, NULL);
        __asm__ volatile("fence.i" : : : "memory");
        fast_new_code();
    }
    if (requests & VCPU_REQ_EVENT)
        kernel_leave();
    vcpu_update_timer(vcpu);
}

/* The monitor takes it when it next looks. False: no room. */
static bool print(uint8_t byte)
{
    struct trap_area *area = kernel.area;
    uint32_t printed = area->printed;

    if (printed - __atomic_load_n(&area->taken, __ATOMIC_ACQUIRE) >= TRAP_OUTPUT)
        return false;
    area->output[printed % TRAP_OUTPUT] = byte;
    __atomic_store_n(&area->printed, printed + 1, __ATOMIC_RELEASE);
    return true;
}

/* Some calls need nobody else: versions and probing, the timer, single characters. */
bool kernel_call(struct vcpu *vcpu)
{
    const struct sbi_call *call = sbi_call_of(vcpu);
    struct sbi_ret ret = {SBI_SUCCESS, 0};
    uint64_t eid = call->eid;

    if (LIKELY(eid == SBI_EID_BASE || eid == SBI_EID_TIME)) {
        ret = sbi_extensions[eid & 15]->answer(vcpu, call);
    } else if (eid == SBI_EID_LEGACY_PUTCHAR) {
        ret.value = call->arg[1];
        if (!print((uint8_t)call->arg[0]))
            return false;
    } else if (eid != SBI_EID_DBCN || call->fid != DBCN_WRITE_BYTE ||
               !print((uint8_t)call->arg[0])) {
        return false;
    }
    vcpu->user.x[10] = (uint64_t)ret.error;
    vcpu->user.x[11] = ret.value;
    count(COUNT_SBI);
    return true;
}

void kernel_fence(void)
{
    count(COUNT_FENCES);
    kernel.epoch = atomic_fetch_add(&kernel.area->epoch, 1) + 1;
}

static void handle_exit(void)
{
    struct vcpu *vcpu = kernel.vcpu;

    if (vcpu->priv.exit.kind == EXIT_SBI) {
        if (kernel_call(vcpu)) {
            vcpu->user.pc += 4;
            vcpu->priv.exit.kind = EXIT_NONE;
            return;
        }
        count(COUNT_SBI);
    }
    to_monitor(REASON_EXIT);
}

static uint64_t privileged(void)
{
    const uint64_t *n = kernel.area->count;

    return n[COUNT_PRIVILEGED] + n[COUNT_SRET] + n[COUNT_ECALLS] + n[COUNT_SBI];
}

void kernel_step(void)
{
    struct vcpu *vcpu = kernel.vcpu;
    uint64_t traps = vcpu->traps, mark = privileged();

    if (step(vcpu))
        handle_exit();
    if (vcpu->traps != traps || privileged() != mark)
        stretch = STRETCH;
    else if (stretch > 0)
        stretch--;
    foreign = vcpu->priv.satp == kernel.satp ? 0 : foreign + 1;
}

/* A stretch of them, and the one that ended it. */
static void interpret(bool can_be_native)
{
    uint64_t before = kernel.area->count[COUNT_INTERPRETED];
    bool core;

    kernel.area->interpreting = 1;
    if (can_be_native)
        stretch = fast_run(kernel.vcpu, stretch, STRETCH, &core);
    else
        (void)fast_run(kernel.vcpu, FAST_MOST, FAST_MOST, &core);
    if (core)
        kernel_step();
    kernel.area->interpreting = 0;
    if (!can_be_native)
        foreign += (unsigned)(kernel.area->count[COUNT_INTERPRETED] - before);
}

/* Is this space's stub in nobody's way? Where it is and another place is free, this space comes to
 * its end here. */
static bool out_of_the_way(void)
{
    static uint32_t epoch;
    static bool known, free;

    if (known && epoch == atomic_load(&kernel.area->epoch))
        return free;
    known = true;
    epoch = atomic_load(&kernel.area->epoch);
    free = site_is_free(kernel.satp, site_of(stub_config.slot));
    if (!free && (kernel.area->want_site = site_choose(kernel.satp)) != TRAP_NONE) {
        kernel.area->want_satp = kernel.satp;
        to_monitor(REASON_MOVE);
    }
    return free;
}

/* Can the host execute the vCPU's code, as this space maps it? */
static bool native(void)
{
    const struct vcpu_priv *priv = &kernel.vcpu->priv;

    return priv->mode == PRIV_S && priv->satp == kernel.satp &&
           (priv->sstatus & (SSTATUS_SUM | SSTATUS_MXR)) == 0 &&
           fill_possible(kernel.vcpu->user.pc, site_of(stub_config.slot)) && out_of_the_way();
}

/* Until native code of this space can run, or for ever in another's. */
static void run(void)
{
    struct trap_area *area = kernel.area;
    struct vcpu *vcpu = kernel.vcpu;

    for (;;) {
        if (atomic_load(&vcpu->requests) != 0)
            take_requests();
        if (trap_take_interrupt(vcpu))
            stretch = STRETCH;
        if (vcpu->priv.mode == PRIV_U && umode_possible(vcpu)) {
            umode_run();
        } else if (foreign > FOREIGN && vcpu->priv.satp != kernel.satp &&
                   fill_possible(vcpu->user.pc, NULL)) {
            switch_space();
        } else if (!native() || stretch > 0) {
            interpret(native());
        } else {
            tables_see_fences(&area->tables[stub_config.slot], unmap_gone);
            if (atomic_load(&vcpu->requests) == 0)
                return;
        }
    }
}

/* True: guest code goes on where it was. */
static bool native_fault(gva_t va)
{
    struct trap_tables *tables = &kernel.area->tables[stub_config.slot];
    struct trap_map map;

    if (fill_fault(tables, va, &map))
        return fill_map(&map);
    if (tables->count >= TRAP_TABLES)
        fill_unmap_all();
    return false;
}

static void native_signal(int number, const siginfo_t *info)
{
    struct vcpu *vcpu = kernel.vcpu;

    count(COUNT_SIGNALS);
    fast_new_code();
    vcpu->priv.instret++;
    vcpu->priv.cycle++;
    if (vcpu->priv.sstatus & SSTATUS_FS)
        vcpu->priv.sstatus |= SSTATUS_FS;
    vcpu->reservation.valid = false;
    if (number != SIGSEGV)
        fill_forget_fault();
    if (number == TRAP_KICK || (number == SIGSEGV && native_fault((gva_t)info->si_addr)))
        return;
    if (number == SIGSYS)
        vcpu->user.pc -= 4;
    kernel_step();
    stretch = STRETCH;
}

void kernel_signal(int number, const siginfo_t *info, struct ucontext *uc)
{
    static bool started;

    if (!started) {
        started = true;
        take_turn();
    } else {
        context_save(uc, &kernel.vcpu->user);
        native_signal(number, info);
    }
    run();
    context_load(uc, &kernel.vcpu->user);
}
