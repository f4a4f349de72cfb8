/* SPDX-License-Identifier: MIT */
/* Fields of the save format, in both directions. */
#include "core/save_codec.h"

#include <string.h>

void codec_u64(struct codec *c, uint64_t *value)
{
    (void)(c->load ? stream_get_u64(c->stream, value) : stream_put_u64(c->stream, *value));
}

void codec_u32(struct codec *c, uint32_t *value)
{
    (void)(c->load ? stream_get_u32(c->stream, value) : stream_put_u32(c->stream, *value));
}

void codec_u8(struct codec *c, uint8_t *value)
{
    uint32_t wide = *value;

    codec_u32(c, &wide);
    if (wide > UINT8_MAX)
        c->stream->error = ERR_INVALID;
    *value = (uint8_t)wide;
}

void codec_bytes(struct codec *c, void *data, size_t length)
{
    (void)(c->load ? stream_get(c->stream, data, length) : stream_put(c->stream, data, length));
}

void codec_same_u64(struct codec *c, uint64_t value)
{
    uint64_t found = value;

    codec_u64(c, &found);
    if (c->stream->error == 0 && found != value)
        c->stream->error = ERR_INVALID;
}

void codec_same_text(struct codec *c, const char *text)
{
    size_t length = strlen(text);

    codec_same_u64(c, length);
    for (size_t i = 0; i < length && c->stream->error == 0; i++) {
        char found = text[i];
        codec_bytes(c, &found, 1);
        if (c->stream->error == 0 && found != text[i])
            c->stream->error = ERR_INVALID;
    }
}
