/* SPDX-License-Identifier: MIT */
/* The virtio-mmio registers that set up a queue in version 2 (4.2.2, 4.2.3.2). */
#include "tests/unit/virtio_probe.h"

#define RAM_END (FIXTURE_RAM + FIXTURE_RAM_SIZE)

static void queue_that_does_not_exist_has_size_0(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX), VIRTIO_QUEUE_NUM_MAX);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 2);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    for (uint32_t offset = 0x038; offset < 0x0c4; offset += 4) {
        if (offset >= 0x044 && offset <= 0x070)
            continue;
        driver_write(d, offset, 1);
    }
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

static void queue_ready_returns_the_last_value_written(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
    driver_setup_queue(d, 0, DRIVER_NUM);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 1);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
}

/* Sets queue 0 up as it should be but for one register; is it ready? */
static bool ready_with(struct virtio_driver *d, uint32_t offset, uint32_t value)
{
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    driver_write(d, offset, value);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    return driver_read(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

static void queue_size_is_a_power_of_2_up_to_the_maximum(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, 1));
    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, VIRTIO_QUEUE_NUM_MAX));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, 0));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, 12));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, 2 * VIRTIO_QUEUE_NUM_MAX));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, UINT32_MAX));
}

static void descriptor_table_is_aligned_to_16(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)DRIVER_DATA + 16));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)DRIVER_DATA + 8));
}

static void available_ring_is_aligned_to_2(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint32_t)DRIVER_DATA + 2));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, (uint32_t)DRIVER_DATA + 1));
}

static void used_ring_is_aligned_to_4(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint32_t)DRIVER_DATA + 4));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, (uint32_t)DRIVER_DATA + 2));
}

/* Sizes of 2.7 with 8 entries: 128, 22 and 70 bytes. */
static void every_part_of_a_queue_lies_in_ram(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;
    uint32_t end = (uint32_t)RAM_END;

    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_DESC_LOW, end - 128));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DESC_LOW, end - 112));
    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, end - 22));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, end - 20));
    assert_true(ready_with(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, end - 72));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, end - 68));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DESC_HIGH, 1));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DRIVER_HIGH, UINT32_MAX));
    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_DEVICE_HIGH, 1));
}

static void refused_queue_is_named_in_a_message(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_false(ready_with(d, VIRTIO_MMIO_QUEUE_NUM, 3));
    assert_int_equal(d->f->messages, 1);
    assert_non_null(strstr(d->f->last_message, "queue 0"));
}

static void registers_of_a_ready_queue_ignore_writes(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    struct virtio_queue before = p->virtio.queue[0];
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 4);
    for (uint32_t offset = VIRTIO_MMIO_QUEUE_DESC_LOW; offset <= VIRTIO_MMIO_QUEUE_DEVICE_HIGH;
         offset += 4)
        driver_write(d, offset, (uint32_t)DRIVER_DATA);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    assert_memory_equal(&before, &p->virtio.queue[0], sizeof(before));
}

static void settings_belong_to_the_selected_queue(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, DRIVER_PLAIN);
    driver_setup_queue(d, 0, 8);
    driver_setup_queue(d, 1, 16);
    driver_write(d, VIRTIO_MMIO_STATUS, 15);
    driver_desc(d, 1, 3, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 1, 3);
    assert_int_equal(p->requests, 1);
    assert_int_equal(p->last_queue, 1);
    assert_int_equal(p->virtio.queue[0].num, 8);
    assert_int_equal(p->virtio.queue[1].num, 16);
}

static void addresses_have_64_bits(void **state)
{
    struct virtio_probe *p = probe_of(state);
    static uint8_t high_ram[4096] __attribute__((aligned(4096)));
    gpa_t high = UINT64_C(0x500000000);
    struct virtio_driver *d = &p->driver;

    assert_true(gmem_add(&d->f->vm.mem, high, sizeof(high_ram), high_ram, 0, NULL) >= 0);
    driver_negotiate(d, DRIVER_PLAIN);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_DESC_HIGH, 5);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    driver_write(d, VIRTIO_MMIO_STATUS, 15);
    struct virtq_desc desc = {DRIVER_DATA, 9, 0, 0};
    memcpy(high_ram, &desc, sizeof(desc));
    driver_kick(d, 0, 0);
    assert_int_equal(p->chain.readable_bytes, 9);
}

static void notification_of_another_queue_is_ignored(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_offer(d, 0, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 1); /* exists, not ready */
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
    assert_int_equal(p->requests, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, probe_setup, probe_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(queue_that_does_not_exist_has_size_0),
        T(queue_ready_returns_the_last_value_written),
        T(queue_size_is_a_power_of_2_up_to_the_maximum),
        T(descriptor_table_is_aligned_to_16),
        T(available_ring_is_aligned_to_2),
        T(used_ring_is_aligned_to_4),
        T(every_part_of_a_queue_lies_in_ram),
        T(refused_queue_is_named_in_a_message),
        T(registers_of_a_ready_queue_ignore_writes),
        T(settings_belong_to_the_selected_queue),
        T(addresses_have_64_bits),
        T(notification_of_another_queue_is_ignored),
    };

    return cmocka_run_group_tests_name("virtio_mmio_queue", tests, NULL, NULL);
}
