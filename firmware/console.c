/* SPDX-License-Identifier: MIT */
/* The firmware's own lines on the console, told from the payload's output by a record separator. */
#include <stdio.h>
#include <string.h>

#include "firmware/firmware.h"

#define LINE 256

void console_out(const uint8_t *data, size_t length)
{
    spin_lock(&firmware.uart_lock);
    for (size_t i = 0; i < length; i++)
        uart_put(&firmware.board.uart, data[i]);
    spin_unlock(&firmware.uart_lock);
}

void say_args(const char *prefix, const char *format, va_list args)
{
    char line[LINE];
    int used = snprintf(line, sizeof(line), "\036trapeze: %s: ", prefix);

    if (used < 0 || (size_t)used >= sizeof(line))
        return;
    (void)vsnprintf(line + used, sizeof(line) - (size_t)used - 2, format, args);
    size_t length = strlen(line);
    line[length++] = '\r';
    line[length++] = '\n';
    console_out((const uint8_t *)line, length);
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_args("firmware", format, args);
    va_end(args);
}

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_args("firmware: panic", format, args);
    va_end(args);
    hart_halt();
}
