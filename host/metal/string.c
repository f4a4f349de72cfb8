/* SPDX-License-Identifier: MIT */
/*
 * The three memory functions that move much: kernels, initrds, device trees. The library's go byte
 * by byte; these take eight words at a time where both sides have the same alignment. Compiled so
 * that a loop does not become a call of the function that it is in.
 */
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word_t;

#define WORD  sizeof(word_t)
#define BLOCK (8 * WORD)

static uintptr_t misalignment(const void *a, const void *b)
{
    return ((uintptr_t)a ^ (uintptr_t)b) % WORD;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (misalignment(to, from) == 0) {
        for (; size != 0 && (uintptr_t)out % WORD != 0; size--)
            *out++ = *in++;
        for (; size >= BLOCK; size -= BLOCK, out += BLOCK, in += BLOCK) {
            const word_t *source = (const word_t *)in;
            word_t *target = (word_t *)out, a = source[0], b = source[1], c = source[2];
            word_t d = source[3], e = source[4], f = source[5], g = source[6], h = source[7];
            target[0] = a, target[1] = b, target[2] = c, target[3] = d;
            target[4] = e, target[5] = f, target[6] = g, target[7] = h;
        }
        for (; size >= WORD; size -= WORD, out += WORD, in += WORD)
            *(word_t *)out = *(const word_t *)in;
    }
    for (; size != 0; size--)
        *out++ = *in++;
    return to;
}

/* Downward where the target begins within the source. */
void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *out = (uint8_t *)to + size;
    const uint8_t *in = (const uint8_t *)from + size;

    if ((uintptr_t)to - (uintptr_t)from >= size)
        return memcpy(to, from, size);
    if (misalignment(to, from) == 0) {
        for (; size != 0 && (uintptr_t)out % WORD != 0; size--)
            *--out = *--in;
        for (; size >= WORD; size -= WORD) {
            out -= WORD, in -= WORD;
            *(word_t *)out = *(const word_t *)in;
        }
    }
    for (; size != 0; size--)
        *--out = *--in;
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    uint8_t *out = to;
    word_t word = (uint8_t)byte * UINT64_C(0x0101010101010101);

    for (; size != 0 && (uintptr_t)out % WORD != 0; size--)
        *out++ = (uint8_t)byte;
    for (; size >= WORD; size -= WORD, out += WORD)
        *(word_t *)out = word;
    for (; size != 0; size--)
        *out++ = (uint8_t)byte;
    return to;
}
