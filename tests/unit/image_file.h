/* SPDX-License-Identifier: MIT */
/* The kernel file that an image test makes field by field, and what becomes of loading it. */
#ifndef TESTS_UNIT_IMAGE_FILE_H
#define TESTS_UNIT_IMAGE_FILE_H

#include "core/image.h"
#include "tests/unit/fixture.h"

#define RAM      FIXTURE_RAM
#define FILE_MAX KIB(64)

struct image_file {
    uint8_t data[FILE_MAX];
    size_t size;
    struct image image; /* what the last load said */
};

extern struct image_file file;

/* A little-endian field of the file. */
void file_put(size_t offset, uint64_t value, unsigned bytes);

/* Loads the file into the fixture's RAM, from a buffer of just its size. */
int file_load(void **state);

/* Loading is refused with this code and one line of text that names the cause; no RAM changes. */
void file_assert_refused(void **state, int error, const char *cause);

#endif
