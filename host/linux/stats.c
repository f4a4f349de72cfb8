/* SPDX-License-Identifier: MIT */
/* --stats: `name value` lines on standard error. docs/command.md lists the names: a contract. */
#include <stdio.h>

#include "host/linux/host.h"

static void line(void *ctx, const char *name, uint64_t value)
{
    (void)ctx;
    fprintf(stderr, "%s %llu\n", name, (unsigned long long)value);
}

static void vcpu_lines(const struct vcpu *vcpu)
{
    char name[64];
    unsigned hart = vcpu->priv.hartid;

    for (unsigned kind = EXIT_NONE + 1; kind < EXIT_COUNT; kind++) {
        snprintf(name, sizeof(name), "vcpu.%u.exits.%s", hart, exit_name((enum exit_kind)kind));
        line(NULL, name, vcpu->exits[kind]);
    }
    snprintf(name, sizeof(name), "vcpu.%u.instret", hart);
    line(NULL, name, vcpu->priv.instret);
    snprintf(name, sizeof(name), "vcpu.%u.traps", hart);
    line(NULL, name, vcpu->traps);
}

static void device_lines(const struct vm *vm)
{
    char name[64];

    for (unsigned i = 0; i < vm->bus.count; i++) {
        snprintf(name, sizeof(name), "mmio.%s@%llx", vm->bus.region[i]->name,
                 (unsigned long long)vm->bus.region[i]->base);
        line(NULL, name, vm->bus.accesses[i]);
    }
}

void stats_print(struct linux_host *host)
{
    struct vm *vm = &host->machine.vm;
    uint64_t total[EXIT_COUNT] = {0};
    char name[64];

    fprintf(stderr, "name %s\n", vm->name);
    fprintf(stderr, "engine %s\n", vm->engine->name);
    line(NULL, "vcpus", vm->nvcpus);
    line(NULL, "time_ns", clock_ns() - host->start_ns);
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        for (unsigned kind = 0; kind < EXIT_COUNT; kind++)
            total[kind] += vm->vcpu[i]->exits[kind];
    }
    for (unsigned kind = EXIT_NONE + 1; kind < EXIT_COUNT; kind++) {
        snprintf(name, sizeof(name), "exits.%s", exit_name((enum exit_kind)kind));
        line(NULL, name, total[kind]);
    }
    line(NULL, "sbi.calls", total[EXIT_SBI]);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        vcpu_lines(vm->vcpu[i]);
    device_lines(vm);
    if (vm->engine->stats != NULL)
        vm->engine->stats(vm, line, NULL);
    deterministic_stats(host, line, NULL);
}
