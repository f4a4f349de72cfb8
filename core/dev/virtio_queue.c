/* SPDX-License-Identifier: MIT */
/*
 * The available and the used ring, and who notifies whom when. Chains are virtio_chain.c's.
 * VIRTIO 1.2, 2.7.6-2.7.14.
 */
#include "core/dev/virtio_queue.h"

#include <stdatomic.h>

#include "core/dev/virtio.h"
#include "core/vm.h"

/* Chains that one call may take: more than a ring holds, so that only a driver that adds
 * meanwhile reaches it. */
#define RUN_MAX (2 * VIRTIO_QUEUE_NUM_MAX)

/* struct virtq_avail: flags, idx, ring[num], used_event */
#define AVAIL_FLAGS         0
#define AVAIL_IDX           2
#define AVAIL_RING(i)       (4 + 2 * (uint64_t)(i))
#define AVAIL_USED_EVENT(n) AVAIL_RING(n)
#define AVAIL_SIZE(n)       (AVAIL_RING(n) + 2)

/* struct virtq_used: flags, idx, ring[num] of {id, len}, avail_event */
#define USED_IDX            2
#define USED_ID(i)          (4 + 8 * (uint64_t)(i))
#define USED_LEN(i)         (8 + 8 * (uint64_t)(i))
#define USED_AVAIL_EVENT(n) USED_ID(n)
#define USED_SIZE(n)        (USED_AVAIL_EVENT(n) + 2)

bool virtio_queue_valid(struct virtio_device *dev, const struct virtio_queue *queue)
{
    struct gmem *mem = &dev->vm->mem;
    uint32_t num = queue->num;

    if (!virtio_power_of_two(num) || num > VIRTIO_QUEUE_NUM_MAX)
        return false;
    if (queue->desc % 16 != 0 || queue->avail % 2 != 0 || queue->used % 4 != 0)
        return false;
    return gmem_ptr(mem, queue->desc, num * sizeof(struct virtq_desc), GMEM_READ) != NULL &&
           gmem_ptr(mem, queue->avail, AVAIL_SIZE(num), GMEM_READ) != NULL &&
           gmem_ptr(mem, queue->used, USED_SIZE(num), GMEM_WRITE) != NULL;
}

bool virtio_queue_start(struct virtio_device *dev, unsigned index)
{
    struct virtio_queue *queue = &dev->queue[index];

    queue->ready = virtio_queue_valid(dev, queue);
    queue->last_avail = 0;
    queue->used_idx = 0;
    return queue->ready;
}

void virtio_queue_stop(struct virtio_device *dev, unsigned index)
{
    dev->queue[index].ready = false;
    dev->queue[index].generation++;
}

bool virtio_queue_current(const struct virtio_device *dev, unsigned index, uint32_t generation)
{
    const struct virtio_queue *queue = &dev->queue[index];

    return dev->live && !dev->broken && queue->ready && queue->generation == generation;
}

/* Takes the next available chain into dev->chain; false when there is none. */
static bool pop(struct virtio_device *dev, unsigned index)
{
    struct virtio_queue *queue = &dev->queue[index];
    struct gmem *mem = &dev->vm->mem;
    uint16_t idx, head;

    if (gmem_read_u16(mem, queue->avail + AVAIL_IDX, &idx) != 0) {
        virtio_fail(dev, "has an available ring outside RAM");
        return false;
    }
    if (idx == queue->last_avail)
        return false;
    if ((uint16_t)(idx - queue->last_avail) > queue->num) {
        virtio_fail(dev, "makes more chains available than its ring holds");
        return false;
    }
    /* the ring entry and the descriptors were written before idx */
    atomic_thread_fence(memory_order_acquire);
    uint64_t entry = AVAIL_RING(queue->last_avail % queue->num);
    const char *why = "has an available ring outside RAM";
    if (gmem_read_u16(mem, queue->avail + entry, &head) == 0)
        why = virtio_chain_gather(dev, queue, head, &dev->chain);
    if (why != NULL) {
        virtio_fail(dev, why);
        return false;
    }
    queue->last_avail++;
    return true;
}

/* Asks for a notification of the next chain; true when one has come in the meantime. Without
 * EVENT_IDX the driver always notifies, because the used ring's flags stay 0. */
static bool rearm(struct virtio_device *dev, unsigned index)
{
    struct virtio_queue *queue = &dev->queue[index];
    struct gmem *mem = &dev->vm->mem;
    uint16_t idx;

    if (!virtio_accepted(dev, VIRTIO_F_EVENT_IDX))
        return false;
    if (gmem_write_u16(mem, queue->used + USED_AVAIL_EVENT(queue->num), queue->last_avail) != 0)
        return false;
    /* pairs with the driver's barrier between its idx and its look at avail_event */
    atomic_thread_fence(memory_order_seq_cst);
    return gmem_read_u16(mem, queue->avail + AVAIL_IDX, &idx) == 0 && idx != queue->last_avail;
}

static bool may_take(const struct virtio_device *dev, unsigned index)
{
    return dev->live && !dev->broken && dev->queue[index].ready &&
           (dev->ops->room == NULL || dev->ops->room(dev));
}

static void run_deferred(void *arg)
{
    struct virtio_device *dev = arg;

    vm_lock(dev->vm);
    dev->deferred = false;
    for (unsigned i = 0; i < dev->ops->nqueues; i++)
        virtio_queue_run(dev, i);
    vm_unlock(dev->vm);
}

static void run_later(struct virtio_device *dev)
{
    if (dev->deferred)
        return;
    dev->deferred = true;
    dev->vm->host->defer(dev->vm, run_deferred, dev);
}

void virtio_queue_run(struct virtio_device *dev, unsigned index)
{
    unsigned taken = 0;

    do {
        while (may_take(dev, index) && pop(dev, index)) {
            dev->ops->request(dev, index, &dev->chain);
            if (++taken == RUN_MAX) {
                run_later(dev);
                return;
            }
        }
    } while (may_take(dev, index) && rearm(dev, index));
}

/* 2.7.7.2; `placed` is where the used element went. */
static bool wants_interrupt(struct virtio_device *dev, const struct virtio_queue *queue,
                            uint16_t placed)
{
    struct gmem *mem = &dev->vm->mem;
    uint16_t value;

    if (virtio_accepted(dev, VIRTIO_F_EVENT_IDX))
        return gmem_read_u16(mem, queue->avail + AVAIL_USED_EVENT(queue->num), &value) == 0 &&
               value == placed;
    return gmem_read_u16(mem, queue->avail + AVAIL_FLAGS, &value) == 0 &&
           !(value & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

void virtio_queue_push(struct virtio_device *dev, unsigned index, uint16_t head, uint32_t written)
{
    struct virtio_queue *queue = &dev->queue[index];
    struct gmem *mem = &dev->vm->mem;
    uint16_t placed = queue->used_idx++;
    uint32_t slot = placed % queue->num;

    if (gmem_write_u32(mem, queue->used + USED_ID(slot), head) != 0 ||
        gmem_write_u32(mem, queue->used + USED_LEN(slot), written) != 0) {
        virtio_fail(dev, "has a used ring outside RAM");
        return;
    }
    /* the element and the buffers' contents are seen before idx */
    atomic_thread_fence(memory_order_release);
    if (gmem_write_u16(mem, queue->used + USED_IDX, queue->used_idx) != 0) {
        virtio_fail(dev, "has a used ring outside RAM");
        return;
    }
    /* pairs with the driver's barrier between its used_event and its look at idx */
    atomic_thread_fence(memory_order_seq_cst);
    if (wants_interrupt(dev, queue, placed))
        dev->interrupt(dev->transport, false);
}
