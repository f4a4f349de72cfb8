/* SPDX-License-Identifier: MIT */
/* Reads newc archives. Whoever made the bundle is trusted no further than its bytes. */
#include "host/metal/bundle.h"

#include <string.h>

enum { MAGIC_CHARS = 6, FIELD_CHARS = 8, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_field(const uint8_t *header, unsigned field, uint64_t *out)
{
    const uint8_t *text = header + MAGIC_CHARS + field * FIELD_CHARS;

    *out = 0;
    for (unsigned i = 0; i < FIELD_CHARS; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return ERR_FORMAT;
        *out = *out << 4 | (unsigned)digit;
    }
    return 0;
}

static uint64_t align4(uint64_t offset)
{
    return (offset + 3) & ~UINT64_C(3);
}

int bundle_entry(const uint8_t *header, uint64_t offset, struct bundle_entry *entry)
{
    if (memcmp(header, "070701", MAGIC_CHARS) != 0 ||
        read_field(header, FIELD_FILESIZE, &entry->data_size) != 0 ||
        read_field(header, FIELD_NAMESIZE, &entry->name_size) != 0)
        return ERR_FORMAT;
    /* Sizes have 32 bits: sums of them cannot wrap unless the offset is out of this world. */
    if (entry->name_size == 0 || entry->name_size > BUNDLE_NAME_MAX || offset > UINT64_MAX / 2)
        return ERR_RANGE;
    entry->name = offset + BUNDLE_HEADER;
    entry->data = align4(entry->name + entry->name_size);
    entry->next = align4(entry->data + entry->data_size);
    return 0;
}

/* The member at `offset`, all of it within the archive, its name ending in a zero. */
static int checked_entry(const uint8_t *data, uint64_t size, uint64_t offset,
                         struct bundle_entry *entry)
{
    if (offset > size || size - offset < BUNDLE_HEADER)
        return ERR_TRUNCATED;
    int error = bundle_entry(data + offset, offset, entry);
    if (error != 0)
        return error;
    if (entry->data > size || size - entry->data < entry->data_size)
        return ERR_TRUNCATED;
    return data[entry->name + entry->name_size - 1] == '\0' ? 0 : ERR_FORMAT;
}

static bool is_named(const uint8_t *data, const struct bundle_entry *entry, const char *name)
{
    return strcmp((const char *)data + entry->name, name) == 0;
}

int bundle_open(const void *archive, uint64_t size, struct bundle *bundle)
{
    const uint8_t *data = archive;
    struct bundle_entry entry;
    uint64_t offset = 0;
    int error;

    while ((error = checked_entry(data, size, offset, &entry)) == 0) {
        if (offset == 0 && !is_named(data, &entry, BUNDLE_MACHINE))
            return ERR_NOT_FOUND;
        if (is_named(data, &entry, BUNDLE_TRAILER)) {
            bundle->data = data;
            bundle->size = entry.data;
            return 0;
        }
        offset = entry.next;
    }
    return error;
}

int bundle_find(const struct bundle *bundle, const char *name, struct bundle_file *file)
{
    struct bundle_entry entry;
    uint64_t offset = 0;

    /* Ends at the trailer, behind which an archive that was opened has no bytes. */
    while (checked_entry(bundle->data, bundle->size, offset, &entry) == 0) {
        if (entry.data < bundle->size && is_named(bundle->data, &entry, name)) {
            file->data = bundle->data + entry.data;
            file->size = entry.data_size;
            return 0;
        }
        offset = entry.next;
    }
    return ERR_NOT_FOUND;
}
