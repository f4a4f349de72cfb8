/* SPDX-License-Identifier: MIT */
/* The legacy virtio-mmio transport (4.2.4) as the drivers that know only it use it. */
#include "tests/unit/virtio_probe.h"

static void kick_one(struct virtio_driver *d)
{
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
}

static void legacy_device_returns_version_1(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_int_equal(driver_read(d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_VERSION), 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_DEVICE_ID), PROBE_ID);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_VENDOR_ID), 0x554d4551);
}

static void version_1_feature_is_not_offered(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

static void features_that_were_not_offered_count_for_nothing(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_start(&p->driver, DRIVER_PLAIN | VIRTIO_BIT(1) | VIRTIO_BIT(3));
    assert_int_equal(p->virtio.accepted, VIRTIO_BIT(3));
    assert_int_equal(driver_read(&p->driver, VIRTIO_MMIO_STATUS), 7);
}

static void queue_lies_at_page_number_times_page_size(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;
    uint32_t id, len;

    driver_start(d, 0);
    assert_int_equal(p->virtio.queue[0].desc, DRIVER_RINGS);
    assert_int_equal(p->virtio.queue[0].avail, DRIVER_RINGS + 16 * DRIVER_NUM);
    assert_int_equal(p->virtio.queue[0].used, DRIVER_RINGS + 4096);
    kick_one(d);
    assert_int_equal(p->requests, 1);
    assert_true(driver_used(d, 0, &id, &len));
}

static void used_ring_is_aligned_to_queue_align(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 4096);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 16);
    driver_write(d, VIRTIO_MMIO_QUEUE_ALIGN, 64);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 4096));
    /* 16 * 16 + 2 * (3 + 16) = 294, up to a multiple of 64 */
    assert_int_equal(p->virtio.queue[0].used, DRIVER_RINGS + 320);
    assert_true(p->virtio.queue[0].ready);
}

static void used_ring_right_behind_a_full_page_stays_there(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 1);
    driver_write(d, VIRTIO_MMIO_QUEUE_ALIGN, 8); /* 16 + 8 = 24 */
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 4096));
    assert_int_equal(p->virtio.queue[0].used, DRIVER_RINGS + 24);
}

static void page_size_scales_the_page_number(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 65536);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 65536));
    assert_int_equal(p->virtio.queue[0].desc, DRIVER_RINGS);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), DRIVER_RINGS / 65536);
}

static void page_size_and_align_are_powers_of_2(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 0);
    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 4097);
    driver_write(d, VIRTIO_MMIO_QUEUE_ALIGN, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_ALIGN, 48);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 4096));
    assert_int_equal(p->virtio.queue[0].desc, DRIVER_RINGS);
    assert_int_equal(p->virtio.queue[0].used, DRIVER_RINGS + 4096);
}

static void page_number_says_whether_the_queue_is_in_use(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX), VIRTIO_QUEUE_NUM_MAX);
    driver_start(d, 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), DRIVER_RINGS / 4096);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
    kick_one(d);
    assert_int_equal(p->requests, 0);
}

static void page_number_of_a_queue_in_use_does_not_change(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_DATA / 4096));
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), DRIVER_RINGS / 4096);
    assert_int_equal(p->virtio.queue[0].desc, DRIVER_RINGS);
}

static void queue_outside_ram_is_not_in_use(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, UINT32_C(1) << 31);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, UINT32_MAX);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
}

static void queue_without_a_size_is_not_in_use(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 9);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 4096));
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
}

static void reset_sets_page_numbers_to_0(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_start(d, 0);
    driver_setup_queue(d, 1, 4);
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    for (uint32_t i = 0; i < 3; i++) {
        driver_write(d, VIRTIO_MMIO_QUEUE_SEL, i);
        assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
    }
}

static void registers_of_version_2_do_not_exist(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_start(d, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), DRIVER_RINGS / 4096);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_SHM_LEN_LOW), 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 1);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
}

/* Linux writes GuestPageSize when it probes the transport, then resets the device. */
static void page_size_survives_a_reset_by_status(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 8192);
    driver_negotiate(d, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 8192));
    assert_int_equal(p->virtio.queue[0].desc, DRIVER_RINGS);
    assert_true(p->virtio.queue[0].ready);
}

/* xv6 of before 2021: DRIVER_OK first, GuestPageSize and the queue afterwards, no QueueAlign. */
static void queue_may_be_set_up_after_driver_ok(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_write(d, VIRTIO_MMIO_STATUS, 1);
    driver_write(d, VIRTIO_MMIO_STATUS, 3);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES) & 1);
    driver_write(d, VIRTIO_MMIO_STATUS, 11);
    driver_write(d, VIRTIO_MMIO_STATUS, 15);
    driver_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, 4096);
    driver_place_queue(d, 0, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, 8);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 4096));
    kick_one(d);
    assert_int_equal(p->requests, 1);
    assert_true(d->line);
}

/* virtio-drivers of rCore: single status bits, no reset, page size after FEATURES_OK. */
static void status_may_be_written_bit_by_bit(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_write(d, VIRTIO_MMIO_STATUS, 1);
    driver_write(d, VIRTIO_MMIO_STATUS, 2);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, 0);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, 0);
    driver_write(d, VIRTIO_MMIO_STATUS, 8);
    driver_setup_queue(d, 0, 16);
    driver_write(d, VIRTIO_MMIO_STATUS, 4);
    kick_one(d);
    assert_int_equal(p->requests, 1);
}

/* 3.1.2: "MUST support the driver using the device before the step 8" (DRIVER_OK). */
static void device_may_be_used_before_driver_ok(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, VIRTIO_BIT(0));
    driver_setup_queue(d, 0, DRIVER_NUM);
    kick_one(d);
    assert_int_equal(p->requests, 1);
    assert_int_equal(p->virtio.accepted, VIRTIO_BIT(0));
    assert_true(d->line);
}

static void features_are_final_on_first_use(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, VIRTIO_BIT(0));
    driver_setup_queue(d, 0, DRIVER_NUM);
    kick_one(d);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_BIT(3));
    driver_write(d, VIRTIO_MMIO_STATUS, 7);
    assert_int_equal(p->virtio.accepted, VIRTIO_BIT(0));
    assert_int_equal(p->negotiations, 1);
}

static void notifying_a_queue_that_is_not_set_up_is_no_use(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_negotiate(&p->driver, 0);
    driver_write(&p->driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(p->negotiations, 0);
}

/* 2.1.2: the notification of a failure belongs to a device with DRIVER_OK. */
static void failure_before_driver_ok_does_not_interrupt(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_negotiate(d, 0);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_kick(d, 0, 99);
    assert_true(driver_sees_failure(d));
    assert_false(d->line);
}

#define T(f) cmocka_unit_test_setup_teardown(f, probe_setup_legacy, probe_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(legacy_device_returns_version_1),
        T(version_1_feature_is_not_offered),
        T(features_that_were_not_offered_count_for_nothing),
        T(queue_lies_at_page_number_times_page_size),
        T(used_ring_is_aligned_to_queue_align),
        T(used_ring_right_behind_a_full_page_stays_there),
        T(page_size_scales_the_page_number),
        T(page_size_and_align_are_powers_of_2),
        T(page_number_says_whether_the_queue_is_in_use),
        T(page_number_of_a_queue_in_use_does_not_change),
        T(queue_outside_ram_is_not_in_use),
        T(queue_without_a_size_is_not_in_use),
        T(reset_sets_page_numbers_to_0),
        T(registers_of_version_2_do_not_exist),
        T(page_size_survives_a_reset_by_status),
        T(queue_may_be_set_up_after_driver_ok),
        T(status_may_be_written_bit_by_bit),
        T(device_may_be_used_before_driver_ok),
        T(features_are_final_on_first_use),
        T(notifying_a_queue_that_is_not_set_up_is_no_use),
        T(failure_before_driver_ok_does_not_interrupt),
    };

    return cmocka_run_group_tests_name("virtio_mmio_legacy", tests, NULL, NULL);
}
