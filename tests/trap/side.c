/* SPDX-License-Identifier: MIT */
/* A VM of one hart on one thread, with the hart's clock. */
#include "tests/trap/side.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/exit.h"
#include "core/sbi/hsm.h"
#include "engine/trap/trap.h"
#include "host/linux/host.h"

static struct side *of(struct vm *vm)
{
    return vm->host_data;
}

void fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("trapeze: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(RUN_ERROR);
}

static uint64_t host_time(struct vm *vm)
{
    uint64_t time;

    __asm__ volatile("rdtime %0" : "=r"(time));
    return time + of(vm)->time_offset;
}

static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    (void)vcpu;
    (void)deadline;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    of(vm)->device_deadline[id] = deadline;
}

static void host_kick(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    struct side *side = of(vm);

    if (side->nwork == ARRAY_SIZE(side->work))
        fail("too much work is put off");
    side->work[side->nwork] = work;
    side->work_arg[side->nwork++] = arg;
}

static void host_lock(struct vm *vm)
{
    (void)vm;
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    struct side *side = of(vm);

    if (length >= sizeof(side->console) - side->length)
        fail("the guest says too much");
    memcpy(side->console + side->length, data, length);
    side->length += length;
}

static void host_entropy(struct vm *vm, void *out, size_t length)
{
    (void)vm;
    memset(out, 0x5a, length);
}

static uint64_t host_wall_ns(struct vm *vm)
{
    (void)vm;
    return UINT64_C(1700000000000000000);
}

static void log_line(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    struct side *side = of(vm);

    (void)vcpu;
    (void)subsystem;
    if (level <= LOG_WARN)
        vsnprintf(side->message, sizeof(side->message), format, args);
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
    .log = log_line,
};

struct side *side_new(const struct engine_ops *engine, const struct run_options *options)
{
    struct side *side = calloc(1, sizeof(*side));
    struct engine_caps caps, own;
    const char *why = NULL;

    if (side == NULL || engine_trap.probe(&caps, &why) != 0 || engine->probe(&own, &why) != 0)
        fail("no engine: %s", why != NULL ? why : "no memory");
    caps.time_offset = own.time_offset;
    memset(side->device_deadline, 0xff, sizeof(side->device_deadline));
    side->ram_size = options->memory;
    side->ram_fd = memfd_create("guest-ram", MFD_CLOEXEC);
    if (side->ram_fd < 0 || ftruncate(side->ram_fd, (off_t)side->ram_size) != 0)
        fail("no memory for the guest");
    side->ram = mmap(NULL, side->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, side->ram_fd, 0);
    struct machine_config config = {
        .name = options->name,
        .host = &host,
        .host_data = side,
        .engine = engine,
        .caps = &caps,
        .ram = side->ram,
        .ram_size = side->ram_size,
        .ram_fd = side->ram_fd,
        .vcpus = &side->vcpu,
        .nvcpus = 1,
    };
    if (side->ram == MAP_FAILED || machine_init(&side->machine, &config) != 0 ||
        engine->vm_create(&side->machine.vm) != 0 || engine->vcpu_create(&side->vcpu) != 0)
        fail("no machine for the engine %s", engine->name);
    return side;
}

void side_boot(struct side *side, const struct run_options *options)
{
    static const uint8_t seed[32];
    struct machine_boot boot = {.append = options->append, .rng_seed = seed};
    const char *why = "";
    uint8_t *kernel =
        file_read(options->kernel, "kernel", options->memory, "raise --memory", &boot.kernel_size);
    void *scratch = malloc(FDT_MAX_SIZE);

    boot.kernel = kernel;
    if (kernel == NULL || scratch == NULL ||
        machine_boot(&side->machine, &boot, scratch, FDT_MAX_SIZE, &why) != 0)
        fail("the guest cannot be booted: %s", why);
    free(scratch);
    free(kernel);
}

void side_free(struct side *side)
{
    const struct engine_ops *engine = side->machine.vm.engine;

    engine->vcpu_destroy(&side->vcpu);
    engine->vm_destroy(&side->machine.vm);
    munmap(side->ram, side->ram_size);
    close(side->ram_fd);
    free(side);
}

void side_settle(struct side *side)
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

static bool stopped(const struct side *side)
{
    return atomic_load(&side->machine.vm.stop) != VM_RUNNING;
}

bool side_handle(struct side *side)
{
    enum exit_action action = exit_handle(&side->vcpu);

    if (action == ACTION_PARK)
        fail("the vCPU is parked at %llx", (unsigned long long)side->vcpu.user.pc);
    while (action == ACTION_WAIT && !stopped(side) && !vcpu_has_wakeup(&side->vcpu)) {
        usleep(200);
        side_settle(side);
    }
    return !stopped(side);
}

void side_run(struct side *side, const char *text)
{
    do {
        side_settle(side);
        side->machine.vm.engine->run(&side->vcpu);
    } while (side_handle(side) && (text == NULL || strstr(side->console, text) == NULL));
}
