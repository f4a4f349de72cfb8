/* SPDX-License-Identifier: MIT */
/*
 * A hostile kernel file. Whatever it holds, loading either refuses it with a line of text, or
 * leaves a kernel that lies in RAM, is entered inside itself, and has room for initrd and FDT
 * clear of it.
 */
#include <stdlib.h>
#include <string.h>

#include "core/image.h"

#define RAM      UINT64_C(0x80000000)
#define RAM_SIZE MIB(4)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_places(const struct image *image)
{
    const uint64_t initrd_size = KIB(100) + 1, fdt_size = KIB(10) + 3;
    struct image_layout at;

    if (image_place(RAM, RAM_SIZE, image, initrd_size, fdt_size, &at) != 0)
        return;
    require(at.fdt >= RAM && at.fdt + fdt_size <= RAM + RAM_SIZE);
    require(at.initrd >= RAM && at.initrd + initrd_size <= RAM + RAM_SIZE);
    require(at.fdt + fdt_size <= image->start || at.fdt >= image->end);
    require(at.initrd + initrd_size <= image->start || at.initrd >= image->end);
    require(at.initrd + initrd_size <= at.fdt || at.initrd >= at.fdt + fdt_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(4096) uint8_t ram[RAM_SIZE];
    struct gmem mem;
    struct image image;

    memset(&mem, 0, sizeof(mem));
    require(gmem_add(&mem, RAM, RAM_SIZE, ram, 0, NULL) == 0);
    if (image_load(&mem, RAM, RAM_SIZE, data, size, &image) != 0) {
        require(image.why != NULL && strchr(image.why, '\n') == NULL);
        return 0;
    }
    require(image.start >= RAM && image.start < image.end && image.end <= RAM + RAM_SIZE);
    require(image.entry >= image.start && image.entry < image.end && (image.entry & 1) == 0);
    check_places(&image);
    return 0;
}
