/* SPDX-License-Identifier: MIT */
/* ELF kernels. System V ABI, ch. 4 and 5 (ELF-64 object file format); RISC-V ELF psABI. */
#include "core/image_parse.h"

#include <string.h>

#define EI_CLASS    4
#define EI_DATA     5
#define E_TYPE      16
#define E_MACHINE   18
#define E_ENTRY     24
#define E_PHOFF     32
#define E_PHENTSIZE 54
#define E_PHNUM     56
#define E_SIZE      64

#define ELFCLASS64  2
#define ELFDATA2LSB 1
#define ET_EXEC     2
#define ET_DYN      3
#define EM_RISCV    243
#define PT_LOAD     1

#define P_TYPE      0
#define P_OFFSET    8
#define P_VADDR     16
#define P_PADDR     24
#define P_FILESZ    32
#define P_MEMSZ     40
#define P_SIZE      56

/* Every pair of segments is compared, so their number has a bound; linkers make about ten. */
#define MAX_HEADERS 128

/* Odd, so never an entry. */
#define NOWHERE UINT64_MAX

struct segment {
    uint64_t offset, filesz, vaddr, paddr, memsz;
};

struct elf {
    const uint8_t *headers;
    unsigned count;
    uint64_t entry;
};

/* The n-th program header. False: nothing to load. */
static bool segment_get(const struct elf *elf, unsigned n, struct segment *out)
{
    const uint8_t *header = elf->headers + (size_t)n * P_SIZE;

    out->offset = image_field(header + P_OFFSET, 8);
    out->vaddr = image_field(header + P_VADDR, 8);
    out->paddr = image_field(header + P_PADDR, 8);
    out->filesz = image_field(header + P_FILESZ, 8);
    out->memsz = image_field(header + P_MEMSZ, 8);
    return image_field(header + P_TYPE, 4) == PT_LOAD && (out->memsz | out->filesz) != 0;
}

static int check_kind(const uint8_t *data, struct image *image)
{
    uint64_t type = image_field(data + E_TYPE, 2);

    if (data[EI_CLASS] != ELFCLASS64)
        return image_refuse(image, ERR_UNSUPPORTED,
                            "the kernel is a 32-bit ELF: build it for rv64");
    if (data[EI_DATA] != ELFDATA2LSB)
        return image_refuse(image, ERR_UNSUPPORTED,
                            "the kernel is a big-endian ELF: build it little-endian");
    if (image_field(data + E_MACHINE, 2) != EM_RISCV)
        return image_refuse(image, ERR_UNSUPPORTED,
                            "the kernel is an ELF for another machine: build it for RISC-V");
    if (type != ET_EXEC && type != ET_DYN)
        return image_refuse(image, ERR_UNSUPPORTED,
                            "the kernel is not an executable ELF (an object file?): link it");
    return 0;
}

static int check_headers(const struct image_input *in, struct elf *elf, struct image *image)
{
    if (in->size < E_SIZE)
        return image_refuse(image, ERR_TRUNCATED,
                            "the file ends inside its ELF header: copy the kernel again");
    int error = check_kind(in->data, image);
    if (error != 0)
        return error;

    uint64_t phoff = image_field(in->data + E_PHOFF, 8);
    uint64_t phnum = image_field(in->data + E_PHNUM, 2);
    if (phnum != 0 && image_field(in->data + E_PHENTSIZE, 2) != P_SIZE)
        return image_refuse(image, ERR_FORMAT,
                            "the ELF's program headers have a wrong size: link the kernel again");
    if (phnum > MAX_HEADERS)
        return image_refuse(image, ERR_UNSUPPORTED,
                            "the ELF has more than 128 program headers: link it with fewer");
    if (phoff > in->size || phnum * P_SIZE > in->size - phoff)
        return image_refuse(image, ERR_TRUNCATED,
                            "the ELF's program headers lie outside the file: copy it again");
    elf->headers = in->data + phoff;
    elf->count = (unsigned)phnum;
    elf->entry = image_field(in->data + E_ENTRY, 8);
    return 0;
}

static int check_segment(const struct image_input *in, const struct segment *s, struct image *image)
{
    if (s->filesz > s->memsz)
        return image_refuse(image, ERR_FORMAT,
                            "an ELF segment is larger in the file than in memory: link the kernel "
                            "again");
    if (s->offset > in->size || s->filesz > in->size - s->offset)
        return image_refuse(image, ERR_TRUNCATED,
                            "an ELF segment lies outside the file: copy the kernel again");
    if (!image_in_ram(in, s->paddr, s->memsz))
        return image_refuse(image, ERR_RANGE,
                            "an ELF segment's physical address lies outside the guest's memory: "
                            "link the kernel for 0x80000000 and up, or give the guest more");
    return 0;
}

/* Whether segment n overlaps one before it. Both were checked to lie in RAM: no sum wraps. */
static bool overlaps_earlier(const struct elf *elf, unsigned n, const struct segment *s)
{
    struct segment other;

    for (unsigned i = 0; i < n; i++) {
        if (segment_get(elf, i, &other) && s->paddr < other.paddr + other.memsz &&
            other.paddr < s->paddr + s->memsz)
            return true;
    }
    return false;
}

static int check_segments(const struct image_input *in, const struct elf *elf, struct image *image)
{
    struct segment s;

    image->start = UINT64_MAX;
    for (unsigned i = 0; i < elf->count; i++) {
        if (!segment_get(elf, i, &s))
            continue;
        int error = check_segment(in, &s, image);
        if (error != 0)
            return error;
        if (overlaps_earlier(elf, i, &s))
            return image_refuse(image, ERR_OVERLAP,
                                "two ELF segments overlap in memory: link the kernel again");
        image->start = s.paddr < image->start ? s.paddr : image->start;
        image->end = s.paddr + s.memsz > image->end ? s.paddr + s.memsz : image->end;
    }
    if (image->end == 0)
        return image_refuse(image, ERR_FORMAT,
                            "the ELF has nothing to load (no PT_LOAD): link it as an executable");
    return 0;
}

/* e_entry is virtual; some linker scripts put a physical address there. NOWHERE when it lies in no
 * segment. */
static gpa_t physical_entry(const struct elf *elf)
{
    struct segment s;

    for (unsigned physical = 0; physical < 2; physical++) {
        for (unsigned i = 0; i < elf->count; i++) {
            if (!segment_get(elf, i, &s))
                continue;
            uint64_t inside = elf->entry - (physical ? s.paddr : s.vaddr);
            if (inside < s.memsz)
                return s.paddr + inside;
        }
    }
    return NOWHERE;
}

/* "If the file has no associated entry point, this member holds zero": some linkers write that when
 * the script names none, and loaders then enter at the lowest address. */
static int find_entry(const struct elf *elf, struct image *image)
{
    image->entry = physical_entry(elf);
    if (image->entry == NOWHERE && elf->entry == 0)
        image->entry = image->start;
    if (image->entry == NOWHERE)
        return image_refuse(image, ERR_RANGE,
                            "the ELF's entry lies in none of its segments: name one when linking "
                            "(ENTRY, or ld -e)");
    if ((image->entry & 1) != 0)
        return image_refuse(image, ERR_FORMAT,
                            "the ELF's entry is odd, so it cannot be entered: link it again");
    return 0;
}

int image_load_elf(const struct image_input *in, struct image *image)
{
    struct segment s;
    struct elf elf;

    image->kind = IMAGE_ELF;
    int error = check_headers(in, &elf, image);
    if (error == 0)
        error = check_segments(in, &elf, image);
    if (error == 0)
        error = find_entry(&elf, image);
    for (unsigned i = 0; error == 0 && i < elf.count; i++) {
        if (!segment_get(&elf, i, &s))
            continue;
        error = image_copy(in, s.paddr, (size_t)s.offset, (size_t)s.filesz, s.memsz);
        if (error != 0)
            image->why = "an ELF segment does not fit the guest's memory: give the guest more";
    }
    return error;
}
