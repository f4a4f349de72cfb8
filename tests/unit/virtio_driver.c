/* SPDX-License-Identifier: MIT */
/* The driver's side of virtio-mmio for unit tests. */
#include "tests/unit/virtio_driver.h"

static void set_line(struct irqchip *chip, irq_t irq, bool level)
{
    struct virtio_driver *d = CONTAINER_OF(chip, struct virtio_driver, chip);

    assert_int_equal(irq, DRIVER_IRQ);
    if (level && !d->line)
        d->raised++;
    d->line = level;
}

static const struct irqchip_ops line_only = {.set_line = set_line};

void driver_plug(struct virtio_driver *d, struct fixture *f, struct virtio_device *device,
                 bool legacy)
{
    memset(d, 0, sizeof(*d));
    d->f = f;
    d->chip = (struct irqchip){.ops = &line_only, .vm = &f->vm};
    f->vm.irqchip = &d->chip;
    virtio_mmio_init(&d->slot, &f->vm, DRIVER_BASE, DRIVER_IRQ);
    if (device != NULL)
        virtio_mmio_attach(&d->slot, device, legacy);
    assert_int_equal(vm_add_device(&f->vm, &d->slot.dev), 0);
}

uint32_t driver_read(struct virtio_driver *d, uint32_t offset)
{
    uint64_t value = 0;

    assert_int_equal(bus_read(&d->f->vm.bus, DRIVER_BASE + offset, 4, &value), 0);
    return (uint32_t)value;
}

void driver_write(struct virtio_driver *d, uint32_t offset, uint32_t value)
{
    assert_int_equal(bus_write(&d->f->vm.bus, DRIVER_BASE + offset, 4, value), 0);
}

void *driver_ram(struct virtio_driver *d, gpa_t gpa)
{
    assert_in_range(gpa, FIXTURE_RAM, FIXTURE_RAM + FIXTURE_RAM_SIZE - 1);
    return d->f->ram + (gpa - FIXTURE_RAM);
}

uint16_t driver_u16(struct virtio_driver *d, gpa_t gpa)
{
    uint16_t value;

    memcpy(&value, driver_ram(d, gpa), sizeof(value));
    return value;
}

void driver_set_u16(struct virtio_driver *d, gpa_t gpa, uint16_t value)
{
    memcpy(driver_ram(d, gpa), &value, sizeof(value));
}

static void write_address(struct virtio_driver *d, uint32_t low, gpa_t gpa)
{
    driver_write(d, low, (uint32_t)gpa);
    driver_write(d, low + 4, (uint32_t)(gpa >> 32));
}

void driver_negotiate(struct virtio_driver *d, uint64_t features)
{
    uint32_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
    driver_write(d, VIRTIO_MMIO_STATUS, status);
    for (unsigned word = 0; word < 2; word++) {
        driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
        driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * word)));
    }
    if (!d->slot.legacy)
        driver_write(d, VIRTIO_MMIO_STATUS, status | VIRTIO_STATUS_FEATURES_OK);
}

void driver_place_queue(struct virtio_driver *d, unsigned index, unsigned num)
{
    struct driver_queue *q = &d->queue[index];

    q->num = num;
    q->avail_idx = q->seen_used = 0;
    q->desc = DRIVER_RINGS + index * KIB(64);
    q->avail = q->desc + 16 * num;
    q->used = (q->avail + 6 + 2 * num + 4095) & ~UINT64_C(4095);
    memset(driver_ram(d, q->desc), 0, KIB(64));
}

void driver_setup_queue(struct virtio_driver *d, unsigned index, unsigned num)
{
    struct driver_queue *q = &d->queue[index];

    driver_place_queue(d, index, num);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, num);
    if (d->slot.legacy) {
        driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 4096);
        driver_write(d, VIRTIO_MMIO_QUEUE_ALIGN, 4096);
        driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(q->desc / 4096));
        return;
    }
    write_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
    write_address(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, q->avail);
    write_address(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, q->used);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

void driver_start(struct virtio_driver *d, uint64_t features)
{
    driver_negotiate(d, features);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_write(d, VIRTIO_MMIO_STATUS,
                 driver_read(d, VIRTIO_MMIO_STATUS) | VIRTIO_STATUS_DRIVER_OK);
}

void driver_desc_at(struct virtio_driver *d, gpa_t table, unsigned i, gpa_t addr, uint32_t len,
                    uint16_t flags, uint16_t next)
{
    struct virtq_desc desc = {addr, len, flags, next};

    memcpy(driver_ram(d, table + 16 * i), &desc, sizeof(desc));
}

void driver_desc(struct virtio_driver *d, unsigned index, unsigned i, gpa_t addr, uint32_t len,
                 uint16_t flags, uint16_t next)
{
    driver_desc_at(d, d->queue[index].desc, i, addr, len, flags, next);
}

void driver_offer(struct virtio_driver *d, unsigned index, uint16_t head)
{
    struct driver_queue *q = &d->queue[index];

    driver_set_u16(d, q->avail + 4 + 2 * (q->avail_idx % q->num), head);
    driver_set_u16(d, q->avail + 2, ++q->avail_idx);
}

void driver_kick(struct virtio_driver *d, unsigned index, uint16_t head)
{
    driver_offer(d, index, head);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, index);
}

bool driver_used(struct virtio_driver *d, unsigned index, uint32_t *id, uint32_t *len)
{
    struct driver_queue *q = &d->queue[index];
    const uint8_t *element = driver_ram(d, q->used + 4 + 8 * (q->seen_used % q->num));

    if (driver_u16(d, q->used + 2) == q->seen_used)
        return false;
    q->seen_used++;
    memcpy(id, element, 4);
    memcpy(len, element + 4, 4);
    return true;
}

bool driver_sees_failure(struct virtio_driver *d)
{
    return (driver_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_DEVICE_NEEDS_RESET) != 0;
}
