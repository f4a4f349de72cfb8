/* SPDX-License-Identifier: MIT */
/*
 * The boot bundle: a cpio archive in the "newc" format (cpio(5): a header of 110 characters, the
 * name, the data, each padded to 4 bytes) whose first member is machine.dtb. `trapeze` pads names
 * with zeros so that all data begins on a page of the archive; plain archives are read alike.
 * The archive is checked as a whole before anything of it is used.
 */
#ifndef HOST_METAL_BUNDLE_H
#define HOST_METAL_BUNDLE_H

#include "core/error.h"
#include "core/types.h"

#define BUNDLE_HEADER   110  /* bytes before a member's name */
#define BUNDLE_NAME_MAX 8192 /* padding included */
#define BUNDLE_TRAILER  "TRAILER!!!"
#define BUNDLE_MACHINE  "machine.dtb"

/* Where the parts of a member lie in the archive. */
struct bundle_entry {
    uint64_t name;      /* offset of the name */
    uint64_t name_size; /* with its zeros, of which there is at least one */
    uint64_t data;      /* offset of the data */
    uint64_t data_size;
    uint64_t next; /* offset of the next member's header */
};

struct bundle {
    const uint8_t *data;
    uint64_t size; /* up to the end of the trailer */
};

struct bundle_file {
    const uint8_t *data;
    uint64_t size;
};

/*
 * Reads the header at `offset` of an archive, whose BUNDLE_HEADER bytes are at `header`; name and
 * data need not be there. ERR_FORMAT: no such header; ERR_RANGE: sizes that nobody means.
 */
int bundle_entry(const uint8_t *header, uint64_t offset, struct bundle_entry *entry) MUST_CHECK;

/* Checks an archive that lies in memory, to its trailer. ERR_FORMAT, ERR_RANGE, ERR_TRUNCATED;
 * ERR_NOT_FOUND: its first member is not machine.dtb. */
int bundle_open(const void *data, uint64_t size, struct bundle *bundle) MUST_CHECK;

/* ERR_NOT_FOUND: no member has this name. */
int bundle_find(const struct bundle *bundle, const char *name, struct bundle_file *file) MUST_CHECK;

#endif
