/* SPDX-License-Identifier: MIT */
/* virtio-rng, the entropy device (VIRTIO 1.2, 5.4). */
#ifndef CORE_DEV_VIRTIO_RNG_H
#define CORE_DEV_VIRTIO_RNG_H

#include "core/dev/virtio.h"

struct virtio_rng {
    struct virtio_device virtio;
};

void virtio_rng_init(struct virtio_rng *rng, struct vm *vm);

#endif
