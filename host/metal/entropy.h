/* SPDX-License-Identifier: MIT */
/*
 * Random bytes without a hardware source: a ChaCha20 key stream (RFC 8439) under a key that begins
 * as the device tree's rng-seed mixed with the time of boot, and is replaced after every request.
 * As unpredictable as the seed, and no more; without a seed, not at all.
 */
#ifndef HOST_METAL_ENTROPY_H
#define HOST_METAL_ENTROPY_H

#include "core/types.h"

struct entropy {
    uint32_t key[8];
    uint64_t requests;
};

/* `seed` of any length, also none; `salt` is anything that differs from boot to boot. */
void entropy_init(struct entropy *entropy, const uint8_t *seed, size_t length, uint64_t salt);

void entropy_fill(struct entropy *entropy, void *out, size_t length);

/* One block of the ChaCha20 key stream, RFC 8439 2.3: for the two above and their test. */
void entropy_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
                   uint8_t out[64]);

#endif
