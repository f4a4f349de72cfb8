/* SPDX-License-Identifier: MIT */
/* Chains of descriptors: following and checking them, copying in and out. VIRTIO 1.2, 2.7.4-2.7.5.
 */
#include <string.h>

#include "core/dev/virtio.h"
#include "core/vm.h"

#define CHAIN_BYTES_MAX (UINT64_C(1) << 32) /* 2.7.5.2: longer means a loop */

_Static_assert(sizeof(struct virtq_desc) == 16, "layout of 2.7.5");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are read without swapping");
_Static_assert(VIRTIO_CHAIN_MAX >= VIRTIO_QUEUE_NUM_MAX, "a chain may use the whole table");

/* Where descriptors are looked up: the queue's own table, or an indirect one. */
struct table {
    gpa_t base;
    uint32_t count;
    bool indirect;
};

static const char *enter_indirect(struct virtio_device *dev, const struct virtq_desc *desc,
                                  struct table *table)
{
    if (!virtio_accepted(dev, VIRTIO_F_INDIRECT_DESC))
        return "uses an indirect descriptor without having negotiated it";
    if (table->indirect)
        return "nests indirect descriptors";
    if (desc->flags & VIRTQ_DESC_F_NEXT)
        return "continues a chain behind an indirect descriptor";
    if (desc->len == 0 || desc->len % sizeof(*desc) != 0)
        return "has an indirect table whose length is not a multiple of 16";
    if (gmem_ptr(&dev->vm->mem, desc->addr, desc->len, GMEM_READ) == NULL)
        return "has an indirect table outside RAM";
    *table = (struct table){desc->addr, desc->len / (uint32_t)sizeof(*desc), true};
    return NULL;
}

static const char *append(struct gmem *mem, struct virtio_chain *chain,
                          const struct virtq_desc *desc)
{
    bool writable = (desc->flags & VIRTQ_DESC_F_WRITE) != 0;
    struct virtio_buffer *buffer = &chain->buffer[chain->nreadable + chain->nwritable];

    if (desc->len == 0)
        return NULL;
    if (!writable && chain->nwritable != 0)
        return "has a readable buffer behind a writable one";
    buffer->gpa = desc->addr;
    buffer->length = desc->len;
    buffer->host = gmem_ptr(mem, desc->addr, desc->len, writable ? GMEM_WRITE : GMEM_READ);
    if (buffer->host == NULL)
        return "has a buffer outside RAM";
    if (chain->readable_bytes + chain->writable_bytes + desc->len > CHAIN_BYTES_MAX)
        return "has a chain of more than 2^32 bytes";
    *(writable ? &chain->nwritable : &chain->nreadable) += 1;
    *(writable ? &chain->writable_bytes : &chain->readable_bytes) += desc->len;
    return NULL;
}

const char *virtio_chain_gather(struct virtio_device *dev, const struct virtio_queue *queue,
                                uint16_t head, struct virtio_chain *chain)
{
    struct table table = {queue->desc, queue->num, false};
    uint32_t index = head;
    struct virtq_desc desc;

    chain->head = head;
    chain->generation = queue->generation;
    chain->nreadable = chain->nwritable = 0;
    chain->readable_bytes = chain->writable_bytes = 0;
    for (unsigned count = 0; count < VIRTIO_CHAIN_MAX;) {
        if (index >= table.count)
            return "has a descriptor index outside its table";
        if (gmem_read(&dev->vm->mem, table.base + index * sizeof(desc), &desc, sizeof(desc)) != 0)
            return "has a descriptor table outside RAM";
        const char *why;
        if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
            why = enter_indirect(dev, &desc, &table);
            index = 0;
        } else {
            why = append(&dev->vm->mem, chain, &desc);
            index = desc.next;
            count++;
        }
        if (why != NULL || !(desc.flags & (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_INDIRECT)))
            return why;
    }
    return "has a chain that loops or is too long";
}

bool virtio_chain_read(const struct virtio_chain *chain, uint64_t offset, void *out, size_t length)
{
    uint8_t *to = out;

    for (unsigned i = 0; i < chain->nreadable && length != 0; i++) {
        const struct virtio_buffer *buffer = &chain->buffer[i];
        if (offset >= buffer->length) {
            offset -= buffer->length;
            continue;
        }
        size_t piece = buffer->length - offset < length ? buffer->length - offset : length;
        memcpy(to, buffer->host + offset, piece);
        to += piece;
        length -= piece;
        offset = 0;
    }
    return length == 0;
}

size_t virtio_chain_write(struct virtio_device *dev, const struct virtio_chain *chain,
                          const void *data, size_t length)
{
    const struct virtio_buffer *buffer = virtio_chain_writable(chain);
    size_t done = 0;

    for (unsigned i = 0; i < chain->nwritable && done < length; i++) {
        size_t piece = buffer[i].length < length - done ? buffer[i].length : length - done;
        memcpy(buffer[i].host, (const uint8_t *)data + done, piece);
        gmem_mark_dirty(&dev->vm->mem, buffer[i].gpa, piece);
        done += piece;
    }
    return done;
}
