/* SPDX-License-Identifier: MIT */
/* A block device and its driver for unit tests; the fixture's host completes requests on demand. */
#ifndef TESTS_UNIT_VIRTIO_DISK_H
#define TESTS_UNIT_VIRTIO_DISK_H

#include "core/dev/virtio_blk.h"
#include "tests/unit/virtio_driver.h"

/* Request types and status values of 5.2.6. */
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, LIFETIME = 10, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, UNTOUCHED = 0xff };

/* Features of 5.2.3. */
#define F_SEG_MAX      VIRTIO_BIT(2)
#define F_RO           VIRTIO_BIT(5)
#define F_BLK_SIZE     VIRTIO_BIT(6)
#define F_FLUSH        VIRTIO_BIT(9)
#define F_CONFIG_WCE   VIRTIO_BIT(11)
#define F_DISCARD      VIRTIO_BIT(13)
#define F_WRITE_ZEROES VIRTIO_BIT(14)

#define CAPACITY       UINT64_C(1000) /* sectors */
#define DISK           3
#define ID             "TRAPEZE-0123456789AB" /* 20 bytes */

/* Where requests lie: headers, status bytes, data. */
#define HEADER DRIVER_DATA
#define STATUS (DRIVER_DATA + 4096)
#define DATA   (DRIVER_DATA + 8192)

struct blk_test {
    struct virtio_blk blk;
    struct virtio_driver driver;
};

/* cmocka setup and teardown. */
int blk_setup(void **state);
int blk_setup_read_only(void **state);
int blk_setup_legacy(void **state);
int blk_teardown(void **state);

struct virtio_driver *blk_driver(void **state);

/* The driver, with the device live and `features` accepted beside VERSION_1. */
struct virtio_driver *blk_started(void **state, uint64_t features);

void blk_put_header(struct virtio_driver *d, gpa_t gpa, uint32_t type, uint64_t sector);

/* The segment of a discard or write-zeroes request, at DATA. */
void blk_put_range(struct virtio_driver *d, uint64_t sector, uint32_t num_sectors, uint32_t flags);

/* A request of the usual three descriptors: header, `length` bytes at DATA, status. */
void blk_send(struct virtio_driver *d, uint32_t type, uint64_t sector, uint32_t length);

/* The oldest request is back with this status and used length. */
void blk_expect_used(struct virtio_driver *d, uint8_t status, uint32_t length);

/* It is back with this status, and the host was not asked. */
void blk_expect_refused(struct virtio_driver *d, uint8_t status);

/* No request is back. */
void blk_expect_pending(struct virtio_driver *d);

/* A field of the configuration space. */
uint64_t blk_config(struct virtio_driver *d, uint32_t offset, unsigned size);
void blk_set_writeback(struct virtio_driver *d, uint8_t value);

#endif
