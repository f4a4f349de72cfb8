/* SPDX-License-Identifier: MIT */
/*
 * What a virtio device and its transport agree on: features, configuration space, queues. A device
 * does not know its transport; the transport does not know what the device does.
 * Virtual I/O Device (VIRTIO) version 1.2, ch. 2.
 */
#ifndef CORE_DEV_VIRTIO_H
#define CORE_DEV_VIRTIO_H

#include "core/dev/virtio_queue.h"
#include "core/stream.h"
#include "core/types.h"

#define VIRTIO_MAX_QUEUES 4

/* Feature bits of the ring and the transport (ch. 6). */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX     29
#define VIRTIO_F_VERSION_1     32

#define VIRTIO_BIT(n)          (UINT64_C(1) << (n))

struct vm;
struct virtio_device;

/* All run under the VM lock. */
struct virtio_ops {
    const char *name; /* for messages */
    uint32_t device_id;
    unsigned nqueues;
    uint32_t config_size;
    /* Back to the state after power-on. Requests that the host still works on stay with the host:
     * their completion finds another queue generation and leaves the rings alone. May be NULL. */
    void (*reset)(struct virtio_device *dev);
    /* `accepted` is now final. May be NULL. */
    void (*negotiated)(struct virtio_device *dev);
    /* offset + length <= config_size. NULL when there is nothing to read, or to write. */
    void (*config_read)(struct virtio_device *dev, uint32_t offset, uint8_t *out, uint32_t length);
    void (*config_write)(struct virtio_device *dev, uint32_t offset, const uint8_t *in,
                         uint32_t length);
    /* Can the device take another request now? When not, it calls virtio_queue_run as soon as it
     * can again. NULL: always. */
    bool (*room)(const struct virtio_device *dev);
    /* One request. The chain is the device's until it returns. Every request ends, now or later,
     * in virtio_queue_push, or in virtio_fail. */
    void (*request)(struct virtio_device *dev, unsigned queue, const struct virtio_chain *chain);
    /* State of the device itself, called quiesced; restore checks every value. May be NULL. */
    int (*save)(struct virtio_device *dev, struct stream *out);
    int (*restore)(struct virtio_device *dev, struct stream *in);
    /* True when the host works on no request. NULL: always. */
    bool (*quiesced)(const struct virtio_device *dev);
};

struct virtio_device {
    const struct virtio_ops *ops;
    struct vm *vm;
    uint64_t offered;
    uint64_t accepted; /* a subset of offered, once negotiated */
    bool negotiated;
    bool live;     /* the driver lets the device use the rings (DRIVER_OK) */
    bool broken;   /* DEVICE_NEEDS_RESET: the driver fed garbage to a ring */
    bool deferred; /* the host is going to call back for the rest of a long ring */
    struct virtio_queue queue[VIRTIO_MAX_QUEUES];
    struct virtio_chain chain; /* of the request being started; too large for a stack */
    /* The transport's: a used buffer notification, or one of a configuration change. */
    void (*interrupt)(void *transport, bool config);
    void *transport;
};

/* `features` are the device's own; those of the ring and VERSION_1 are added. */
void virtio_init(struct virtio_device *dev, const struct virtio_ops *ops, struct vm *vm,
                 uint64_t features);

/* Device reset (2.4). */
void virtio_reset(struct virtio_device *dev);

/* The driver is done negotiating and accepts `features`. False: some of them were not offered, and
 * nothing changed. */
bool virtio_negotiate(struct virtio_device *dev, uint64_t features) MUST_CHECK;

/* The device may use the rings from now on: looks at what was made available before. */
void virtio_go_live(struct virtio_device *dev);

/* The driver broke a rule that leaves the device no sensible way on: DEVICE_NEEDS_RESET (2.1.2).
 * `why` completes a sentence. */
void virtio_fail(struct virtio_device *dev, const char *why);

/* Nothing is under way, on the host or in the device. */
bool virtio_quiesced(const struct virtio_device *dev);

/* Accepted features, flags and rings, then the device's own state. restore leaves it to the
 * transport to check `accepted` and, with virtio_queue_valid, the rings. */
int virtio_save(struct virtio_device *dev, struct stream *out) MUST_CHECK;
int virtio_restore(struct virtio_device *dev, struct stream *in) MUST_CHECK;

static inline bool virtio_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static inline bool virtio_accepted(const struct virtio_device *dev, unsigned bit)
{
    return (dev->accepted & VIRTIO_BIT(bit)) != 0;
}

#endif
