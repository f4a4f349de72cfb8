/* SPDX-License-Identifier: MIT */
/* newc cpio archives: the boot bundle, and the initramfs of a board that runs Linux. */
#ifndef HOST_LINUX_BOARD_ARCHIVE_H
#define HOST_LINUX_BOARD_ARCHIVE_H

#include "core/types.h"

struct archive_member {
    const char *name;
    const uint8_t *data; /* NULL: left out */
    size_t size;
    bool program; /* may be executed */
};

/* The archive of these members in memory that the caller frees, padded to whole pages; NULL without
 * memory. `align`: where in the archive a member's data may begin; a power of two, from 4. */
uint8_t *archive_make(const struct archive_member *members, size_t count, size_t align,
                      size_t *size) MUST_CHECK;

#endif
