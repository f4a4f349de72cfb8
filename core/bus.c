/* SPDX-License-Identifier: MIT */
/* The MMIO bus: sorted regions, and every check before a device runs (see bus.h). */
#include "core/bus.h"

static bool region_ok(const struct bus_region *region)
{
    if (region->size == 0 || region->base + region->size < region->base)
        return false;
    if ((region->base & 7) != 0)
        return false;
    if (region->widths == 0 || (region->widths & ~(uint32_t)BUS_ANY) != 0)
        return false;
    return region->read != NULL && region->write != NULL;
}

/* How many regions begin at or below gpa: the only one that can contain it is the last of them. */
static unsigned regions_up_to(const struct bus *bus, gpa_t gpa)
{
    unsigned low = 0, high = bus->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (bus->region[middle]->base <= gpa)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int bus_add(struct bus *bus, const struct bus_region *region)
{
    if (!region_ok(region))
        return ERR_INVALID;

    unsigned at = regions_up_to(bus, region->base);

    if (at > 0 && region->base - bus->region[at - 1]->base < bus->region[at - 1]->size)
        return ERR_OVERLAP;
    if (at < bus->count && bus->region[at]->base - region->base < region->size)
        return ERR_OVERLAP;
    if (bus->count == BUS_MAX_REGIONS)
        return ERR_NO_MEMORY;
    for (unsigned i = bus->count; i > at; i--) {
        bus->region[i] = bus->region[i - 1];
        bus->accesses[i] = bus->accesses[i - 1];
    }
    bus->region[at] = region;
    bus->accesses[at] = 0;
    bus->count++;
    return 0;
}

int bus_index(const struct bus *bus, gpa_t gpa)
{
    unsigned after = regions_up_to(bus, gpa);

    if (after == 0 || gpa - bus->region[after - 1]->base >= bus->region[after - 1]->size)
        return ERR_NOT_FOUND;
    return (int)(after - 1);
}

const struct bus_region *bus_find(const struct bus *bus, gpa_t gpa)
{
    int index = bus_index(bus, gpa);

    return index < 0 ? NULL : bus->region[index];
}

/* Every check that an access needs; counts it. Returns 0 and the region, or an error. */
static int admit(struct bus *bus, gpa_t gpa, unsigned size, const struct bus_region **region)
{
    unsigned index = bus->last;

    if (index >= bus->count || gpa - bus->region[index]->base >= bus->region[index]->size) {
        int found = bus_index(bus, gpa);
        if (found < 0)
            return ERR_NOT_FOUND;
        index = bus->last = (unsigned)found;
    }
    *region = bus->region[index];
    /* The width bits are the widths themselves. */
    if (size == 0 || (size & BUS_ANY) != size || (size & (size - 1)) != 0)
        return ERR_INVALID;
    if ((gpa & (size - 1)) != 0 || (*region)->size - (gpa - (*region)->base) < size)
        return ERR_RANGE;
    if (((*region)->widths & size) == 0)
        return ERR_UNSUPPORTED;
    bus->accesses[index]++;
    return 0;
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
    return value & (UINT64_MAX >> (64 - 8 * size));
}

int bus_read(struct bus *bus, gpa_t gpa, unsigned size, uint64_t *value)
{
    const struct bus_region *region;
    uint64_t answer = 0;
    int status = admit(bus, gpa, size, &region);

    if (status == 0)
        status = region->read(region->ctx, gpa - region->base, size, &answer);
    if (status == 0)
        *value = low_bytes(answer, size);
    return status;
}

int bus_write(struct bus *bus, gpa_t gpa, unsigned size, uint64_t value)
{
    const struct bus_region *region;
    int status = admit(bus, gpa, size, &region);

    if (status == 0)
        status = region->write(region->ctx, gpa - region->base, size, low_bytes(value, size));
    return status;
}
