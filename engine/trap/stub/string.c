/* SPDX-License-Identifier: MIT */
/* The functions that core imports and that the compiler calls by itself. */
#include <string.h>

#include "core/types.h"

/* Eight bytes at a time where both sides allow it. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((((uintptr_t)t | (uintptr_t)f) & 7) == 0) {
        for (; size >= 32; size -= 32, t += 32, f += 32) {
            uint64_t *d = (uint64_t *)(void *)t;
            const uint64_t *s = (const uint64_t *)(const void *)f;
            uint64_t a = s[0], b = s[1], c = s[2], e = s[3];
            d[0] = a;
            d[1] = b;
            d[2] = c;
            d[3] = e;
        }
        for (; size >= 8; size -= 8, t += 8, f += 8)
            *(uint64_t *)(void *)t = *(const uint64_t *)(const void *)f;
    }
    while (size-- > 0)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (t <= f || t >= f + size)
        return memcpy(to, from, size);
    while (size-- > 0)
        t[size] = f[size];
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    uint8_t *t = to;

    if (((uintptr_t)t & 7) == 0) {
        uint64_t word = (uint8_t)byte * UINT64_C(0x0101010101010101);
        for (; size >= 8; size -= 8, t += 8)
            *(uint64_t *)(void *)t = word;
    }
    while (size-- > 0)
        *t++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}
