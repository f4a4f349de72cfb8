/* SPDX-License-Identifier: MIT */
/* A block device and its driver for unit tests. */
#include "tests/unit/virtio_disk.h"

static int setup(void **state, bool read_only, bool legacy)
{
    struct blk_test *t = calloc(1, sizeof(*t));
    struct blk_info info = {.capacity = CAPACITY * 512, .read_only = read_only};

    assert_non_null(t);
    memcpy(info.id, ID, sizeof(info.id));
    fixture_setup(state);
    struct fixture *f = *state;
    virtio_blk_init(&t->blk, &f->vm, DISK, &info);
    driver_plug(&t->driver, f, &t->blk.virtio, legacy);
    *state = t;
    return 0;
}

int blk_setup(void **state)
{
    return setup(state, false, false);
}

int blk_setup_read_only(void **state)
{
    return setup(state, true, false);
}

int blk_setup_legacy(void **state)
{
    return setup(state, false, true);
}

int blk_teardown(void **state)
{
    void *f = blk_driver(state)->f;

    free(*state);
    return fixture_teardown(&f);
}

struct virtio_driver *blk_driver(void **state)
{
    struct blk_test *t = *state;

    return &t->driver;
}

struct virtio_driver *blk_started(void **state, uint64_t features)
{
    struct virtio_driver *d = blk_driver(state);

    driver_start(d, DRIVER_PLAIN | features);
    assert_true(driver_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_DRIVER_OK);
    return d;
}

void blk_put_header(struct virtio_driver *d, gpa_t gpa, uint32_t type, uint64_t sector)
{
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header = {type, 0, sector};

    memcpy(driver_ram(d, gpa), &header, sizeof(header));
}

void blk_put_range(struct virtio_driver *d, uint64_t sector, uint32_t num_sectors, uint32_t flags)
{
    struct {
        uint64_t sector;
        uint32_t num_sectors, flags;
    } range = {sector, num_sectors, flags};

    memcpy(driver_ram(d, DATA), &range, sizeof(range));
}

void blk_send(struct virtio_driver *d, uint32_t type, uint64_t sector, uint32_t length)
{
    bool to_disk = type == OUT || type == DISCARD || type == WRITE_ZEROES;
    uint16_t direction = to_disk ? 0 : VIRTQ_DESC_F_WRITE;

    blk_put_header(d, HEADER, type, sector);
    *(uint8_t *)driver_ram(d, STATUS) = UNTOUCHED;
    driver_desc(d, 0, 0, HEADER, 16, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DATA, length, direction | VIRTQ_DESC_F_NEXT, 2);
    driver_desc(d, 0, 2, STATUS, 1, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
}

void blk_expect_used(struct virtio_driver *d, uint8_t status, uint32_t length)
{
    uint32_t id, len;

    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(*(uint8_t *)driver_ram(d, STATUS), status);
    assert_int_equal(len, length);
}

void blk_expect_refused(struct virtio_driver *d, uint8_t status)
{
    uint32_t id, len;

    assert_int_equal(d->f->nblk, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(*(uint8_t *)driver_ram(d, STATUS), status);
}

void blk_expect_pending(struct virtio_driver *d)
{
    uint32_t id, len;

    assert_false(driver_used(d, 0, &id, &len));
    assert_false(driver_sees_failure(d));
}

uint64_t blk_config(struct virtio_driver *d, uint32_t offset, unsigned size)
{
    uint64_t value;

    assert_int_equal(bus_read(&d->f->vm.bus, DRIVER_BASE + 0x100 + offset, size, &value), 0);
    return value;
}

void blk_set_writeback(struct virtio_driver *d, uint8_t value)
{
    assert_int_equal(bus_write(&d->f->vm.bus, DRIVER_BASE + 0x120, 1, value), 0);
}
