/* SPDX-License-Identifier: MIT */
/* The kernel file of image tests. */
#include "tests/unit/image_file.h"

struct image_file file;

void file_put(size_t offset, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        file.data[offset + i] = (uint8_t)(value >> (8 * i));
}

int file_load(void **state)
{
    struct fixture *f = *state;
    /* a copy of just the right size, so that the sanitizer sees a read behind the file */
    uint8_t *exact = malloc(file.size);

    assert_non_null(exact);
    memcpy(exact, file.data, file.size);
    int error = image_load(&f->vm.mem, RAM, FIXTURE_RAM_SIZE, exact, file.size, &file.image);
    free(exact);
    return error;
}

void file_assert_refused(void **state, int error, const char *cause)
{
    struct fixture *f = *state;

    assert_int_equal(file_load(state), error);
    assert_non_null(file.image.why);
    assert_null(strchr(file.image.why, '\n'));
    if (strstr(file.image.why, cause) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", file.image.why, cause);
    for (size_t i = 0; i < MIB(4); i++) {
        if (f->ram[i] != 0)
            fail_msg("RAM was written at offset 0x%zx", i);
    }
}
