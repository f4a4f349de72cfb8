/* SPDX-License-Identifier: MIT */
/* A hostile boot bundle. What is found in it lies within it. */
#include <stdlib.h>
#include <string.h>

#include "host/metal/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Every byte of the file can be read; the sanitizer watches. */
static void touch(const struct bundle *bundle, const struct bundle_file *file)
{
    volatile uint8_t sum = 0;

    require(file->data >= bundle->data && file->size <= bundle->size &&
            (uint64_t)(file->data - bundle->data) <= bundle->size - file->size);
    for (uint64_t i = 0; i < file->size; i++)
        sum = (uint8_t)(sum + file->data[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {BUNDLE_MACHINE, "kernel", "initrd", "", BUNDLE_TRAILER};
    struct bundle bundle;
    struct bundle_file file;

    if (bundle_open(data, size, &bundle) != 0)
        return 0;
    require(bundle.size <= size);
    require(bundle_find(&bundle, BUNDLE_MACHINE, &file) == 0);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (bundle_find(&bundle, names[i], &file) == 0)
            touch(&bundle, &file);
    }
    return 0;
}
