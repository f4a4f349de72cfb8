/* SPDX-License-Identifier: MIT */
/*
 * One description of a format for both directions: a codec writes a field to a stream, or reads it
 * from there, so that save and load cannot list different fields. Errors stick in the stream.
 */
#ifndef CORE_SAVE_CODEC_H
#define CORE_SAVE_CODEC_H

#include "core/stream.h"
#include "core/vcpu.h"

struct codec {
    struct stream *stream;
    bool load;
};

void codec_u64(struct codec *c, uint64_t *value);
void codec_u32(struct codec *c, uint32_t *value);
/* Takes 4 bytes in the stream. Loading: ERR_INVALID when the value has more than 8 bits. */
void codec_u8(struct codec *c, uint8_t *value);
void codec_bytes(struct codec *c, void *data, size_t length);

/* What must be the same in the VM that is loaded into. Loading: ERR_INVALID when it is not. */
void codec_same_u64(struct codec *c, uint64_t value);
void codec_same_text(struct codec *c, const char *text);

/*
 * The record of one vCPU and the words around it (save_vcpu.c). Saving first mirrors hsm and sip
 * into the record. Loading: ERR_VERSION, ERR_INVALID; every value is made legal (csr_sanitize).
 */
void codec_vcpu(struct codec *c, struct vcpu *vcpu);

#endif
