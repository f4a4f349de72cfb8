/* SPDX-License-Identifier: MIT */
/* The entropy device (5.4). */
#include "core/dev/virtio_rng.h"
#include "tests/unit/virtio_driver.h"

struct rng_test {
    struct virtio_rng rng;
    struct virtio_driver driver;
};

static int setup(void **state)
{
    struct rng_test *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    fixture_setup(state);
    struct fixture *f = *state;
    f->entropy_next = 100;
    virtio_rng_init(&t->rng, &f->vm);
    driver_plug(&t->driver, f, &t->rng.virtio, false);
    driver_start(&t->driver, DRIVER_PLAIN);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct rng_test *t = *state;
    void *f = t->driver.f;

    free(t);
    return fixture_teardown(&f);
}

static struct virtio_driver *driver_of(void **state)
{
    return &((struct rng_test *)*state)->driver;
}

static void device_has_id_4_and_one_queue(void **state)
{
    struct virtio_driver *d = driver_of(state);

    assert_int_equal(driver_read(d, VIRTIO_MMIO_DEVICE_ID), 4);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_CONFIG), 0);
    driver_write(d, VIRTIO_MMIO_CONFIG, 1);
}

static void buffer_is_filled_with_random_bytes(void **state)
{
    struct virtio_driver *d = driver_of(state);
    uint8_t *ram = driver_ram(d, DRIVER_DATA);
    uint32_t id, len;

    driver_desc(d, 0, 2, DRIVER_DATA + 1, 5, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 2);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 2);
    assert_int_equal(len, 5);
    assert_memory_equal(ram, "\0defgh\0", 7);
    assert_true(d->line);
}

static void all_buffers_of_a_chain_are_filled(void **state)
{
    struct virtio_driver *d = driver_of(state);
    uint32_t id, len;

    driver_desc(d, 0, 0, DRIVER_DATA, 2, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DRIVER_DATA + 64, 3, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(len, 5);
    assert_memory_equal(driver_ram(d, DRIVER_DATA), "de\0", 3);
    assert_memory_equal(driver_ram(d, DRIVER_DATA + 64), "fgh\0", 4);
}

static void readable_buffers_are_not_written(void **state)
{
    struct virtio_driver *d = driver_of(state);
    uint32_t id, len;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(len, 0);
    assert_memory_equal(driver_ram(d, DRIVER_DATA), "\0\0\0\0\0\0\0", 8);
}

static void device_may_use_less_than_the_entire_buffer(void **state)
{
    struct virtio_driver *d = driver_of(state);
    const uint32_t most = 4096;
    uint32_t id, len;

    memset(driver_ram(d, DRIVER_DATA), 0xaa, MIB(1));
    driver_desc(d, 0, 0, DRIVER_DATA, 1000, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DRIVER_DATA + 1000, (uint32_t)MIB(1) - 1000, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(len, most);
    assert_memory_equal(driver_ram(d, DRIVER_DATA + most), "\xaa\xaa\xaa\xaa", 4);
}

/* Someone fetches the dirty pages before the bytes arrive. */
static void fetch_dirty_pages(struct vm *vm, void *out, size_t length)
{
    uint64_t fetched[FIXTURE_RAM_SIZE / PAGE_SIZE / 64];

    assert_int_equal(gmem_dirty_fetch(&vm->mem, 0, fetched), 0);
    memset(out, 1, length);
}

static void written_pages_are_dirty(void **state)
{
    struct virtio_driver *d = driver_of(state);
    struct host_ops host = *d->f->vm.host;
    uint64_t page = (DRIVER_DATA - FIXTURE_RAM) >> PAGE_SHIFT;

    host.entropy = fetch_dirty_pages;
    d->f->vm.host = &host;
    driver_desc(d, 0, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_true(atomic_load(&d->f->dirty[page / 64]) & (UINT64_C(1) << (page % 64)));
}

static void device_is_saved_and_restored(void **state)
{
    struct virtio_driver *d = driver_of(state);
    struct device *dev = &d->slot.dev;
    struct memory_stream m;
    uint32_t id, len;

    memory_stream_init(&m);
    assert_int_equal(dev->ops->save(dev, &m.stream), 0);
    dev->ops->reset(dev);
    memory_stream_rewind(&m);
    assert_int_equal(dev->ops->restore(dev, &m.stream), 0);
    driver_desc(d, 0, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_true(driver_used(d, 0, &id, &len));
    memory_stream_free(&m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(device_has_id_4_and_one_queue),
        T(buffer_is_filled_with_random_bytes),
        T(all_buffers_of_a_chain_are_filled),
        T(readable_buffers_are_not_written),
        T(device_may_use_less_than_the_entire_buffer),
        T(written_pages_are_dirty),
        T(device_is_saved_and_restored),
    };

    return cmocka_run_group_tests_name("virtio_rng", tests, NULL, NULL);
}
