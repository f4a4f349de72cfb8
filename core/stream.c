/* SPDX-License-Identifier: MIT */
/* Byte streams: little-endian integers, sticky errors. */
#include "core/stream.h"

int stream_put(struct stream *s, const void *data, size_t length)
{
    if (s->error == 0)
        s->error = s->write != NULL ? s->write(s->ctx, data, length) : ERR_INVALID;
    return s->error;
}

int stream_get(struct stream *s, void *data, size_t length)
{
    if (s->error == 0)
        s->error = s->read != NULL ? s->read(s->ctx, data, length) : ERR_INVALID;
    return s->error;
}

static int put_bytes(struct stream *s, uint64_t value, size_t length)
{
    uint8_t bytes[8] = {0};

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return stream_put(s, bytes, length);
}

static int get_bytes(struct stream *s, uint64_t *value, size_t length)
{
    uint8_t bytes[8] = {0};

    *value = 0;
    if (stream_get(s, bytes, length) != 0)
        return s->error;
    for (size_t i = 0; i < length; i++)
        *value |= (uint64_t)bytes[i] << (8 * i);
    return 0;
}

int stream_put_u32(struct stream *s, uint32_t value)
{
    return put_bytes(s, value, 4);
}

int stream_put_u64(struct stream *s, uint64_t value)
{
    return put_bytes(s, value, 8);
}

int stream_get_u32(struct stream *s, uint32_t *value)
{
    uint64_t wide;

    get_bytes(s, &wide, 4);
    *value = (uint32_t)wide;
    return s->error;
}

int stream_get_u64(struct stream *s, uint64_t *value)
{
    return get_bytes(s, value, 8);
}
