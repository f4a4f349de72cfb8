/* SPDX-License-Identifier: MIT */
/* virtio-rng: fills buffers with the host's entropy. VIRTIO 1.2, 5.4. */
#include "core/dev/virtio_rng.h"

#include "core/vm.h"

#define VIRTIO_ID_ENTROPY 4

/* Most bytes for one request, so that it ends soon. 5.4.6.2 lets the device use less than the
 * whole buffer. */
#define REQUEST_MAX 4096

static void request(struct virtio_device *dev, unsigned queue, const struct virtio_chain *chain)
{
    const struct virtio_buffer *buffer = virtio_chain_writable(chain);
    uint32_t left = REQUEST_MAX;

    for (unsigned i = 0; i < chain->nwritable && left != 0; i++) {
        uint32_t length = buffer[i].length < left ? buffer[i].length : left;
        dev->vm->host->entropy(dev->vm, buffer[i].host, length);
        gmem_mark_dirty(&dev->vm->mem, buffer[i].gpa, length);
        left -= length;
    }
    virtio_queue_push(dev, queue, chain->head, REQUEST_MAX - left);
}

static const struct virtio_ops rng_ops = {
    .name = "rng",
    .device_id = VIRTIO_ID_ENTROPY,
    .nqueues = 1,
    .request = request,
};

void virtio_rng_init(struct virtio_rng *rng, struct vm *vm)
{
    virtio_init(&rng->virtio, &rng_ops, vm, 0);
}
