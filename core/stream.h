/* SPDX-License-Identifier: MIT */
/*
 * Byte streams for save and load. Integers are little-endian. The first error sticks: later calls
 * do nothing and return it, so that a caller may check once at the end.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include "core/error.h"
#include "core/types.h"

struct stream {
    void *ctx;
    /* Exactly one of the two is set. Both move all `length` bytes or return an error. */
    int (*write)(void *ctx, const void *data, size_t length);
    int (*read)(void *ctx, void *data, size_t length);
    int error;
};

int stream_put(struct stream *s, const void *data, size_t length);
int stream_put_u32(struct stream *s, uint32_t value);
int stream_put_u64(struct stream *s, uint64_t value);
int stream_get(struct stream *s, void *data, size_t length);
int stream_get_u32(struct stream *s, uint32_t *value);
int stream_get_u64(struct stream *s, uint64_t *value);

#endif
