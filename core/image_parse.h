/* SPDX-License-Identifier: MIT */
/* What the image loaders share: their input, little-endian fields of it, refusing, copying. */
#ifndef CORE_IMAGE_PARSE_H
#define CORE_IMAGE_PARSE_H

#include "core/image.h"

/* The file and the RAM that it goes to. */
struct image_input {
    struct gmem *mem;
    gpa_t ram;
    uint64_t ram_size;
    const uint8_t *data;
    size_t size;
};

/* A little-endian field of `bytes` (up to 8) bytes; the caller has checked that it is there. */
static inline uint64_t image_field(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static inline int image_refuse(struct image *image, int error, const char *why)
{
    image->why = why;
    return error;
}

/* [gpa, gpa + size) lies in the RAM that the kernel may take. Below RAM the difference wraps and is
 * too large as well. */
static inline bool image_in_ram(const struct image_input *in, gpa_t gpa, uint64_t size)
{
    return size <= in->ram_size && gpa - in->ram <= in->ram_size - size;
}

/* Copies `length` bytes from `offset` in the file to gpa and zeroes the rest of `size`.
 * All three were checked against file and RAM; ERR_RANGE when that RAM is not backed. */
int image_copy(const struct image_input *in, gpa_t gpa, size_t offset, size_t length,
               uint64_t size) MUST_CHECK;

/* The ELF loader: the file starts with the ELF magic. */
int image_load_elf(const struct image_input *in, struct image *image) MUST_CHECK;

#endif
