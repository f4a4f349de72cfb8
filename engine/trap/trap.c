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
#include "engine/trap/check.h"

#define LOOKS_LEAST 50 /* before the interpreted share is worth telling */

static uint64_t to_next_large(uint64_t at)
{
    return (at + MIB(2) - 1) & ~(MIB(2) - 1);
}

/* False: there is no room for it there. */
static bool lay_out(const struct trap_vm *tv, uint64_t base, struct trap_site *site)
{
    site->base = base;
    site->area = to_next_large(base + tv->head.end + 2 * PAGE_SIZE);
    site->window = to_next_large(site->area + TRAP_FILE_SIZE);
    site->end = site->window + tv->vm->mem.slots[0].size;
    site->image_fd = -1;
    return site->end <= tv->top;
}

/* Above what an Sv39 guest can have, where the host has room there; where not, several, for a guest
 * that uses one of them. */
static int choose_sites(struct trap_vm *tv)
{
    static const uint64_t above[] = {GIB(1024)};
    static const uint64_t among[TRAP_SITES] = {GIB(128), GIB(64), GIB(192), GIB(32)};
    bool room = tv->top > GIB(1024);
    unsigned count = room ? ARRAY_SIZE(above) : ARRAY_SIZE(among);

    for (unsigned i = 0; i < count; i++) {
        struct trap_site *site = &tv->site[tv->nsites];
        if (!lay_out(tv, room ? above[i] : among[i], site))
            continue;
        tv->nsites++;
        int error = image_make(tv, site);
        if (error != 0)
            return error;
    }
    return tv->nsites > 0 ? 0 : ERR_RANGE;
}

static int vm_create(struct vm *vm)
{
    struct trap_vm *tv = calloc(1, sizeof(*tv));
    int error;

    if (tv == NULL)
        return ERR_NO_MEMORY;
    vm->engine_data = tv;
    tv->vm = vm;
    tv->epoll = -1;
    tv->low = probe_low();
    tv->top = probe_top();
    tv->counters = probe_counters();
    tv->head = image_head();
    error = choose_sites(tv);
    return error != 0 ? error : notify_start(tv);
}

static void vm_destroy(struct vm *vm)
{
    struct trap_vm *tv = vm->engine_data;

    if (tv == NULL)
        return;
    notify_stop(tv);
    for (unsigned i = 0; i < tv->nsites; i++) {
        if (tv->site[i].image_fd >= 0)
            close(tv->site[i].image_fd);
    }
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

    check_record(vcpu, theirs);
    stlb_flush(t->stlb, NULL, NULL);
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
static uint32_t get_space(struct trap_vcpu *t, const struct trap_want *want, uint32_t keep)
{
    uint32_t slot = find_space(t, want->satp, want->mode);

    if (slot != TRAP_NONE)
        return slot;
    int why = 0;
    do {
        slot = choose_slot(t, keep);
        if (slot != TRAP_NONE && space_create(t, slot, want) == 0)
            return slot;
        why = errno;
    } while (evict(t, keep));
    vm_log(t->tv->vm, t->vcpu, LOG_ERROR, "trap",
           "no process for another address space: %s (raise ulimit -u and -n, or pids.max)",
           strerror(why));
    return TRAP_NONE;
}

/* For who wonders why: how the space ended, or that it does not answer. Guest code can end its
 * space with any status, so that the remedy is a guess. */
static void explain(struct trap_vcpu *t, uint32_t slot)
{
    siginfo_t info = {.si_pid = 0};
    int pid = slot < TRAP_SPACES ? t->space[slot].pid : 0;

    if (pid == 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        vm_log_guest(t->tv->vm, t->vcpu, LOG_DEBUG, "trap", "space %u is not there", slot);
    else if (info.si_pid == 0)
        vm_log_guest(t->tv->vm, t->vcpu, LOG_DEBUG, "trap", "space %u does not answer", slot);
    else if (info.si_code == CLD_EXITED && info.si_status == SPACE_NOT_MAPPED)
        vm_log_guest(t->tv->vm, t->vcpu, LOG_ERROR, "trap",
                     "no room for the mappings of an address space: raise vm.max_map_count");
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

    uint32_t current = check_slot(&t->area->current);

    explain(t, kernel);
    if (current != kernel)
        explain(t, current);
    space_destroy_all(t);
    take_back(t);
    vcpu->priv.exit.kind = EXIT_HOST;
    if (!users || trap_deliver(vcpu, &trap) != 0)
        vcpu->priv.exit =
            (struct exit_record){.kind = EXIT_ERROR, .reason = PARK_ENGINE, .addr = vcpu->user.pc};
}

/* What the spaces ask of the monitor alone. False: it cannot be done. */
static bool serve(struct trap_vcpu *t, const struct trap_handover *to, uint32_t *kernel)
{
    const struct trap_want want = {to->satp, to->reason == REASON_MOVE ? PRIV_S : to->mode,
                                   to->site};

    if (to->reason == REASON_SPACE)
        return get_space(t, &want, *kernel) != TRAP_NONE;
    if (to->reason == REASON_MOVE) {
        space_destroy(t, *kernel);
        uint32_t made = get_space(t, &want, TRAP_NONE);
        *kernel = made != TRAP_NONE ? made : *kernel;
        return made != TRAP_NONE;
    }
    if (to->slot != TRAP_NONE && to->slot != *kernel)
        space_destroy(t, to->slot);
    return true;
}

/* One turn of the spaces. True: the vCPU has an exit. */
static bool turn(struct trap_vcpu *t, uint32_t *kernel)
{
    struct trap_handover to;

    turn_give(t, *kernel);
    if (!turn_wait(t, *kernel)) {
        lost(t, *kernel);
        return true;
    }
    turn_take_output(t);
    check_handover(t->area, &to);
    if (to.kernel != TRAP_NONE && t->space[to.kernel].pid != 0 &&
        t->space[to.kernel].mode == PRIV_S)
        *kernel = to.kernel;
    if (to.reason == REASON_EXIT) {
        take_back(t);
        return true;
    }
    if (!serve(t, &to, kernel)) {
        lost(t, *kernel);
        return true;
    }
    if (!turn_over(t))
        return false;
    take_back(t); /* spaces that never stop asking shall not keep the vCPU */
    t->vcpu->priv.exit.kind = EXIT_HOST;
    return true;
}

static void run(struct vcpu *vcpu)
{
    struct trap_vcpu *t = trap_of(vcpu);
    uint32_t kernel = check_slot(&t->area->kernel);
    static _Thread_local int own_tid;

    if (own_tid == 0)
        own_tid = gettid();
    vcpu->priv.exit.kind = EXIT_NONE;
    t->kick.since_ns = 0;
    atomic_store(&vcpu->running, 1);
    if (t->owner != own_tid) {
        space_destroy_all(t); /* those of the thread before, which ended with it */
        t->owner = own_tid;
    }
    if (kernel == TRAP_NONE || t->space[kernel].pid == 0 || t->space[kernel].mode != PRIV_S)
        kernel = get_space(t, &(struct trap_want){vcpu->priv.satp, PRIV_S, 0}, TRAP_NONE);
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

/* Of the time that the vCPUs had, how much the stub took to execute guest code: by what looks every
 * LOOK_NS found. 0 after too few of them. */
static uint64_t interpreted_percent(const struct vm *vm)
{
    uint64_t looks = 0, interpreted = 0;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        const struct trap_vcpu *t = trap_of(vm->vcpu[i]);
        looks += t != NULL ? t->looks : 0;
        interpreted += t != NULL ? t->looks_interpreted : 0;
    }
    return looks >= LOOKS_LEAST ? interpreted * 100 / looks : 0;
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
    line(ctx, "trap.interpreted_percent", interpreted_percent(vm));
    if (interpreted_percent(vm) > 50)
        vm_log(vm, NULL, LOG_WARN, "trap",
               "most of the time went into interpreting: --engine bt may suit this guest better");
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
