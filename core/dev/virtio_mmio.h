/* SPDX-License-Identifier: MIT */
/* The virtio-mmio transport, version 2 and legacy version 1 (VIRTIO 1.2, 4.2). */
#ifndef CORE_DEV_VIRTIO_MMIO_H
#define CORE_DEV_VIRTIO_MMIO_H

#include "core/dev/virtio.h"
#include "core/device.h"

#define VIRTIO_MMIO_SIZE 0x1000

struct virtio_mmio {
    struct device dev;
    struct virtio_device *backend; /* NULL: an empty slot, device id 0 */
    bool legacy;
    uint32_t status;
    uint32_t device_features_sel, driver_features_sel, queue_sel;
    uint32_t interrupt_status;
    uint64_t driver_features;
    uint32_t guest_page_size, queue_align[VIRTIO_MAX_QUEUES], queue_pfn[VIRTIO_MAX_QUEUES];
};

void virtio_mmio_init(struct virtio_mmio *slot, struct vm *vm, gpa_t base, irq_t irq);

/* Plugs a device in before the VM starts. */
void virtio_mmio_attach(struct virtio_mmio *slot, struct virtio_device *device, bool legacy);

#endif
