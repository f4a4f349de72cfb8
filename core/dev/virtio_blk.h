/* SPDX-License-Identifier: MIT */
/* virtio-blk (VIRTIO 1.2, 5.2): requests go to the host as struct blk_request. */
#ifndef CORE_DEV_VIRTIO_BLK_H
#define CORE_DEV_VIRTIO_BLK_H

#include "core/dev/virtio.h"
#include "core/host.h"

#define VIRTIO_BLK_INFLIGHT 16

struct virtio_blk_request {
    struct blk_request host;
    gpa_t segment_gpa[BLK_MAX_SEGMENTS]; /* where the host's segments lie in the guest */
    struct virtio_blk *blk;
    bool busy;
    uint16_t head;
    uint32_t generation;
    uint64_t data_bytes; /* writable bytes before the status byte */
    uint64_t filled;     /* how many of them success fills, from the first on */
    gpa_t status_gpa;
};

struct virtio_blk {
    struct virtio_device virtio;
    unsigned disk; /* the host's number for it */
    struct blk_info info;
    bool writeback; /* false: a write is done when it is on the medium */
    struct virtio_blk_request request[VIRTIO_BLK_INFLIGHT];
};

void virtio_blk_init(struct virtio_blk *blk, struct vm *vm, unsigned disk,
                     const struct blk_info *info);

#endif
