/* SPDX-License-Identifier: MIT */
/* What the tests of devices share: an irqchip that records lines, accesses through the bus, and
 * snapshots as plain bytes. */
#ifndef TESTS_UNIT_DEVICES_H
#define TESTS_UNIT_DEVICES_H

#include "tests/unit/fixture.h"

#define LINES 64

struct line_chip {
    struct irqchip chip;
    bool level[LINES];
    unsigned rises[LINES];
};

/* Becomes vm->irqchip. */
void line_chip_init(struct line_chip *lines, struct vm *vm);

/* Accesses that must succeed. */
uint64_t bus_get(struct vm *vm, gpa_t gpa, unsigned size);
void bus_set(struct vm *vm, gpa_t gpa, unsigned size, uint64_t value);

/* Accesses that the device or the bus must refuse. */
void assert_refused(struct vm *vm, gpa_t gpa, unsigned size);

/* Saves into `bytes`, returns the length. */
size_t device_save_bytes(struct device *dev, uint8_t *bytes, size_t capacity);
int device_restore_bytes(struct device *dev, const uint8_t *bytes, size_t length);

#endif
