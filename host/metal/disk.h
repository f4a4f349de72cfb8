/* SPDX-License-Identifier: MIT */
/*
 * The board's virtio disks: a driver for virtio-blk behind virtio-mmio, version 2 and legacy
 * (VIRTIO 1.2, 2.7, 4.2, 5.2). Requests that find no room wait in order. Not locked: all calls for
 * a disk are made under its VM's lock, or before there is a VM.
 */
#ifndef HOST_METAL_DISK_H
#define HOST_METAL_DISK_H

#include "core/error.h"
#include "core/host.h"
#include "core/types.h"
#include "host/metal/board/board.h"

#define DISK_QUEUE 256 /* descriptors */
#define DISK_SLOTS 16  /* requests that the device works on */

/* struct virtio_blk_req (5.2.6): what the device reads ahead of the data. */
struct disk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

/* struct virtio_blk_discard_write_zeroes (5.2.6). */
struct disk_range {
    uint64_t sector;
    uint32_t num_sectors, flags;
};

/* A request on its way. Large ones go in parts, one after the other. */
struct disk_slot {
    struct blk_request *request; /* NULL: free */
    struct disk_header header;
    struct disk_range range;
    uint8_t status;
    uint8_t id[20];
    bool idle;           /* the device cannot do it, and nothing needs to be done */
    uint16_t head;       /* its first descriptor */
    unsigned segment;    /* the first that the device has not got yet */
    uint64_t part, done; /* bytes under way, bytes behind us */
};

struct virtq_desc;

struct disk {
    hpa_t base;
    irq_t irq;
    bool legacy;
    uint64_t features;
    struct blk_info info;
    unsigned seg_max;
    uint32_t max_discard, max_write_zeroes; /* sectors */
    uint16_t size, nfree, free_head;        /* descriptors */
    uint16_t used_seen;
    struct virtq_desc *desc;
    volatile uint16_t *avail;    /* flags, idx, ring */
    volatile uint16_t *used;     /* flags, idx, then pairs of 32-bit words */
    uint8_t slot_of[DISK_QUEUE]; /* by first descriptor */
    struct disk_slot slot[DISK_SLOTS];
    struct blk_request *waiting, *waiting_last; /* linked by request->host */
};

/* Is there a virtio disk in this slot of the board? */
bool disk_present(const struct board_virtio *virtio);

/* Resets the device and prepares it. `rings`: 16 KiB, page-aligned and zeroed, the disk's from now
 * on. ERR_UNSUPPORTED: not a device that this can drive. */
int disk_open(struct disk *disk, const struct board_virtio *virtio, void *rings) MUST_CHECK;

/* As host_ops.blk_submit. */
int disk_submit(struct disk *disk, struct blk_request *request) MUST_CHECK;

/* Looks for what the device has done, and calls `complete` for it. */
void disk_service(struct disk *disk);

/* Does a request wait, or the device work on one? */
bool disk_busy(const struct disk *disk);

/* Reads and waits. Before there is a VM. */
int disk_read(struct disk *disk, uint64_t offset, void *out, size_t length) MUST_CHECK;

#endif
