/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio registers that set up the selected queue: three addresses and QueueReady in
 * version 2, one page number in legacy. VIRTIO 1.2, 4.2.2, 4.2.3.2 and 4.2.4.
 */
#include "core/dev/virtio_mmio.h"
#include "core/vm.h"

/* The queue that QueueSel selects, or NULL when there is none of that number. */
static struct virtio_queue *selected(struct virtio_mmio *slot)
{
    if (slot->queue_sel >= slot->backend->ops->nqueues)
        return NULL;
    return &slot->backend->queue[slot->queue_sel];
}

uint32_t virtio_mmio_read_queue(struct virtio_mmio *slot, uint32_t offset)
{
    const struct virtio_queue *queue = selected(slot);

    if (queue == NULL)
        return 0;
    if (offset == VIRTIO_MMIO_QUEUE_NUM_MAX)
        return VIRTIO_QUEUE_NUM_MAX;
    if (offset == VIRTIO_MMIO_QUEUE_READY && !slot->legacy)
        return queue->ready;
    if (offset == VIRTIO_MMIO_QUEUE_PFN && slot->legacy)
        return slot->queue_pfn[slot->queue_sel];
    return 0;
}

static void start(struct virtio_mmio *slot, unsigned index)
{
    if (!virtio_queue_start(slot->backend, index))
        vm_log_guest(
            slot->dev.vm, NULL, LOG_WARN, "virtio",
            "the %s driver sets up queue %u with a bad size, alignment or address: refused",
            slot->backend->ops->name, index);
}

static void write_ready(struct virtio_mmio *slot, uint32_t value)
{
    bool ready = slot->backend->queue[slot->queue_sel].ready;

    if (!ready && value == 1)
        start(slot, slot->queue_sel);
    else if (ready && value == 0)
        virtio_queue_stop(slot->backend, slot->queue_sel);
}

/* 2.7.2: where the parts of a legacy queue lie. */
static void place_legacy(struct virtio_mmio *slot, unsigned index)
{
    struct virtio_queue *queue = &slot->backend->queue[index];
    uint64_t align = slot->queue_align[index];
    uint64_t num = queue->num;

    queue->desc = (uint64_t)slot->queue_pfn[index] * slot->guest_page_size;
    queue->avail = queue->desc + num * sizeof(struct virtq_desc);
    queue->used = (queue->avail + sizeof(uint16_t) * (3 + num) + align - 1) & ~(align - 1);
}

static void write_pfn(struct virtio_mmio *slot, uint32_t value)
{
    unsigned index = slot->queue_sel;
    struct virtio_queue *queue = &slot->backend->queue[index];

    if (!queue->ready && value != 0) {
        slot->queue_pfn[index] = value;
        place_legacy(slot, index);
        start(slot, index);
    } else if (queue->ready && value == 0) {
        virtio_queue_stop(slot->backend, index);
    }
    if (!queue->ready)
        slot->queue_pfn[index] = 0;
}

static void write_half(uint64_t *address, bool high, uint32_t value)
{
    if (high)
        *address = (uint32_t)*address | (uint64_t)value << 32;
    else
        *address = (*address & ~UINT64_C(0xffffffff)) | value;
}

/* Taken as they come: they are checked when the queue becomes ready. */
static void write_setting(struct virtio_mmio *slot, struct virtio_queue *queue, uint32_t offset,
                          uint32_t value)
{
    const uint32_t high = 4; /* from the register of the low half to that of the high one */

    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        queue->num = value;
        break;
    case VIRTIO_MMIO_QUEUE_ALIGN:
        if (virtio_power_of_two(value))
            slot->queue_align[slot->queue_sel] = value;
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        write_half(&queue->desc, offset & high, value);
        break;
    case VIRTIO_MMIO_QUEUE_DRIVER_LOW:
    case VIRTIO_MMIO_QUEUE_DRIVER_HIGH:
        write_half(&queue->avail, offset & high, value);
        break;
    case VIRTIO_MMIO_QUEUE_DEVICE_LOW:
    case VIRTIO_MMIO_QUEUE_DEVICE_HIGH:
        write_half(&queue->used, offset & high, value);
        break;
    }
}

void virtio_mmio_write_queue(struct virtio_mmio *slot, uint32_t offset, uint32_t value)
{
    struct virtio_queue *queue = selected(slot);

    if (queue == NULL)
        return;
    if (offset == VIRTIO_MMIO_QUEUE_READY && !slot->legacy)
        write_ready(slot, value);
    else if (offset == VIRTIO_MMIO_QUEUE_PFN && slot->legacy)
        write_pfn(slot, value);
    else if (!queue->ready)
        write_setting(slot, queue, offset, value);
}

/* It passes what one from the driver passes; a legacy one is where its page number says. */
bool virtio_mmio_queue_restored(struct virtio_mmio *slot, unsigned index)
{
    struct virtio_queue *queue = &slot->backend->queue[index];

    if (slot->legacy) {
        if ((slot->queue_pfn[index] != 0) != queue->ready)
            return false;
        place_legacy(slot, index);
    }
    return !queue->ready || virtio_queue_valid(slot->backend, queue);
}
