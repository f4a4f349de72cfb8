/* SPDX-License-Identifier: MIT */
/* A VM without a host, twice in a test: nothing comes from outside, time is what the test says. */
#include "tests/bt/side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/csr.h"
#include "core/sbi/hsm.h"
#include "engine/bt/bt.h"

#define PER_TICK 100
#define SCRATCH  MIB(1)

uint64_t retired;

static uint64_t host_time(struct vm *vm)
{
    (void)vm;
    return retired / PER_TICK;
}

static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    (void)vcpu;
    (void)deadline;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    ((struct side *)vm->host_data)->device_deadline[id] = deadline;
}

static void host_kick(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    struct side *side = vm->host_data;

    side->work[side->nwork] = work;
    side->work_arg[side->nwork++] = arg;
}

static void host_lock(struct vm *vm)
{
    (void)vm;
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    if (((struct side *)vm->host_data)->talks)
        fwrite(data, 1, length, stdout);
}

static void host_entropy(struct vm *vm, void *out, size_t length)
{
    (void)vm;
    memset(out, 0x5a, length);
}

static uint64_t host_wall_ns(struct vm *vm)
{
    (void)vm;
    return UINT64_C(1700000000000000000) + retired;
}

static void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    (void)vm;
    (void)vcpu;
    (void)level;
    (void)subsystem;
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static const struct host_ops host = {
    .time = host_time,
    .vcpu_timer = host_vcpu_timer,
    .device_timer = host_device_timer,
    .kick = host_kick,
    .defer = host_defer,
    .lock = host_lock,
    .unlock = host_lock,
    .console_write = host_console_write,
    .entropy = host_entropy,
    .wall_ns = host_wall_ns,
    .log = host_log,
};

_Noreturn void fail(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "%s (after %llu instructions)\n", what, (unsigned long long)retired);
    exit(1);
}

struct side *make_side(const struct machine_boot *boot, size_t size, bool step, uint64_t ext)
{
    struct side *side = calloc(1, sizeof(*side));
    static struct engine_caps caps;
    const char *why = NULL;

    if (side == NULL || engine_bt.probe(&caps, &why) != 0)
        fail("no engine");
    caps.isa.ext |= ext;
    memset(side->device_deadline, 0xff, sizeof(side->device_deadline));
    int fd = memfd_create("guest-ram", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        fail("no memory");
    side->ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    struct machine_config config = {
        .name = "lockstep",
        .host = &host,
        .host_data = side,
        .engine = &engine_bt,
        .caps = &caps,
        .ram = side->ram,
        .ram_size = size,
        .ram_fd = fd,
        .vcpus = &side->vcpu,
        .nvcpus = 1,
    };
    if (side->ram == MAP_FAILED || machine_init(&side->machine, &config) != 0 ||
        engine_bt.vm_create(&side->machine.vm) != 0 || engine_bt.vcpu_create(&side->vcpu) != 0)
        fail("no machine");
    bt_of(&side->vcpu)->step = step;
    if (machine_boot(&side->machine, boot, malloc(SCRATCH), SCRATCH, &why) != 0)
        fail(why);
    return side;
}

unsigned long long mirrored_pages(const struct side *side)
{
    return ((const struct bt_vcpu *)side->vcpu.engine)->mirror.mapped;
}

void settle(struct side *side)
{
    struct vm *vm = &side->machine.vm;

    for (unsigned i = 0; i < vm->ndevices; i++) {
        if (side->device_deadline[i] > host_time(vm))
            continue;
        side->device_deadline[i] = UINT64_MAX;
        vm_device_timer(vm, i);
    }
    while (side->nwork > 0) {
        side->nwork--;
        side->work[side->nwork](side->work_arg[side->nwork]);
    }
    if (!hsm_settle(&side->vcpu))
        fail("the hart was stopped");
}

const char *differs(const struct vcpu *a, const struct vcpu *b)
{
    uint64_t fs = SSTATUS_FS | SSTATUS_SD;

    if (a->user.pc != b->user.pc)
        return "pc";
    if (memcmp(a->user.x, b->user.x, sizeof(a->user.x)) != 0)
        return "x";
    if (memcmp(a->user.f, b->user.f, sizeof(a->user.f)) != 0)
        return "f";
    if (a->user.fcsr != b->user.fcsr)
        return "fcsr";
    if (a->priv.mode != b->priv.mode)
        return "mode";
    if ((a->priv.sstatus & ~fs) != (b->priv.sstatus & ~fs))
        return "sstatus";
    if (a->priv.sepc != b->priv.sepc || a->priv.scause != b->priv.scause ||
        a->priv.stval != b->priv.stval)
        return "sepc, scause or stval";
    if (a->priv.satp != b->priv.satp || a->priv.sie != b->priv.sie ||
        a->priv.sscratch != b->priv.sscratch || a->priv.stvec != b->priv.stvec ||
        a->priv.stimecmp != b->priv.stimecmp || a->priv.senvcfg != b->priv.senvcfg ||
        a->priv.scounteren != b->priv.scounteren)
        return "another CSR";
    if (atomic_load(&a->pending) != atomic_load(&b->pending))
        return "pending";
    return NULL;
}

void show(const char *name, const struct vcpu *vcpu)
{
    fprintf(stderr, "%s: pc %llx mode %u sstatus %llx sepc %llx scause %llx stval %llx exit %s\n",
            name, (unsigned long long)vcpu->user.pc, vcpu->priv.mode,
            (unsigned long long)vcpu->priv.sstatus, (unsigned long long)vcpu->priv.sepc,
            (unsigned long long)vcpu->priv.scause, (unsigned long long)vcpu->priv.stval,
            exit_name((enum exit_kind)vcpu->priv.exit.kind));
    for (unsigned i = 0; i < 32; i++)
        fprintf(stderr, "x%u %llx%c", i, (unsigned long long)vcpu->user.x[i],
                i % 4 == 3 ? '\n' : ' ');
}
