/* SPDX-License-Identifier: MIT */
/*
 * MMIO: regions of guest-physical space that belong to devices, sorted by address. A region
 * declares which widths it takes; the bus refuses everything else, and every misaligned access,
 * before the device runs. A handler gets an offset into its own region.
 */
#ifndef CORE_BUS_H
#define CORE_BUS_H

#include "core/error.h"
#include "core/types.h"

#define BUS_MAX_REGIONS 32

/* Bits of bus_region.widths. */
enum { BUS_8 = 1, BUS_16 = 2, BUS_32 = 4, BUS_64 = 8, BUS_ANY = 15 };

struct bus_region {
    gpa_t base;
    uint64_t size;
    uint32_t widths; /* BUS_8 | ... */
    const char *name;
    void *ctx;
    /* offset + size <= region size and aligned. Return 0, or an error: the guest then takes an
     * access fault. Called under the VM lock. */
    int (*read)(void *ctx, uint64_t offset, unsigned size, uint64_t *value);
    int (*write)(void *ctx, uint64_t offset, unsigned size, uint64_t value);
};

struct bus {
    unsigned count;
    unsigned last; /* the region of the last access: mostly that of the next one too */
    const struct bus_region *region[BUS_MAX_REGIONS]; /* sorted by base; owned by the devices */
    uint64_t accesses[BUS_MAX_REGIONS];               /* statistics */
};

/* ERR_OVERLAP, ERR_NO_MEMORY, ERR_INVALID (empty, wrapping, base not 8-aligned, no width or an
 * unknown one, a handler missing). */
int bus_add(struct bus *bus, const struct bus_region *region) MUST_CHECK;

/* The region that contains gpa, or NULL. */
const struct bus_region *bus_find(const struct bus *bus, gpa_t gpa);

/* The same by its index, or ERR_NOT_FOUND. */
int bus_index(const struct bus *bus, gpa_t gpa) MUST_CHECK;

/* Does the region take an access of 1, 2, 4 or 8 bytes there? Its width bits are the widths. */
static inline bool bus_admits(const struct bus_region *region, uint64_t offset, uint64_t size)
{
    return (region->widths & size) != 0 && (offset & (size - 1)) == 0 &&
           region->size - offset >= size;
}

/* size 1, 2, 4 or 8, else ERR_INVALID. ERR_NOT_FOUND: no region; ERR_RANGE: crosses the region's
 * end or misaligned; ERR_UNSUPPORTED: a width that the device does not take; else what the device
 * says. Values are zero-extended whatever the device or the caller left above `size` bytes. */
int bus_read(struct bus *bus, gpa_t gpa, unsigned size, uint64_t *value) MUST_CHECK;
int bus_write(struct bus *bus, gpa_t gpa, unsigned size, uint64_t value) MUST_CHECK;

#endif
