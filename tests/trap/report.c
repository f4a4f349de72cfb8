/* SPDX-License-Identifier: MIT */
/*
 * What the stub of the lockstep test has and that of the command has not: `run` ends at every trap
 * that is delivered to the guest, before the first instruction of its handler. Linked in with
 * --wrap=kernel_start.
 */
#include "engine/trap/stub/stub.h"

void __real_kernel_start(void);
void __wrap_kernel_start(void);

static void report(struct vm *vm, struct vcpu *vcpu, uint64_t kind, uint64_t a, uint64_t b)
{
    (void)vm;
    (void)vcpu;
    (void)a;
    (void)b;
    if (kind == VM_TRACE_TRAP)
        kernel_leave();
}

void __wrap_kernel_start(void)
{
    __real_kernel_start();
    kernel.vm.trace = report;
}
