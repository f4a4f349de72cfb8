/* SPDX-License-Identifier: MIT */
/* The parts of the remote-controlled guest: its console, its two virtio devices. */
#ifndef GUESTS_REMOTE_REMOTE_H
#define GUESTS_REMOTE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

/* console.c: the UART by polling; while nothing comes, the hart sleeps in steps of a millisecond.
 * Returns the next byte typed. */
uint8_t console_get(void);
void console_put(uint8_t byte);

#define QUEUE_SIZE 4

struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

#define VIRTQ_DESC_F_NEXT  1
#define VIRTQ_DESC_F_WRITE 2

#define STATUS_NEEDS_RESET 0x40

/* A virtio device behind virtio-mmio version 2, with one queue that is polled (VIRTIO 1.2, 2.7). */
struct virtio {
    volatile uint32_t *reg;
    _Alignas(16) struct virtq_desc desc[QUEUE_SIZE];
    _Alignas(16) struct {
        uint16_t flags, idx, ring[QUEUE_SIZE];
    } avail;
    _Alignas(16) struct {
        uint16_t flags, idx;
        struct {
            uint32_t id, len;
        } ring[QUEUE_SIZE];
    } used;
};

/* virtio.c. Slot as on the board; false: there is no device with this id. Resets the device first
 * and takes the features with these bits of word 0. */
bool virtio_start(struct virtio *dev, unsigned slot, uint32_t device_id, uint32_t features);
uint32_t virtio_status(const struct virtio *dev);
/* Makes descriptor `head` available and tells the device, without waiting. */
void virtio_offer(struct virtio *dev, uint16_t head);
/* Hands in the chain that starts at descriptor 0 and waits until the device has used it. */
void virtio_submit(struct virtio *dev);

/* disk.c: the disk in slot 0, all of it, in requests of 64 KiB; each prints one line. */
void disk_write(void);
void disk_read(void);
void disk_flush(void);
/* Asks for a read of the first sectors and does not wait for it. */
void disk_read_ahead(void);

/* entropy.c: a queue full of nonsense, then the same device used well. */
void entropy_abuse(void);

#endif
