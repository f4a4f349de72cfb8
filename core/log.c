/* SPDX-License-Identifier: MIT */
/* Messages from core go to the host; those that a guest can cause are counted and cut off. */
#include "core/vm.h"

void vm_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level, const char *subsystem,
            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vm->host->log(vm, vcpu, level, subsystem, format, args);
    va_end(args);
}

void vm_log_guest(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                  const char *subsystem, const char *format, ...)
{
    uint32_t before = atomic_fetch_add(&vm->guest_messages, 1);
    va_list args;

    if (before > VM_GUEST_LOG_LIMIT) {
        atomic_fetch_sub(&vm->guest_messages, 1);
        return;
    }
    if (before == VM_GUEST_LOG_LIMIT) {
        vm_log(vm, NULL, level, "log", "the guest caused %u messages; further ones are dropped",
               VM_GUEST_LOG_LIMIT);
        return;
    }
    va_start(args, format);
    vm->host->log(vm, vcpu, level, subsystem, format, args);
    va_end(args);
}
