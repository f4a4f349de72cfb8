/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of virtio-mmio for unit tests: registers through the bus, rings in the
 * fixture's RAM, both versions of the transport, and an interrupt line to look at.
 */
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include "core/dev/virtio_mmio.h"
#include "tests/unit/fixture.h"

#define DRIVER_BASE  UINT64_C(0x10001000)
#define DRIVER_IRQ   5
#define DRIVER_NUM   8                      /* ring size unless a test wants another */
#define DRIVER_RINGS (FIXTURE_RAM + MIB(1)) /* queue q lies at + q * 64 KiB */
#define DRIVER_DATA  (FIXTURE_RAM + MIB(2)) /* buffers of the tests */

/* What a driver without opinions accepts. */
#define DRIVER_PLAIN VIRTIO_BIT(VIRTIO_F_VERSION_1)

struct driver_queue {
    unsigned num;
    gpa_t desc, avail, used;
    uint16_t avail_idx, seen_used;
};

struct virtio_driver {
    struct fixture *f;
    struct virtio_mmio slot;
    struct irqchip chip;
    bool line;       /* level of DRIVER_IRQ */
    unsigned raised; /* times that it went up */
    struct driver_queue queue[VIRTIO_MAX_QUEUES];
};

/* Plugs `device` (NULL: nothing) into a slot at DRIVER_BASE of the fixture's VM. */
void driver_plug(struct virtio_driver *d, struct fixture *f, struct virtio_device *device,
                 bool legacy);

uint32_t driver_read(struct virtio_driver *d, uint32_t offset);
void driver_write(struct virtio_driver *d, uint32_t offset, uint32_t value);

/* RAM as the guest sees it. */
void *driver_ram(struct virtio_driver *d, gpa_t gpa);
uint16_t driver_u16(struct virtio_driver *d, gpa_t gpa);
void driver_set_u16(struct virtio_driver *d, gpa_t gpa, uint16_t value);

/* Steps of 3.1.1: reset to features; a queue of `num` with zeroed rings; everything to DRIVER_OK
 * with DRIVER_NUM entries in queue 0. */
void driver_negotiate(struct virtio_driver *d, uint64_t features);
void driver_place_queue(struct virtio_driver *d, unsigned index, unsigned num);
void driver_setup_queue(struct virtio_driver *d, unsigned index, unsigned num);
void driver_start(struct virtio_driver *d, uint64_t features);

/* Writes descriptor `i` of the queue's table, or of a table at `table`. */
void driver_desc(struct virtio_driver *d, unsigned index, unsigned i, gpa_t addr, uint32_t len,
                 uint16_t flags, uint16_t next);
void driver_desc_at(struct virtio_driver *d, gpa_t table, unsigned i, gpa_t addr, uint32_t len,
                    uint16_t flags, uint16_t next);

/* Makes a chain available; `kick` also notifies the device. */
void driver_offer(struct virtio_driver *d, unsigned index, uint16_t head);
void driver_kick(struct virtio_driver *d, unsigned index, uint16_t head);

/* Takes the next used element; false when there is none. */
bool driver_used(struct virtio_driver *d, unsigned index, uint32_t *id, uint32_t *len);

/* DEVICE_NEEDS_RESET is set. */
bool driver_sees_failure(struct virtio_driver *d);

#endif
