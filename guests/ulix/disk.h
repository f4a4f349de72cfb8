/* SPDX-License-Identifier: MIT */
/* A virtio block device (VIRTIO 1.2, 5.2) on the virtio-mmio transport (4.2). */
#ifndef GUESTS_ULIX_DISK_H
#define GUESTS_ULIX_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Looks for a disk; it interrupts the hart that calls. Before other harts run. */
void disk_init(void);

/* 0: there is no disk. */
uint64_t disk_sectors(void);

/*
 * Any bytes of the disk; whole sectors go over the wire. By one process at a time, which sleeps.
 * False if the device says that it failed, or beyond its end.
 */
bool disk_read(uint64_t offset, void *to, uint64_t size);
bool disk_write(uint64_t offset, const void *from, uint64_t size);

#endif
