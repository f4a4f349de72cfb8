/* SPDX-License-Identifier: MIT */
/*
 * What a virtio device and its transport agree on: features, configuration space, queues. A device
 * does not know its transport; the transport does not know what the device does.
 * Virtual I/O Device (VIRTIO) version 1.2, ch. 2.
 */
#ifndef CORE_DEV_VIRTIO_H
#define CORE_DEV_VIRTIO_H

#include "core/gmem.h"
#include "core/stream.h"
#include "core/types.h"

#define VIRTIO_QUEUE_MAX            256 /* largest ring offered */
#define VIRTIO_MAX_QUEUES           4
#define VIRTIO_CHAIN_MAX            130 /* descriptors in one chain: a header, 128 segments, a status */

#define VIRTIO_F_RING_INDIRECT_DESC 28
#define VIRTIO_F_RING_EVENT_IDX     29
#define VIRTIO_F_VERSION_1          32

struct vm;
struct virtio_device;

/* One split virtqueue (2.7), driver's settings included. */
struct virtio_queue {
    uint32_t num;
    bool ready;
    gpa_t desc, avail, used;
    uint16_t last_avail, used_index;
    uint16_t signalled_used; /* used index when the driver was last interrupted */
    bool signalled_valid;
};

/* A chain taken from the available ring, checked: every buffer lies in RAM. Readable first. */
struct virtio_buffer {
    gpa_t gpa;
    uint32_t length;
};

struct virtio_chain {
    uint16_t head;
    unsigned nreadable, nwritable;
    struct virtio_buffer readable[VIRTIO_CHAIN_MAX];
    struct virtio_buffer writable[VIRTIO_CHAIN_MAX];
};

struct virtio_ops {
    uint32_t device_id;
    unsigned nqueues;
    uint64_t features; /* offered beside the transport's and the ring's own */
    void (*reset)(struct virtio_device *dev);
    /* The driver has set FEATURES_OK and `features` is what it accepted. */
    void (*features_accepted)(struct virtio_device *dev, uint64_t features);
    uint32_t config_size;
    void (*config_read)(struct virtio_device *dev, uint32_t offset, uint8_t *out, uint32_t length);
    void (*config_write)(struct virtio_device *dev, uint32_t offset, const uint8_t *in,
                         uint32_t length);
    void (*notify)(struct virtio_device *dev, unsigned queue);
    int (*save)(struct virtio_device *dev, struct stream *out);
    int (*restore)(struct virtio_device *dev, struct stream *in);
    bool (*quiesced)(const struct virtio_device *dev);
};

/* What the transport gives the device. */
struct virtio_device {
    const struct virtio_ops *ops;
    struct vm *vm;
    uint64_t features; /* offered: ops->features, less what this instance cannot do */
    uint64_t accepted;
    bool driver_ok;
    bool broken; /* DEVICE_NEEDS_RESET: the driver fed garbage to a ring */
    struct virtio_queue queue[VIRTIO_MAX_QUEUES];
    uint32_t generation; /* counts resets, so that a completion of before finds nothing to do */
    /* the transport's: interrupt the driver (used buffers; configuration changed) */
    void (*interrupt)(void *transport, bool config);
    void *transport;
};

#endif
