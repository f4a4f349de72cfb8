/* SPDX-License-Identifier: MIT */
/* Messages: one line each, told from guest output by how they begin (console_record). */
#include <stdio.h>

#include "host/metal/board/panic.h"
#include "host/metal/metal.h"

#define LINE_MAX_BYTES 384

void message_line(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    console_record(text);
}

void message(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    message_line("trapeze: %s", text);
}

void message_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                 const char *subsystem, const char *format, va_list args)
{
    static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
    char text[LINE_MAX_BYTES];

    if (level > metal.log)
        return;
    vsnprintf(text, sizeof(text), format, args);
    if (vcpu != NULL)
        message("%s: %s vcpu %u: %s: %s", names[level], vm->name, vcpu->priv.hartid, subsystem,
                text);
    else
        message("%s: %s: %s: %s", names[level], vm->name, subsystem, text);
}

_Noreturn void panic(const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    message("panic: %s", text);
    board_end(END_ERROR);
}
