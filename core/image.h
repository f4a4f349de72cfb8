/* SPDX-License-Identifier: MIT */
/* Kernel images: Linux `Image`, ELF, flat. Everything in them is hostile until checked. */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include "core/gmem.h"
#include "core/types.h"

enum image_kind { IMAGE_LINUX, IMAGE_ELF, IMAGE_FLAT };

struct image {
    enum image_kind kind;
    gpa_t entry;
    gpa_t start, end; /* RAM that the kernel takes, bss included */
    const char *why;  /* on error: one line, cause and remedy */
};

/*
 * Loads a kernel that lies in memory into RAM [ram, ram + ram_size).
 * - `Image` (magic "RSC\x05" at 0x38): ram + text_offset, takes image_size bytes.
 * - ELF64 little-endian RISC-V, ET_EXEC or ET_DYN: each PT_LOAD at its physical address whatever
 *   p_flags say, bss zeroed; entry e_entry (translated from virtual to physical by the segment
 *   that contains it; the lowest address loaded when it is 0).
 * - anything else: flat, at ram + 2 MiB.
 * ERR_FORMAT, ERR_TRUNCATED, ERR_RANGE, ERR_OVERLAP, ERR_UNSUPPORTED; image->why then says why.
 */
int image_load(struct gmem *mem, gpa_t ram, uint64_t ram_size, const uint8_t *data, size_t size,
               struct image *image) MUST_CHECK;

/*
 * Where initrd and FDT go: clear of the kernel and of each other, initrd page-aligned, FDT
 * 8-aligned, as high as sensible (below ram + 512 MiB, so that 32-bit habits and early page tables
 * reach them). ERR_RANGE: they do not fit.
 */
struct image_layout {
    gpa_t initrd, fdt;
};
int image_place(gpa_t ram, uint64_t ram_size, const struct image *kernel, uint64_t initrd_size,
                uint64_t fdt_size, struct image_layout *out) MUST_CHECK;

#endif
