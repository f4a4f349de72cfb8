/* SPDX-License-Identifier: MIT */
/* ChaCha20 as a generator whose past output cannot be found from its present state. */
#include "host/metal/entropy.h"

#include <string.h>

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static void quarter_round(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void double_round(uint32_t *s)
{
    for (unsigned i = 0; i < 4; i++)
        quarter_round(s, i, i + 4, i + 8, i + 12);
    for (unsigned i = 0; i < 4; i++)
        quarter_round(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
}

void entropy_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
                   uint8_t out[64])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, s[16];

    memcpy(start + 4, key, 8 * sizeof(*key));
    start[12] = counter;
    memcpy(start + 13, nonce, 3 * sizeof(*nonce));
    memcpy(s, start, sizeof(s));
    for (unsigned i = 0; i < 10; i++)
        double_round(s);
    for (unsigned i = 0; i < 16; i++)
        s[i] += start[i];
    memcpy(out, s, sizeof(s)); /* the machine is little-endian, as the key stream is */
}

/* The key becomes a function of itself and up to 32 bytes. */
static void mix(struct entropy *e, const uint8_t *data, size_t length)
{
    static const uint32_t nonce[3] = {0, 0, 1};
    uint8_t block[64];

    for (size_t i = 0; i < length; i++)
        ((uint8_t *)e->key)[i] ^= data[i];
    entropy_block(e->key, 0, nonce, block);
    memcpy(e->key, block, sizeof(e->key));
}

void entropy_init(struct entropy *e, const uint8_t *seed, size_t length, uint64_t salt)
{
    memset(e, 0, sizeof(*e));
    for (size_t n; length > 0; seed += n, length -= n) {
        n = length < sizeof(e->key) ? length : sizeof(e->key);
        mix(e, seed, n);
    }
    mix(e, (const uint8_t *)&salt, sizeof(salt));
}

void entropy_fill(struct entropy *e, void *out, size_t length)
{
    uint32_t nonce[3] = {(uint32_t)e->requests, (uint32_t)(e->requests >> 32), 0};
    uint8_t block[64], *bytes = out;
    uint32_t counter = 1;

    e->requests++;
    while (length > 0) {
        size_t n = length < sizeof(block) ? length : sizeof(block);
        entropy_block(e->key, counter++, nonce, block);
        memcpy(bytes, block, n);
        bytes += n;
        length -= n;
    }
    entropy_block(e->key, 0, nonce, block);
    memcpy(e->key, block, sizeof(e->key));
}
