/* SPDX-License-Identifier: MIT */
/* The functions that the compiler may call by itself, and their like. */
#include <stdint.h>
#include <string.h>

/* By words where both are aligned. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    size_t i = 0;

    if (((uintptr_t)t | (uintptr_t)f) % 8 == 0) {
        for (; i + 8 <= size; i += 8)
            *(uint64_t *)(t + i) = *(const uint64_t *)(f + i);
    }
    for (; i < size; i++)
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

int memcmp(const void *left, const void *right, size_t size)
{
    const uint8_t *l = left, *r = right;

    for (size_t i = 0; i < size; i++) {
        if (l[i] != r[i])
            return l[i] - r[i];
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != 0)
        length++;
    return length;
}

int strcmp(const char *left, const char *right)
{
    for (; *left != 0 && *left == *right; left++)
        right++;
    return (uint8_t)*left - (uint8_t)*right;
}
