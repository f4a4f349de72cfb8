/* SPDX-License-Identifier: MIT */
/* Kernel images: recognising them, Linux `Image` and flat files, and where initrd and FDT go. */
#include "core/image.h"

#include <string.h>

#include "core/image_parse.h"

/* Linux, Documentation/arch/riscv/boot-image-header.rst. */
#define LINUX_TEXT_OFFSET     0x08
#define LINUX_IMAGE_SIZE      0x10
#define LINUX_FLAGS           0x18
#define LINUX_MAGIC2          0x38
#define LINUX_HEADER          0x40
#define LINUX_MAGIC2_VALUE    UINT32_C(0x05435352)
#define LINUX_FLAG_BIG_ENDIAN UINT64_C(1)

#define FLAT_OFFSET           MIB(2)
#define PLACE_LIMIT           MIB(512)

int image_copy(const struct image_input *in, gpa_t gpa, size_t offset, size_t length, uint64_t size)
{
    uint8_t *to = gmem_ptr(in->mem, gpa, size, GMEM_WRITE);

    if (to == NULL)
        return ERR_RANGE;
    memcpy(to, in->data + offset, length);
    memset(to + length, 0, (size_t)size - length);
    return 0;
}

/* Loads the whole file as one piece that takes `size` bytes at gpa and is entered at its start. */
static int load_whole(const struct image_input *in, gpa_t gpa, uint64_t size, struct image *image)
{
    if (!image_in_ram(in, gpa, size) || image_copy(in, gpa, 0, in->size, size) != 0)
        return image_refuse(image, ERR_RANGE,
                            "the kernel does not fit the guest's memory: give the guest more");
    image->entry = gpa;
    image->start = gpa;
    image->end = gpa + size;
    return 0;
}

static bool is_linux(const struct image_input *in)
{
    return in->size >= LINUX_HEADER &&
           image_field(in->data + LINUX_MAGIC2, 4) == LINUX_MAGIC2_VALUE;
}

static int load_linux(const struct image_input *in, struct image *image)
{
    uint64_t text_offset = image_field(in->data + LINUX_TEXT_OFFSET, 8);
    uint64_t size = image_field(in->data + LINUX_IMAGE_SIZE, 8);

    image->kind = IMAGE_LINUX;
    if ((image_field(in->data + LINUX_FLAGS, 8) & LINUX_FLAG_BIG_ENDIAN) != 0)
        return image_refuse(image, ERR_UNSUPPORTED,
                            "the Image is big-endian: build the kernel little-endian");
    if ((text_offset & 1) != 0)
        return image_refuse(image, ERR_FORMAT,
                            "the Image's text offset is odd, so it cannot be entered: build the "
                            "kernel again");
    /* A file may be longer than its header says (data appended), or say nothing (0). A sum that
     * wraps ends below RAM, where image_in_ram does not let it pass. */
    return load_whole(in, in->ram + text_offset, size > in->size ? size : in->size, image);
}

int image_load(struct gmem *mem, gpa_t ram, uint64_t ram_size, const uint8_t *data, size_t size,
               struct image *image)
{
    const struct image_input in = {mem, ram, ram_size, data, size};

    memset(image, 0, sizeof(*image));
    image->kind = IMAGE_FLAT;
    if (size == 0)
        return image_refuse(image, ERR_FORMAT, "the kernel file is empty: name a kernel");
    if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
        return image_refuse(image, ERR_FORMAT,
                            "the kernel is compressed with gzip: decompress it first (gunzip)");
    if (size >= 4 && memcmp(data, "\177ELF", 4) == 0)
        return image_load_elf(&in, image);
    if (is_linux(&in))
        return load_linux(&in, image);
    return load_whole(&in, ram + FLAT_OFFSET, size, image);
}

struct range {
    gpa_t start, end;
};

/*
 * The highest page-aligned place for `size` bytes in [low, high) clear of the ranges `used`.
 * The place touches what limits it from above, so only a few tops need to be looked at.
 */
static bool find_room(gpa_t low, gpa_t high, const struct range *used, unsigned nused,
                      uint64_t size, gpa_t *out)
{
    bool found = false;

    for (unsigned i = 0; i <= nused; i++) {
        gpa_t top = i == nused || used[i].start > high ? high : used[i].start;
        if (top < low || top - low < size)
            continue;
        gpa_t at = (top - size) & PAGE_MASK;
        bool clear = at >= low;
        for (unsigned j = 0; j < nused; j++)
            clear = clear && (at >= used[j].end || at + size <= used[j].start);
        if (clear && (!found || at > *out)) {
            *out = at;
            found = true;
        }
    }
    return found;
}

/* Below the limit when it fits there, otherwise anywhere in RAM. */
static bool find_place(gpa_t ram, uint64_t ram_size, const struct range *used, unsigned nused,
                       uint64_t size, gpa_t *out)
{
    uint64_t limit = ram_size < PLACE_LIMIT ? ram_size : PLACE_LIMIT;

    return find_room(ram, ram + limit, used, nused, size, out) ||
           find_room(ram, ram + ram_size, used, nused, size, out);
}

int image_place(gpa_t ram, uint64_t ram_size, const struct image *kernel, uint64_t initrd_size,
                uint64_t fdt_size, struct image_layout *out)
{
    struct range used[2] = {{kernel->start, kernel->end}, {0, 0}};

    out->initrd = 0;
    if (!find_place(ram, ram_size, used, 1, fdt_size, &out->fdt))
        return ERR_RANGE;
    used[1].start = out->fdt;
    used[1].end = out->fdt + fdt_size;
    if (initrd_size != 0 && !find_place(ram, ram_size, used, 2, initrd_size, &out->initrd))
        return ERR_RANGE;
    return 0;
}
