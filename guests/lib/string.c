/* SPDX-License-Identifier: MIT */
/* The functions that the compiler may call by itself. */
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    for (size_t i = 0; i < size; i++)
        t[i] = f[i];
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    uint8_t *t = to;

    for (size_t i = 0; i < size; i++)
        t[i] = (uint8_t)byte;
    return to;
}
