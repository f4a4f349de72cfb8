/* SPDX-License-Identifier: MIT */
/* trapeze,stats: the `name value` lines of the command's --stats. */
#include "host/metal/metal.h"

static void line(void *ctx, const char *name, uint64_t value)
{
    (void)ctx;
    message_line("%s %llu", name, (unsigned long long)value);
}

static void vcpu_lines(const struct vcpu *vcpu)
{
    unsigned hart = vcpu->priv.hartid;

    for (unsigned kind = EXIT_NONE + 1; kind < EXIT_COUNT; kind++)
        message_line("vcpu.%u.exits.%s %llu", hart, exit_name((enum exit_kind)kind),
                     (unsigned long long)vcpu->exits[kind]);
    message_line("vcpu.%u.traps %llu", hart, (unsigned long long)vcpu->traps);
}

static uint64_t total(const struct vm *vm, unsigned kind)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < vm->nvcpus; i++)
        sum += vm->vcpu[i]->exits[kind];
    return sum;
}

static void total_lines(const struct vm *vm)
{
    for (unsigned kind = EXIT_NONE + 1; kind < EXIT_COUNT; kind++)
        message_line("exits.%s %llu", exit_name((enum exit_kind)kind),
                     (unsigned long long)total(vm, kind));
    line(NULL, "sbi.calls", total(vm, EXIT_SBI));
}

static void device_lines(const struct vm *vm)
{
    for (unsigned i = 0; i < vm->bus.count; i++)
        message_line("mmio.%s@%llx %llu", vm->bus.region[i]->name,
                     (unsigned long long)vm->bus.region[i]->base,
                     (unsigned long long)vm->bus.accesses[i]);
}

void stats_print(struct guest *guest)
{
    struct vm *vm = &guest->machine.vm;
    uint64_t ticks = vm_time(vm), hz = vm->timebase_hz;

    message_line("name %s", vm->name);
    message_line("engine %s", vm->engine->name);
    line(NULL, "vcpus", vm->nvcpus);
    line(NULL, "time_ns",
         ticks / hz * UINT64_C(1000000000) + ticks % hz * UINT64_C(1000000000) / hz);
    total_lines(vm);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        vcpu_lines(vm->vcpu[i]);
    device_lines(vm);
    line(NULL, "host.free_bytes", metal.pages.free_bytes);
    line(NULL, "host.guest_bytes",
         guest->bytes + (sizeof(*guest) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE);
    line(NULL, "host.start_ticks", guest->start_ticks);
    line(NULL, "host.start_clear_ticks", metal.clear_ticks);
    line(NULL, "host.start_copy_ticks", metal.copy_ticks);
    line(NULL, "host.guest_start_ticks", guest->start_ticks + guest->time_offset);
    if (vm->engine->stats != NULL)
        vm->engine->stats(vm, line, NULL);
}
