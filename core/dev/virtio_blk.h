/* SPDX-License-Identifier: MIT */
/* virtio-blk (VIRTIO 1.2, 5.2): requests go to the host as struct blk_request. */
#ifndef CORE_DEV_VIRTIO_BLK_H
#define CORE_DEV_VIRTIO_BLK_H

#include "core/dev/virtio.h"
#include "core/host.h"

#define VIRTIO_BLK_INFLIGHT 16

struct virtio_blk_request {
    struct blk_request host;
    struct virtio_blk *blk;
    bool busy;
    uint32_t generation;
    uint16_t head;
    uint32_t written; /* bytes to report in the used ring when it succeeds */
    gpa_t status_gpa;
};

struct virtio_blk {
    struct virtio_device virtio;
    unsigned disk; /* the host's number for it */
    struct blk_info info;
    struct virtio_blk_request request[VIRTIO_BLK_INFLIGHT];
};

void virtio_blk_init(struct virtio_blk *blk, struct vm *vm, unsigned disk,
                     const struct blk_info *info);

#endif
