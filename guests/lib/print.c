/* SPDX-License-Identifier: MIT */
/* A small printf over the SBI debug console, or over the legacy call where there is none. */
#include "guests/lib/print.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct line {
    char text[160];
    size_t length;
};

static void put(struct line *line, char c)
{
    if (line->length < sizeof line->text)
        line->text[line->length++] = c;
}

static void put_number(struct line *line, uint64_t value, unsigned base)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0)
        put(line, digits[--count]);
}

static void put_argument(struct line *line, char conversion, bool is_long, va_list *arguments)
{
    uint64_t value;

    if (conversion == 's') {
        for (const char *s = va_arg(*arguments, const char *); *s != 0; s++)
            put(line, *s);
        return;
    }
    if (conversion == 'd' && !is_long) {
        int64_t number = va_arg(*arguments, int);

        if (number < 0)
            put(line, '-');
        put_number(line, (uint64_t)(number < 0 ? -number : number), 10);
        return;
    }
    value = is_long ? va_arg(*arguments, uint64_t) : va_arg(*arguments, unsigned);
    if (conversion == 'c')
        put(line, (char)value);
    else
        put_number(line, value, conversion == 'x' ? 16 : 10);
}

static void flush(const struct line *line)
{
    uint64_t address = (uint64_t)line->text - KERNEL_OFFSET;

    if (sbi_probe_extension(SBI_DBCN) &&
        sbi_call(SBI_DBCN, 0, line->length, address, 0, 0).value == (int64_t)line->length)
        return;
    for (size_t i = 0; i < line->length; i++)
        sbi_putchar(line->text[i]);
}

void print(const char *format, ...)
{
    struct line line = {.length = 0};
    va_list arguments;

    va_start(arguments, format);
    for (; *format != 0; format++) {
        if (*format != '%') {
            put(&line, *format);
            continue;
        }
        bool is_long = *++format == 'l';

        if (is_long)
            format++;
        put_argument(&line, *format, is_long, &arguments);
    }
    va_end(arguments);
    flush(&line);
}
