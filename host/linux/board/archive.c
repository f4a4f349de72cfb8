/* SPDX-License-Identifier: MIT */
/* newc cpio archives. */
#include "host/linux/board/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEWC_HEADER 110
#define TRAILER     "TRAILER!!!"

static size_t round_up(size_t value, size_t to)
{
    return (value + to - 1) / to * to;
}

/* The name field is padded with zeros until the data behind it is aligned. */
static size_t name_size(size_t header_at, const char *name, size_t align)
{
    size_t data_at = round_up(header_at + NEWC_HEADER + strlen(name) + 1, align);

    return data_at - header_at - NEWC_HEADER;
}

static void put_header(uint8_t *at, size_t name_length, size_t size, size_t inode, unsigned mode)
{
    char text[NEWC_HEADER + 1];

    snprintf(text, sizeof(text), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             (unsigned)inode, mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u,
             (unsigned)name_length, 0u);
    memcpy(at, text, NEWC_HEADER);
}

static size_t archive_size(const struct archive_member *members, size_t count, size_t align)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        const struct archive_member *m = &members[i];
        if (m->data != NULL)
            at = round_up(at + NEWC_HEADER + name_size(at, m->name, align) + m->size, 4);
    }
    return round_up(at + NEWC_HEADER + sizeof(TRAILER), PAGE_SIZE);
}

uint8_t *archive_make(const struct archive_member *members, size_t count, size_t align,
                      size_t *size)
{
    uint8_t *out = calloc(1, *size = archive_size(members, count, align));
    size_t at = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct archive_member *m = &members[i];
        if (m->data == NULL)
            continue;
        size_t padded = name_size(at, m->name, align);
        put_header(out + at, padded, m->size, i + 1, m->program ? 0100755 : 0100644);
        memcpy(out + at + NEWC_HEADER, m->name, strlen(m->name));
        memcpy(out + at + NEWC_HEADER + padded, m->data, m->size);
        at = round_up(at + NEWC_HEADER + padded + m->size, 4);
    }
    put_header(out + at, sizeof(TRAILER), 0, 0, 0);
    memcpy(out + at + NEWC_HEADER, TRAILER, sizeof(TRAILER));
    return out;
}
