/* SPDX-License-Identifier: MIT */
/* The least that drives a virtio device: one request at a time, polled. */
#include <stdatomic.h>
#include <string.h>

#include "guests/remote/remote.h"

#define SLOTS_BASE 0x10001000UL
#define SLOT_SIZE  0x1000UL

enum { /* registers, as indexes of 32-bit words (VIRTIO 1.2, 4.2.2) */
       MAGIC_VALUE = 0x000 / 4,
       VERSION = 0x004 / 4,
       DEVICE_ID = 0x008 / 4,
       DRIVER_FEATURES = 0x020 / 4,
       DRIVER_FEATURES_SEL = 0x024 / 4,
       QUEUE_SEL = 0x030 / 4,
       QUEUE_NUM = 0x038 / 4,
       QUEUE_READY = 0x044 / 4,
       QUEUE_NOTIFY = 0x050 / 4,
       INTERRUPT_STATUS = 0x060 / 4,
       INTERRUPT_ACK = 0x064 / 4,
       STATUS = 0x070 / 4,
       QUEUE_DESC = 0x080 / 4,
       QUEUE_DRIVER = 0x090 / 4,
       QUEUE_DEVICE = 0x0a0 / 4,
};

#define MAGIC              0x74726976
#define FEATURE_1_VERSION  1 /* VIRTIO_F_VERSION_1 in word 1 */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

static void write_address(struct virtio *dev, unsigned reg, const void *address)
{
    dev->reg[reg] = (uint32_t)(uint64_t)address;
    dev->reg[reg + 1] = (uint32_t)((uint64_t)address >> 32);
}

bool virtio_start(struct virtio *dev, unsigned slot, uint32_t device_id, uint32_t features)
{
    memset(dev, 0, sizeof(*dev));
    dev->reg = (volatile uint32_t *)(SLOTS_BASE + slot * SLOT_SIZE);
    if (dev->reg[MAGIC_VALUE] != MAGIC || dev->reg[VERSION] != 2 ||
        dev->reg[DEVICE_ID] != device_id)
        return false;
    dev->reg[STATUS] = 0;
    dev->reg[STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
    dev->reg[DRIVER_FEATURES_SEL] = 0;
    dev->reg[DRIVER_FEATURES] = features;
    dev->reg[DRIVER_FEATURES_SEL] = 1;
    dev->reg[DRIVER_FEATURES] = FEATURE_1_VERSION;
    dev->reg[STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    dev->reg[QUEUE_SEL] = 0;
    dev->reg[QUEUE_NUM] = QUEUE_SIZE;
    write_address(dev, QUEUE_DESC, dev->desc);
    write_address(dev, QUEUE_DRIVER, &dev->avail);
    write_address(dev, QUEUE_DEVICE, &dev->used);
    dev->reg[QUEUE_READY] = 1;
    dev->reg[STATUS] = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    return true;
}

uint32_t virtio_status(const struct virtio *dev)
{
    return dev->reg[STATUS];
}

void virtio_offer(struct virtio *dev, uint16_t head)
{
    dev->avail.ring[dev->avail.idx % QUEUE_SIZE] = head;
    atomic_thread_fence(memory_order_seq_cst);
    dev->avail.idx++;
    atomic_thread_fence(memory_order_seq_cst);
    dev->reg[QUEUE_NOTIFY] = 0;
}

void virtio_submit(struct virtio *dev)
{
    volatile uint16_t *used = &dev->used.idx;

    virtio_offer(dev, 0);
    while (*used != dev->avail.idx)
        ;
    atomic_thread_fence(memory_order_seq_cst);
    dev->reg[INTERRUPT_ACK] = dev->reg[INTERRUPT_STATUS];
}
