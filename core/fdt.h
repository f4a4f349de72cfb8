/* SPDX-License-Identifier: MIT */
/* The guest's device tree, made from the VM itself with libfdt. The only concept that needs it. */
#ifndef CORE_FDT_H
#define CORE_FDT_H

#include "core/types.h"

struct vm;

#define FDT_MAX_SIZE KIB(64)
#define FDT_ROOM     KIB(8) /* unused bytes at the end of a tree, for whoever edits it in place */

struct fdt_chosen {
    const char *bootargs; /* NULL: none */
    gpa_t initrd;
    uint64_t initrd_size; /* 0: none */
    uint8_t rng_seed[32];
    bool has_rng_seed;
    gpa_t stdout_base; /* the UART that stdout-path names */
};

/*
 * Writes the tree that describes `vm` into buf: /, chosen, memory, cpus (riscv,isa,
 * riscv,isa-base, riscv,isa-extensions, mmu-type, cbo sizes, timebase-frequency), soc with a node
 * per device (device_ops.describe), the PLIC and the power device's syscon nodes.
 * Returns its size, FDT_ROOM included, or ERR_NO_MEMORY.
 */
int fdt_build(const struct vm *vm, const struct fdt_chosen *chosen, void *buf,
              size_t size) MUST_CHECK;

/* Is this a device tree, of no more than `size` bytes, that libfdt can be trusted with? `fdt` is
 * 8-aligned. */
bool fdt_is_sound(const void *fdt, size_t size) MUST_CHECK;

/*
 * Takes a tree from outside (--dtb) into buf and sets /chosen bootargs and initrd in it as QEMU
 * does. ERR_FORMAT, ERR_NO_MEMORY. Returns the new size.
 */
int fdt_adopt(const void *dtb, size_t dtb_size, const struct fdt_chosen *chosen, void *buf,
              size_t size) MUST_CHECK;

#endif
