/* SPDX-License-Identifier: MIT */
/* Messages: standard error only, one line each, level filtered. */
#include <stdio.h>

#include "host/linux/host.h"

static enum log_level threshold = LOG_WARN;

void log_set_level(enum log_level level)
{
    threshold = level;
}

void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level, const char *subsystem,
              const char *format, va_list args)
{
    static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
    char text[512];
    char hart[24] = "";

    if (level > threshold)
        return;
    vsnprintf(text, sizeof(text), format, args);
    if (vcpu != NULL)
        snprintf(hart, sizeof(hart), " vcpu %u", vcpu->priv.hartid);
    fprintf(stderr, "trapeze: %s: %s%s: %s: %s%s", names[level], vm->name, hart, subsystem, text,
            terminal_newline());
}

void message(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "trapeze: %s%s", text, terminal_newline());
}
