/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues from the device's side: taking chains of descriptors, returning them, and the
 * notifications of both directions. Everything in the rings is the guest's: whatever breaks the
 * rules ends in virtio_fail. VIRTIO 1.2, 2.7.
 */
#ifndef CORE_DEV_VIRTIO_QUEUE_H
#define CORE_DEV_VIRTIO_QUEUE_H

#include "core/gmem.h"
#include "core/types.h"

#define VIRTIO_QUEUE_NUM_MAX       256 /* largest ring offered */
#define VIRTIO_CHAIN_MAX           256 /* descriptors of one chain, those of an indirect table included */

#define VIRTQ_DESC_F_NEXT          1
#define VIRTQ_DESC_F_WRITE         2
#define VIRTQ_DESC_F_INDIRECT      4

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1

struct virtio_device;

struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct virtio_queue {
    bool ready;
    /* As the driver wrote them; sound as long as the queue is ready. */
    uint32_t num;
    gpa_t desc, avail, used;
    uint16_t last_avail; /* the available ring has been read up to here */
    uint16_t used_idx;
    uint32_t generation; /* counts stops, so that a request of before leaves the rings alone */
};

/* A piece of guest RAM, checked. */
struct virtio_buffer {
    gpa_t gpa;
    uint8_t *host;
    uint32_t length; /* not 0 */
};

/* A request as the driver laid it out: device-readable buffers, then device-writable ones. Empty
 * buffers are left out. */
struct virtio_chain {
    uint16_t head;
    uint32_t generation; /* of its queue */
    unsigned nreadable, nwritable;
    uint64_t readable_bytes, writable_bytes;
    struct virtio_buffer buffer[VIRTIO_CHAIN_MAX];
};

static inline const struct virtio_buffer *virtio_chain_writable(const struct virtio_chain *chain)
{
    return &chain->buffer[chain->nreadable];
}

/* Follows the descriptors from `head`. NULL, or what is wrong with them. */
const char *virtio_chain_gather(struct virtio_device *dev, const struct virtio_queue *queue,
                                uint16_t head, struct virtio_chain *chain) MUST_CHECK;

/* Copies `length` bytes of the readable part from `offset`, however it is cut into buffers. False
 * when it has fewer. */
bool virtio_chain_read(const struct virtio_chain *chain, uint64_t offset, void *out,
                       size_t length) MUST_CHECK;

/* Copies to the start of the writable part; returns how many bytes fitted. */
size_t virtio_chain_write(struct virtio_device *dev, const struct virtio_chain *chain,
                          const void *data, size_t length);

/* May this queue be used as it is set: size, alignment, every part in RAM? */
bool virtio_queue_valid(struct virtio_device *dev, const struct virtio_queue *queue);

/* Makes a queue ready, from the start of its rings. False when its setting is not valid. */
bool virtio_queue_start(struct virtio_device *dev, unsigned index) MUST_CHECK;

/* The driver takes the rings back: nothing touches them from now on. */
void virtio_queue_stop(struct virtio_device *dev, unsigned index);

/* Hands available chains to ops->request while it has room. Does nothing when the queue is not
 * ready or the device not live. Bounded: a driver that adds as fast as the device works is left to
 * host_ops.defer. */
void virtio_queue_run(struct virtio_device *dev, unsigned index);

/* Do the rings that a chain came from still stand? */
bool virtio_queue_current(const struct virtio_device *dev, unsigned index, uint32_t generation);

/* Returns a chain whose first `written` writable bytes were written, and notifies the driver if it
 * wants to know. Only while virtio_queue_current. */
void virtio_queue_push(struct virtio_device *dev, unsigned index, uint16_t head, uint32_t written);

#endif
