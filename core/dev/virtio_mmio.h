/* SPDX-License-Identifier: MIT */
/* The virtio-mmio transport, version 2 and legacy version 1 (VIRTIO 1.2, 4.2). */
#ifndef CORE_DEV_VIRTIO_MMIO_H
#define CORE_DEV_VIRTIO_MMIO_H

#include "core/dev/virtio.h"
#include "core/device.h"

#define VIRTIO_MMIO_SIZE 0x1000

/* Registers; L: legacy only, N: not in legacy. */
enum virtio_mmio_register {
    VIRTIO_MMIO_MAGIC_VALUE = 0x000,
    VIRTIO_MMIO_VERSION = 0x004,
    VIRTIO_MMIO_DEVICE_ID = 0x008,
    VIRTIO_MMIO_VENDOR_ID = 0x00c,
    VIRTIO_MMIO_DEVICE_FEATURES = 0x010,
    VIRTIO_MMIO_DEVICE_FEATURES_SEL = 0x014,
    VIRTIO_MMIO_DRIVER_FEATURES = 0x020,
    VIRTIO_MMIO_DRIVER_FEATURES_SEL = 0x024,
    VIRTIO_MMIO_GUEST_PAGE_SIZE = 0x028, /* L */
    VIRTIO_MMIO_QUEUE_SEL = 0x030,
    VIRTIO_MMIO_QUEUE_NUM_MAX = 0x034,
    VIRTIO_MMIO_QUEUE_NUM = 0x038,
    VIRTIO_MMIO_QUEUE_ALIGN = 0x03c, /* L */
    VIRTIO_MMIO_QUEUE_PFN = 0x040,   /* L */
    VIRTIO_MMIO_QUEUE_READY = 0x044, /* N */
    VIRTIO_MMIO_QUEUE_NOTIFY = 0x050,
    VIRTIO_MMIO_INTERRUPT_STATUS = 0x060,
    VIRTIO_MMIO_INTERRUPT_ACK = 0x064,
    VIRTIO_MMIO_STATUS = 0x070,
    VIRTIO_MMIO_QUEUE_DESC_LOW = 0x080, /* N, as all that follow */
    VIRTIO_MMIO_QUEUE_DESC_HIGH = 0x084,
    VIRTIO_MMIO_QUEUE_DRIVER_LOW = 0x090,
    VIRTIO_MMIO_QUEUE_DRIVER_HIGH = 0x094,
    VIRTIO_MMIO_QUEUE_DEVICE_LOW = 0x0a0,
    VIRTIO_MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
    VIRTIO_MMIO_SHM_LEN_LOW = 0x0b0,
    VIRTIO_MMIO_SHM_LEN_HIGH = 0x0b4,
    VIRTIO_MMIO_SHM_BASE_LOW = 0x0b8,
    VIRTIO_MMIO_SHM_BASE_HIGH = 0x0bc,
    VIRTIO_MMIO_CONFIG_GENERATION = 0x0fc,
    VIRTIO_MMIO_CONFIG = 0x100, /* both */
};

#define VIRTIO_MMIO_MAGIC 0x74726976 /* "virt" */
/* "QEMU": a driver of xv6 looks for no other vendor. */
#define VIRTIO_MMIO_VENDOR 0x554d4551

/* Bits of InterruptStatus. */
#define VIRTIO_MMIO_INT_USED   1
#define VIRTIO_MMIO_INT_CONFIG 2

/* Bits of Status (2.1). */
enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_DEVICE_NEEDS_RESET = 0x40,
    VIRTIO_STATUS_FAILED = 0x80,
};

struct virtio_mmio {
    struct device dev;
    struct virtio_device *backend; /* NULL: an empty slot, device id 0 */
    bool legacy;
    uint32_t status; /* what the driver set; DEVICE_NEEDS_RESET is the backend's `broken` */
    uint32_t device_features_sel, driver_features_sel, queue_sel;
    uint32_t interrupt_status;
    uint64_t driver_features;
    /* legacy */
    uint32_t guest_page_size, queue_align[VIRTIO_MAX_QUEUES], queue_pfn[VIRTIO_MAX_QUEUES];
};

void virtio_mmio_init(struct virtio_mmio *slot, struct vm *vm, gpa_t base, irq_t irq);

/* Plugs a device in before the VM starts. */
void virtio_mmio_attach(struct virtio_mmio *slot, struct virtio_device *device, bool legacy);

/* The registers of the selected queue (virtio_mmio_queue.c). Others read as 0 and ignore writes.
 * The slot is not empty. */
uint32_t virtio_mmio_read_queue(struct virtio_mmio *slot, uint32_t offset);
void virtio_mmio_write_queue(struct virtio_mmio *slot, uint32_t offset, uint32_t value);

/* Checks a queue that came from a snapshot. */
bool virtio_mmio_queue_restored(struct virtio_mmio *slot, unsigned index);

#endif
