/* SPDX-License-Identifier: MIT */
/*
 * What all virtio devices have in common, whatever the transport: reset, feature negotiation,
 * failure, the saved state. VIRTIO 1.2, ch. 2 and 3.
 */
#include "core/dev/virtio.h"

#include <string.h>

#include "core/vm.h"

void virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, struct vm *vm,
                 uint64_t features)
{
    memset(dev, 0, sizeof(*dev));
    dev->ops = ops;
    dev->vm = vm;
    dev->offered = features | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
                   VIRTIO_BIT(VIRTIO_F_VERSION_1);
    virtio_reset(dev);
}

void virtio_reset(struct virtio_device *dev)
{
    dev->accepted = 0;
    dev->negotiated = false;
    dev->live = false;
    dev->broken = false;
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
        uint32_t generation = dev->queue[i].generation + 1;
        dev->queue[i] = (struct virtio_queue){.generation = generation};
    }
    if (dev->ops->reset != NULL)
        dev->ops->reset(dev);
}

bool virtio_negotiate(struct virtio_device *dev, uint64_t features)
{
    if ((features & ~dev->offered) != 0)
        return false;
    dev->accepted = features;
    dev->negotiated = true;
    if (dev->ops->negotiated != NULL)
        dev->ops->negotiated(dev);
    return true;
}

void virtio_go_live(struct virtio_device *dev)
{
    dev->live = true;
    for (unsigned i = 0; i < dev->ops->nqueues; i++)
        virtio_queue_run(dev, i);
}

void virtio_fail(struct virtio_device *dev, const char *why)
{
    vm_log_guest(dev->vm, NULL, LOG_WARN, "virtio",
                 "the %s driver %s: the device stops until the guest resets it", dev->ops->name,
                 why);
    dev->broken = true;
    dev->interrupt(dev->transport, true);
}

bool virtio_quiesced(const struct virtio_device *dev)
{
    return !dev->deferred && (dev->ops->quiesced == NULL || dev->ops->quiesced(dev));
}

enum { SAVED_NEGOTIATED = 1, SAVED_LIVE = 2, SAVED_BROKEN = 4 };

int virtio_save(struct virtio_device *dev, struct stream *out)
{
    stream_put_u64(out, dev->accepted);
    stream_put_u32(out, (dev->negotiated ? SAVED_NEGOTIATED : 0U) | (dev->live ? SAVED_LIVE : 0U) |
                            (dev->broken ? SAVED_BROKEN : 0U));
    for (unsigned i = 0; i < dev->ops->nqueues; i++) {
        const struct virtio_queue *queue = &dev->queue[i];
        stream_put_u32(out, queue->num);
        stream_put_u32(out, queue->ready);
        stream_put_u64(out, queue->desc);
        stream_put_u64(out, queue->avail);
        stream_put_u64(out, queue->used);
        stream_put_u32(out, queue->last_avail);
        stream_put_u32(out, queue->used_idx);
    }
    return dev->ops->save != NULL ? dev->ops->save(dev, out) : out->error;
}

static int restore_queue(struct virtio_queue *queue, struct stream *in)
{
    uint32_t ready, last_avail, used_idx;

    stream_get_u32(in, &queue->num);
    stream_get_u32(in, &ready);
    stream_get_u64(in, &queue->desc);
    stream_get_u64(in, &queue->avail);
    stream_get_u64(in, &queue->used);
    stream_get_u32(in, &last_avail);
    if (stream_get_u32(in, &used_idx) != 0)
        return in->error;
    if (ready > 1 || last_avail > UINT16_MAX || used_idx > UINT16_MAX)
        return ERR_INVALID;
    queue->ready = ready != 0;
    queue->last_avail = (uint16_t)last_avail;
    queue->used_idx = (uint16_t)used_idx;
    return 0;
}

int virtio_restore(struct virtio_device *dev, struct stream *in)
{
    uint32_t flags;

    stream_get_u64(in, &dev->accepted);
    if (stream_get_u32(in, &flags) != 0)
        return in->error;
    dev->negotiated = (flags & SAVED_NEGOTIATED) != 0;
    dev->live = (flags & SAVED_LIVE) != 0;
    dev->broken = (flags & SAVED_BROKEN) != 0;
    if (flags > (SAVED_NEGOTIATED | SAVED_LIVE | SAVED_BROKEN) ||
        (dev->accepted != 0 && !dev->negotiated) || (dev->live && !dev->negotiated) ||
        (dev->broken && !dev->live))
        return ERR_INVALID;
    for (unsigned i = 0; i < dev->ops->nqueues; i++) {
        int error = restore_queue(&dev->queue[i], in);
        if (error != 0)
            return error;
    }
    return dev->ops->restore != NULL ? dev->ops->restore(dev, in) : 0;
}
