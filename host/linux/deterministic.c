/* SPDX-License-Identifier: MIT */
/*
 * --deterministic: the whole VM on one thread. vCPUs take turns of a fixed number of instructions;
 * guest time is the number of instructions that all of them have retired; a disk request completes
 * at a fixed instruction distance; entropy comes from the seed. Two runs with the same seed and
 * input are the same to the instruction, and `trace_hash` says so.
 */
#include <stdlib.h>
#include <string.h>

#include "core/sbi/hsm.h"
#include "core/trap.h"
#include "host/linux/host.h"

#define TURN               20000  /* instructions a vCPU runs before the next one's turn */
#define DISK_DISTANCE      100000 /* instructions from a disk request to its completion */
#define NS_PER_INSTRUCTION 1
#define EPOCH_NS           UINT64_C(1700000000000000000) /* the guest's wall clock at the start */

struct delayed {
    struct blk_request *request;
    struct disk *disk;
    uint64_t due; /* instruction count */
};

struct deterministic {
    uint64_t retired;     /* by all vCPUs, idle time included, up to the current turn */
    struct vcpu *current; /* whose turn it is, and its instret at the start of it */
    uint64_t turn_instret;
    uint64_t random;
    uint64_t trace_hash, trace_events;
    struct delayed delayed[MACHINE_MAX_DISKS * DISK_QUEUE];
    unsigned ndelayed;
};

/* splitmix64. */
static uint64_t next_random(struct deterministic *det)
{
    uint64_t z = det->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t retired_now(const struct deterministic *det)
{
    uint64_t turn = det->current != NULL ? det->current->priv.instret - det->turn_instret : 0;

    return det->retired + turn;
}

static uint64_t ticks_of(const struct vm *vm, uint64_t instructions)
{
    return instructions * NS_PER_INSTRUCTION / (UINT64_C(1000000000) / vm->timebase_hz);
}

/* The first instruction count at which guest time has reached `ticks`. */
static uint64_t instructions_at(const struct vm *vm, uint64_t ticks)
{
    uint64_t scale = UINT64_C(1000000000) / vm->timebase_hz / NS_PER_INSTRUCTION;

    return ticks > UINT64_MAX / scale ? UINT64_MAX : ticks * scale;
}

static uint64_t det_time(struct vm *vm)
{
    return ticks_of(vm, retired_now(host_of(vm)->det));
}

static uint64_t det_wall_ns(struct vm *vm)
{
    return EPOCH_NS + retired_now(host_of(vm)->det) * NS_PER_INSTRUCTION;
}

/* Deadlines are looked at between turns, and cut the turn short. */
static void det_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    struct deterministic *det = host_of(vcpu->vm)->det;
    uint64_t due = instructions_at(vcpu->vm, deadline);
    uint64_t now = retired_now(det);

    if (vcpu == det->current && due > now && due - now < vcpu->run_limit - vcpu->priv.instret)
        vcpu->run_limit = vcpu->priv.instret + (due - now);
}

static void det_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    host_of(vm)->device_deadline[id] = deadline;
}

static void det_kick(struct vcpu *vcpu)
{
    (void)vcpu; /* one thread: whoever is to be woken gets its turn */
}

static void det_lock(struct vm *vm)
{
    (void)vm;
}

static int det_blk_submit(struct vm *vm, unsigned number, struct blk_request *request)
{
    struct linux_host *host = host_of(vm);
    struct deterministic *det = host->det;

    if (det->ndelayed == ARRAY_SIZE(det->delayed))
        return ERR_BUSY;
    det->delayed[det->ndelayed++] = (struct delayed){
        .request = request, .disk = &host->disk[number], .due = retired_now(det) + DISK_DISTANCE};
    return 0;
}

static void det_entropy(struct vm *vm, void *out, size_t length)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)next_random(host_of(vm)->det);
}

const struct host_ops deterministic_ops = {
    .time = det_time,
    .vcpu_timer = det_vcpu_timer,
    .device_timer = det_device_timer,
    .kick = det_kick,
    .defer = events_defer,
    .lock = det_lock,
    .unlock = det_lock,
    .console_write = output_write,
    .blk_submit = det_blk_submit,
    .entropy = det_entropy,
    .wall_ns = det_wall_ns,
    .log = host_log,
};

/* FNV-1a over the words of every trap and device access, with who and when. */
static void trace(struct vm *vm, struct vcpu *vcpu, uint64_t kind, uint64_t a, uint64_t b)
{
    struct deterministic *det = host_of(vm)->det;
    uint64_t words[] = {kind, vcpu->priv.hartid, vcpu->priv.instret, a, b};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        for (unsigned shift = 0; shift < 64; shift += 8) {
            det->trace_hash ^= (words[i] >> shift) & 0xff;
            det->trace_hash *= UINT64_C(0x100000001b3);
        }
    }
    det->trace_events++;
}

int deterministic_create(struct linux_host *host)
{
    struct deterministic *det = calloc(1, sizeof(*det));

    if (det == NULL)
        return ERR_NO_MEMORY;
    det->random = host->options->seed;
    det->trace_hash = UINT64_C(0xcbf29ce484222325);
    host->det = det;
    return 0;
}

void deterministic_destroy(struct linux_host *host)
{
    free(host->det);
    host->det = NULL;
}

void deterministic_stats(struct linux_host *host,
                         void (*line)(void *ctx, const char *name, uint64_t value), void *ctx)
{
    if (host->det == NULL)
        return;
    line(ctx, "deterministic.retired", host->det->retired);
    line(ctx, "deterministic.trace_events", host->det->trace_events);
    line(ctx, "deterministic.trace_hash", host->det->trace_hash);
}

/* Completes the requests that are due at that instruction count. */
static void complete_disks(struct linux_host *host, uint64_t until)
{
    struct deterministic *det = host->det;

    while (det->ndelayed > 0 && det->delayed[0].due <= until) {
        struct delayed first = det->delayed[0];
        det->ndelayed--;
        memmove(&det->delayed[0], &det->delayed[1], det->ndelayed * sizeof(first));
        first.request->complete(first.request, disk_perform(first.disk, first.request));
    }
}

void deterministic_drain(struct linux_host *host)
{
    complete_disks(host, UINT64_MAX);
}

/* The next instruction count at which something happens by itself. */
static uint64_t next_event(struct linux_host *host)
{
    struct vm *vm = &host->machine.vm;
    uint64_t next = host->det->ndelayed > 0 ? host->det->delayed[0].due : UINT64_MAX;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        uint64_t due = instructions_at(vm, vm->vcpu[i]->priv.stimecmp);
        if (due > host->det->retired && due < next)
            next = due;
    }
    for (unsigned i = 0; i < vm->ndevices; i++) {
        uint64_t due = instructions_at(vm, host->device_deadline[i]);
        if (due > host->det->retired && due < next)
            next = due;
    }
    return next;
}

static bool can_run(struct vcpu *vcpu, const bool *waiting)
{
    return !(*waiting && !vcpu_has_wakeup(vcpu)) && hsm_settle(vcpu);
}

/* One turn. Returns false when the vCPU had nothing to do. */
static bool turn(struct linux_host *host, struct vcpu *vcpu, bool *waiting)
{
    struct deterministic *det = host->det;
    uint64_t next, limit = TURN;
    bool over = false;

    if (!can_run(vcpu, waiting))
        return false;
    *waiting = false;
    next = next_event(host);
    if (next > det->retired && next - det->retired < limit)
        limit = next - det->retired;
    det->current = vcpu;
    det->turn_instret = vcpu->priv.instret;
    vcpu->run_limit = vcpu->priv.instret + limit;
    while (!*waiting && !over && atomic_load(&vcpu->vm->stop) == VM_RUNNING) {
        vcpu->vm->engine->run(vcpu);
        over = vcpu->priv.exit.kind == EXIT_HOST;
        enum exit_action action = exit_handle(vcpu);
        if (action == ACTION_PARK)
            vcpus_park(vcpu);
        *waiting = action == ACTION_WAIT;
        while (output_is_full(host) && atomic_load(&vcpu->vm->stop) == VM_RUNNING)
            events_stall(host);
    }
    det->retired += vcpu->priv.instret - det->turn_instret;
    det->current = NULL;
    return true;
}

/* Nobody can run: time jumps to the next event, or waits for the world. */
static void idle(struct linux_host *host)
{
    uint64_t next = next_event(host);

    if (next != UINT64_MAX)
        host->det->retired = next;
    events_poll(host, next == UINT64_MAX ? UINT64_MAX : 0);
}

void deterministic_loop(struct linux_host *host)
{
    struct vm *vm = &host->machine.vm;
    bool waiting[VM_MAX_VCPUS] = {false};
    unsigned rounds = 0;

    vm->trace = trace;
    while (atomic_load(&vm->stop) == VM_RUNNING) {
        bool ran = false;
        for (unsigned i = 0; i < vm->nvcpus && atomic_load(&vm->stop) == VM_RUNNING; i++) {
            ran |= turn(host, vm->vcpu[i], &waiting[i]);
            complete_disks(host, host->det->retired);
            events_run_timers(host);
            events_run_deferred(host);
        }
        if (!ran)
            idle(host);
        else if (++rounds % 64 == 0)
            events_poll(host, 0);
    }
}
