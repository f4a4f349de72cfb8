/* SPDX-License-Identifier: MIT */
/* What the tests of devices share. */
#include "tests/unit/devices.h"

static void set_line(struct irqchip *chip, irq_t irq, bool level)
{
    struct line_chip *lines = CONTAINER_OF(chip, struct line_chip, chip);

    assert_in_range(irq, 1, LINES - 1);
    lines->rises[irq] += level && !lines->level[irq];
    lines->level[irq] = level;
}

static const struct irqchip_ops line_ops = {.set_line = set_line};

void line_chip_init(struct line_chip *lines, struct vm *vm)
{
    memset(lines, 0, sizeof(*lines));
    lines->chip = (struct irqchip){.ops = &line_ops, .vm = vm};
    vm->irqchip = &lines->chip;
}

uint64_t bus_get(struct vm *vm, gpa_t gpa, unsigned size)
{
    uint64_t value = 0;

    assert_int_equal(bus_read(&vm->bus, gpa, size, &value), 0);
    return value;
}

void bus_set(struct vm *vm, gpa_t gpa, unsigned size, uint64_t value)
{
    assert_int_equal(bus_write(&vm->bus, gpa, size, value), 0);
}

void assert_refused(struct vm *vm, gpa_t gpa, unsigned size)
{
    uint64_t value;

    assert_int_not_equal(bus_read(&vm->bus, gpa, size, &value), 0);
    assert_int_not_equal(bus_write(&vm->bus, gpa, size, 0), 0);
}

size_t device_save_bytes(struct device *dev, uint8_t *bytes, size_t capacity)
{
    struct memory_stream m;

    memory_stream_init(&m);
    assert_int_equal(dev->ops->save(dev, &m.stream), 0);
    assert_in_range(m.length, 0, capacity);
    if (m.length > 0)
        memcpy(bytes, m.data, m.length);
    memory_stream_free(&m);
    return m.length;
}

int device_restore_bytes(struct device *dev, const uint8_t *bytes, size_t length)
{
    struct memory_stream m;

    memory_stream_init(&m);
    if (length > 0)
        assert_int_equal(stream_put(&m.stream, bytes, length), 0);
    memory_stream_rewind(&m);
    int error = dev->ops->restore(dev, &m.stream);
    memory_stream_free(&m);
    return error;
}
