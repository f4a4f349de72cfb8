/* SPDX-License-Identifier: MIT */
/* The engine's operations, and the monitor's side of a vCPU's run. */
#include "engine/trap/trap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/csr.h"
#include "core/trap.h"

static int vm_create(struct vm *vm)
{
    struct trap_vm *tv = calloc(1, sizeof(*tv));
    uint64_t ram = vm->mem.slots[0].size;
    int error;

    if (tv == NULL)
        return ERR_NO_MEMORY;
    vm->engine_data = tv;
    tv->vm = vm;
    tv->image_fd = tv->epoll = -1;
    tv->low = probe_low();
    tv->top = probe_top();
    tv->counters = probe_counters();
    /* Above what an Sv39 guest can have, where the host has room there. */
    tv->base = tv->top > GIB(1024) ? GIB(1024) : GIB(128);
    error = image_make(tv);
    if (error != 0)
        return error;
    tv->area_at = tv->base + ((tv->head.end + 2 * PAGE_SIZE + MIB(2) - 1) & ~(MIB(2) - 1));
    tv->window_at = (tv->area_at + TRAP_FILE_SIZE + MIB(2) - 1) & ~(MIB(2) - 1);
    tv->end = tv->window_at + ram;
    if (tv->end > tv->top)
        return ERR_RANGE;
    return notify_start(tv);
}

static void vm_destroy(struct vm *vm)
{
    struct trap_vm *tv = vm->engine_data;

    if (tv == NULL)
        return;
    notify_stop(tv);
    if (tv->image_fd >= 0)
        close(tv->image_fd);
    free(tv);
    vm->engine_data = NULL;
}

static int vcpu_create(struct vcpu *vcpu)
{
    struct trap_vm *tv = vcpu->vm->engine_data;
    struct trap_vcpu *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return ERR_NO_MEMORY;
    t->tv = tv;
    t->vcpu = vcpu;
    t->area = MAP_FAILED;
    t->fd = memfd_create("vcpu", MFD_CLOEXEC);
    if (t->fd >= 0 && ftruncate(t->fd, (off_t)TRAP_FILE_SIZE) == 0)
        t->area = mmap(NULL, TRAP_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
    t->stlb = malloc(sizeof(*t->stlb));
    if (t->area == MAP_FAILED || t->stlb == NULL) {
        close(t->fd);
        free(t->stlb);
        free(t);
        return ERR_NO_MEMORY;
    }
    stlb_reset(t->stlb);
    vcpu->stlb = t->stlb;
    pthread_mutex_init(&t->lock, NULL);
    for (unsigned i = 0; i < TRAP_SPACES; i++)
        t->space[i].listener = -1;
    vcpu->engine = t;
    tv->vcpu[vcpu->priv.hartid] = t;
    return 0;
}

static void vcpu_destroy(struct vcpu *vcpu)
{
    struct trap_vcpu *t = trap_of(vcpu);

    if (t == NULL)
        return;
    space_destroy_all(t);
    pthread_mutex_lock(&t->tv->listening);
    t->tv->vcpu[vcpu->priv.hartid] = NULL;
    pthread_mutex_unlock(&t->tv->listening);
    munmap(t->area, TRAP_FILE_SIZE);
    close(t->fd);
    free(t->stlb);
    free(t);
    vcpu->stlb = NULL;
    vcpu->engine = NULL;
}

static void kick(struct vcpu *vcpu)
{
    struct trap_vcpu *t = trap_of(vcpu);

    if (t == NULL || !atomic_load(&vcpu->running))
        return;
    atomic_fetch_or(&t->area->vcpu.requests, atomic_load(&vcpu->requests) | VCPU_REQ_TIMER);
    turn_signal(t);
}

/* The spaces' copy of the interrupt bits is the truth while they have the vCPU: SEIP follows the
 * irqchip's, SSIP moves there. Under the lock. */
static void push_pending(struct trap_vcpu *t)
{
    _Atomic uint64_t *theirs = &t->area->vcpu.pending;
    uint64_t ours = atomic_fetch_and(&t->vcpu->pending, ~SIP_SSIP);

    atomic_fetch_or(theirs, ours & (SIP_SSIP | SIP_SEIP));
    if ((ours & SIP_SEIP) == 0)
        atomic_fetch_and(theirs, ~SIP_SEIP);
}

static void irq_pending(struct vcpu *vcpu, uint64_t mask)
{
    struct trap_vcpu *t = trap_of(vcpu);

    (void)mask;
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->inside)
        push_pending(t);
    pthread_mutex_unlock(&t->lock);
}

static void hand_over(struct trap_vcpu *t)
{
    struct vcpu *vcpu = t->vcpu, *theirs = &t->area->vcpu;
    uint32_t requests = atomic_load(&vcpu->requests);

    atomic_fetch_and(&vcpu->requests, ~(uint32_t)(VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER));
    theirs->user = vcpu->user;
    theirs->priv = vcpu->priv;
    theirs->priv.exit.kind = EXIT_NONE;
    theirs->trap_repeat_pc = vcpu->trap_repeat_pc;
    theirs->trap_repeat_instret = vcpu->trap_repeat_instret;
    theirs->traps = vcpu->traps;
    atomic_store(&theirs->hsm, HSM_STARTED);
    pthread_mutex_lock(&t->lock);
    t->inside = true;
    atomic_store(&theirs->pending, atomic_load(&vcpu->pending) & SIP_STIP);
    push_pending(t);
    pthread_mutex_unlock(&t->lock);
    atomic_fetch_or(&theirs->requests, requests | VCPU_REQ_TIMER);
}

/* What comes back is as hostile as a snapshot. */
static void take_back(struct trap_vcpu *t)
{
    struct vcpu *vcpu = t->vcpu, *theirs = &t->area->vcpu;

    vcpu->user = theirs->user;
    vcpu->priv = theirs->priv;
    csr_sanitize(vcpu);
    stlb_flush(t->stlb, NULL, NULL);
    vcpu->traps = theirs->traps;
    vcpu->trap_repeat_pc = theirs->trap_repeat_pc;
    vcpu->trap_repeat_instret = theirs->trap_repeat_instret;
    vcpu->priv.version = VCPU_RECORD_VERSION;
    pthread_mutex_lock(&t->lock);
    t->inside = false;
    uint64_t pending = atomic_load(&theirs->pending);
    atomic_fetch_or(&vcpu->pending, pending & (SIP_SSIP | SIP_STIP));
    if ((pending & SIP_STIP) == 0)
        atomic_fetch_and(&vcpu->pending, ~SIP_STIP);
    pthread_mutex_unlock(&t->lock);
}

static uint32_t find_space(const struct trap_vcpu *t, uint64_t satp, enum priv mode)
{
    for (uint32_t i = 0; i < TRAP_SPACES; i++) {
        if (t->space[i].pid != 0 && t->space[i].satp == satp && t->space[i].mode == mode)
            return i;
    }
    return TRAP_NONE;
}

static unsigned spaces_most(const struct trap_vcpu *t)
{
    unsigned most =
        t->tv->vm->max_spaces != 0 ? t->tv->vm->max_spaces / t->tv->vm->nvcpus : TRAP_SPACES;

    return most < 2 ? 2 : most > TRAP_SPACES ? TRAP_SPACES : most;
}

/* Ends the space whose last use is longest ago, but `keep`. False: there is none. */
static bool evict(struct trap_vcpu *t, uint32_t keep)
{
    uint32_t best = TRAP_NONE;

    for (uint32_t i = 0; i < TRAP_SPACES; i++) {
        if (i == keep || t->space[i].pid == 0)
            continue;
        if (best == TRAP_NONE || t->area->slot[i].used < t->area->slot[best].used)
            best = i;
    }
    if (best != TRAP_NONE)
        space_destroy(t, best);
    return best != TRAP_NONE;
}

/* A free slot; one is freed when as many are in use as may be. */
static uint32_t choose_slot(struct trap_vcpu *t, uint32_t keep)
{
    for (;;) {
        for (uint32_t i = 0; i < spaces_most(t); i++) {
            if (t->space[i].pid == 0)
                return i;
        }
        if (!evict(t, keep))
            return TRAP_NONE;
    }
}

/* The slot of the space, made when there is none. Without the means for another, others go. */
static uint32_t get_space(struct trap_vcpu *t, uint64_t satp, enum priv mode, uint32_t keep)
{
    uint32_t slot = find_space(t, satp, mode);

    if (slot != TRAP_NONE)
        return slot;
    int why = 0;
    do {
        slot = choose_slot(t, keep);
        if (slot != TRAP_NONE && space_create(t, slot, satp, mode) == 0)
            return slot;
        why = errno;
    } while (evict(t, keep));
    vm_log(t->tv->vm, t->vcpu, LOG_ERROR, "trap",
           "no process for another address space: %s (raise ulimit -u and -n, or pids.max)",
           strerror(why));
    return TRAP_NONE;
}

/* For who wonders why: how the space ended, or that it does not answer. */
static void explain(struct trap_vcpu *t, uint32_t slot)
{
    siginfo_t info = {.si_pid = 0};
    int pid = slot < TRAP_SPACES ? t->space[slot].pid : 0;

    if (pid == 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        vm_log_guest(t->tv->vm, t->vcpu, LOG_DEBUG, "trap", "space %u is not there", slot);
    else if (info.si_pid == 0)
        vm_log_guest(t->tv->vm, t->vcpu, LOG_DEBUG, "trap", "space %u does not answer", slot);
    else
        vm_log_guest(t->tv->vm, t->vcpu, LOG_DEBUG, "trap", "space %u ended: code %d, status %d",
                     slot, info.si_code, info.si_status);
}

/*
 * A space ended by itself or does not answer. What user code did to its own space is an illegal
 * instruction of that code; a kernel that lost its own is parked.
 */
static void lost(struct trap_vcpu *t, uint32_t kernel)
{
    bool users = !space_is_dead(t, kernel) && t->area->vcpu.priv.mode == PRIV_U;
    struct vcpu *vcpu = t->vcpu;
    struct trap trap = {.cause = CAUSE_ILLEGAL_INSN};

    explain(t, kernel);
    explain(t, __atomic_load_n(&t->area->current, __ATOMIC_SEQ_CST));
    space_destroy_all(t);
    take_back(t);
    vcpu->priv.exit.kind = EXIT_HOST;
    if (!users || trap_deliver(vcpu, &trap) != 0)
        vcpu->priv.exit =
            (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_ENGINE, .addr = vcpu->user.pc};
}

/* One turn of the spaces. True: the vCPU has an exit. */
static bool turn(struct trap_vcpu *t, uint32_t *kernel)
{
    struct trap_area *area = t->area;

    turn_give(t, *kernel);
    if (!turn_wait(t, *kernel)) {
        lost(t, *kernel);
        return true;
    }
    turn_take_output(t);
    uint32_t now = area->kernel, slot = area->want_slot;
    if (now < TRAP_SPACES && t->space[now].pid != 0 && t->space[now].mode == PRIV_S)
        *kernel = now;
    switch (area->reason) {
    case REASON_SPACE:
        if (get_space(t, area->want_satp, area->want_mode == PRIV_U ? PRIV_U : PRIV_S, *kernel) !=
            TRAP_NONE)
            return false;
        lost(t, *kernel);
        return true;
    case REASON_DROP:
        if (slot < TRAP_SPACES && slot != *kernel)
            space_destroy(t, slot);
        return false;
    default:
        take_back(t);
        return true;
    }
}

static void run(struct vcpu *vcpu)
{
    struct trap_vcpu *t = trap_of(vcpu);
    uint32_t kernel = t->area->kernel;
    static _Thread_local int own_tid;

    if (own_tid == 0)
        own_tid = gettid();
    vcpu->priv.exit.kind = EXIT_NONE;
    atomic_store(&vcpu->running, 1);
    if (t->owner != own_tid) {
        space_destroy_all(t); /* those of the thread before, which ended with it */
        t->owner = own_tid;
    }
    if (kernel >= TRAP_SPACES || t->space[kernel].pid == 0 || t->space[kernel].mode != PRIV_S)
        kernel = get_space(t, vcpu->priv.satp, PRIV_S, TRAP_NONE);
    if (kernel == TRAP_NONE) {
        vcpu->priv.exit = (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_ENGINE};
    } else {
        hand_over(t);
        while (!turn(t, &kernel))
            ;
    }
    atomic_store(&vcpu->running, 0);
}

static void post(struct vm *vm, struct vcpu *self, const struct hart_set *harts, uint32_t request)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        struct vcpu *vcpu = vm->vcpu[i];
        if (((harts->mask[i / 64] >> (i % 64)) & 1) == 0 || trap_of(vcpu) == NULL)
            continue;
        atomic_fetch_or(&trap_of(vcpu)->area->vcpu.requests, request);
        if (vcpu != self && atomic_load(&vcpu->running))
            turn_signal(trap_of(vcpu));
    }
}

/* A vCPU outside of run sees its requests on the way in. */
static void wait_seen(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      uint32_t request)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        struct vcpu *vcpu = vm->vcpu[i];
        if (vcpu == self || ((harts->mask[i / 64] >> (i % 64)) & 1) == 0 || trap_of(vcpu) == NULL)
            continue;
        while (atomic_load(&vcpu->running) &&
               (atomic_load(&trap_of(vcpu)->area->vcpu.requests) & request) != 0)
            usleep(10);
    }
}

static void tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      const struct flush_range *range)
{
    (void)range; /* what did not change stays, so a fence may as well cover everything */
    post(vm, self, harts, VCPU_REQ_TLB);
    wait_seen(vm, self, harts, VCPU_REQ_TLB);
}

static void code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                       uint64_t size)
{
    (void)gpa;
    (void)size;
    post(vm, self, harts, VCPU_REQ_CODE);
    wait_seen(vm, self, harts, VCPU_REQ_CODE);
}

static void stats(struct vm *vm, void (*line)(void *ctx, const char *name, uint64_t value),
                  void *ctx)
{
    static const char *const names[] = {
#define COUNTER(id, name) [COUNT_##id] = "trap." name,
#include "engine/trap/counters.def"
#undef COUNTER
    };
    uint64_t created = 0;

    for (unsigned n = 0; n < TRAP_COUNTERS; n++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < vm->nvcpus; i++)
            sum += trap_of(vm->vcpu[i]) != NULL ? trap_of(vm->vcpu[i])->area->count[n] : 0;
        line(ctx, names[n], sum);
    }
    for (unsigned i = 0; i < vm->nvcpus; i++)
        created += trap_of(vm->vcpu[i]) != NULL ? trap_of(vm->vcpu[i])->created : 0;
    line(ctx, "trap.spaces_created", created);
}

const struct engine_ops engine_trap = {
    .name = "trap",
    .probe = trap_probe,
    .vm_create = vm_create,
    .vm_destroy = vm_destroy,
    .vcpu_create = vcpu_create,
    .vcpu_destroy = vcpu_destroy,
    .run = run,
    .kick = kick,
    .irq_pending = irq_pending,
    .tlb_flush = tlb_flush,
    .code_flush = code_flush,
    .stats = stats,
};
