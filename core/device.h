/* SPDX-License-Identifier: MIT */
/*
 * What every device has in common: a region on the bus, an interrupt line, reset, save and restore,
 * and a neutral description of itself from which core/fdt makes the device-tree node (so that a
 * device never needs libfdt, and the node comes from the very fields that the bus uses).
 */
#ifndef CORE_DEVICE_H
#define CORE_DEVICE_H

#include "core/bus.h"
#include "core/irqchip.h"
#include "core/stream.h"
#include "core/types.h"

struct vm;
struct device;

#define DEVICE_MAX_PROPS 4

/* A property of a device-tree node beside compatible, reg, interrupts and interrupt-parent. */
struct device_prop {
    const char *name;
    enum { DEVICE_PROP_U32, DEVICE_PROP_STRING, DEVICE_PROP_EMPTY } kind;
    uint32_t u32;
    const char *string;
};

struct device_node {
    const char *name;          /* node name before the unit address: "serial" */
    const char *compatible[3]; /* most specific first, NULL-terminated when fewer */
    struct device_prop props[DEVICE_MAX_PROPS];
    unsigned nprops;
};

/* All run under the VM lock. */
struct device_ops {
    void (*reset)(struct device *dev);
    /* The whole guest-visible state. restore checks every value: a snapshot is hostile. */
    int (*save)(struct device *dev, struct stream *out);
    int (*restore)(struct device *dev, struct stream *in);
    void (*describe)(const struct device *dev, struct device_node *node);
    /* True when no request is under way: the device may be saved. NULL: always. */
    bool (*quiesced)(const struct device *dev);
    /* The alarm that the device asked for with device_alarm went off, perhaps early. NULL: the
     * device never asks. */
    void (*timer)(struct device *dev);
};

struct device {
    const struct device_ops *ops;
    struct bus_region region;
    irq_t irq; /* 0: none */
    struct vm *vm;
    unsigned index; /* in vm->device, and the id of its alarm; set by vm_add_device */
};

/* Drives the device's interrupt line (level). Under the VM lock. */
void device_irq(struct device *dev, bool level);

/* Asserts the line for a new reason, also when it is asserted already: one more interrupt follows,
 * while or after the last one is served. Under the VM lock. */
void device_irq_anew(struct device *dev);

/* Asks the host for ops->timer at `deadline` (guest time); UINT64_MAX: never. */
void device_alarm(struct device *dev, uint64_t deadline);

#endif
