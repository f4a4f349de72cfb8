/* SPDX-License-Identifier: MIT */
/* The virtio-mmio registers of version 2 (4.2.2, 4.2.3). */
#include "tests/unit/virtio_probe.h"

static uint32_t status_of(struct virtio_driver *d)
{
    return driver_read(d, VIRTIO_MMIO_STATUS);
}

static uint32_t offered(struct virtio_driver *d, uint32_t word)
{
    driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
    return driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
}

/* ---- identification ---- */

static void magic_version_and_ids(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_int_equal(driver_read(d, 0x000), 0x74726976);
    assert_int_equal(driver_read(d, 0x004), 2);
    assert_int_equal(driver_read(d, 0x008), PROBE_ID);
    assert_int_equal(driver_read(d, 0x00c), 0x554d4551);
}

static void empty_slot_has_device_id_0_and_nothing_but_a_vendor(void **state)
{
    struct virtio_driver d;
    uint64_t value;

    driver_plug(&d, *state, NULL, false);
    assert_int_equal(driver_read(&d, 0x000), 0x74726976);
    assert_int_equal(driver_read(&d, 0x004), 2);
    for (uint32_t offset = 0x008; offset < 0x200; offset += 4) {
        driver_write(&d, offset, UINT32_MAX);
        assert_int_equal(driver_read(&d, offset), offset == 0x00c ? 0x554d4551 : 0);
    }
    assert_int_equal(bus_read(&d.f->vm.bus, DRIVER_BASE + 0x101, 1, &value), 0);
    assert_int_equal(value, 0);
    assert_true(d.slot.dev.ops->quiesced(&d.slot.dev));
    d.slot.dev.ops->reset(&d.slot.dev);
}

static void node_is_that_of_virtio_mmio(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;
    struct device_node node = {0};

    d->slot.dev.ops->describe(&d->slot.dev, &node);
    assert_string_equal(node.name, "virtio_mmio");
    assert_string_equal(node.compatible[0], "virtio,mmio");
    assert_null(node.compatible[1]);
    assert_int_equal(d->slot.dev.region.size, 0x1000);
}

/* ---- widths ---- */

static void control_registers_take_32_bit_accesses_only(void **state)
{
    struct bus *bus = &probe_of(state)->driver.f->vm.bus;
    static const unsigned other[] = {1, 2, 8};
    uint64_t value;

    for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
        assert_int_equal(bus_read(bus, DRIVER_BASE, other[i], &value), ERR_UNSUPPORTED);
        assert_int_equal(bus_read(bus, DRIVER_BASE + 0xf8, other[i], &value), ERR_UNSUPPORTED);
        assert_int_equal(bus_write(bus, DRIVER_BASE + 0x070, other[i], 1), ERR_UNSUPPORTED);
    }
    assert_int_equal(status_of(&probe_of(state)->driver), 0);
}

static void configuration_space_is_accessed_with_any_width(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct bus *bus = &p->driver.f->vm.bus;
    uint64_t value;

    for (unsigned i = 0; i < PROBE_CONFIG_SIZE; i++)
        p->config[i] = (uint8_t)(i + 1);
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0x103, 1, &value), 0);
    assert_int_equal(value, 0x04);
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0x102, 2, &value), 0);
    assert_int_equal(value, 0x0403);
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0x104, 4, &value), 0);
    assert_int_equal(value, 0x08070605);
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0x100, 8, &value), 0);
    assert_int_equal(value, UINT64_C(0x0807060504030201));
    assert_int_equal(bus_write(bus, DRIVER_BASE + 0x106, 2, 0xbbaa), 0);
    assert_int_equal(p->config[6], 0xaa);
    assert_int_equal(p->config[7], 0xbb);
    assert_int_equal(p->config[8], 9);
}

static void configuration_space_ends_with_the_fields_of_the_device(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct bus *bus = &p->driver.f->vm.bus;
    uint64_t value;

    memset(p->config, 0xff, sizeof(p->config));
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0x108, 8, &value), 0);
    assert_int_equal(value, 0xffffffff);
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0x10c, 4, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(bus_read(bus, DRIVER_BASE + 0xff8, 8, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(bus_write(bus, DRIVER_BASE + 0x108, 8, 0), 0);
    assert_int_equal(bus_write(bus, DRIVER_BASE + 0xff8, 8, 1), 0);
    assert_int_equal(p->config[11], 0);
    assert_int_equal(p->config[7], 0xff);
}

/* ---- features ---- */

static void features_are_read_in_words_of_32_bits(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_int_equal(offered(d, 0), PROBE_FEATURES | 1U << 28 | 1U << 29);
    assert_int_equal(offered(d, 1), 1); /* VERSION_1 */
    assert_int_equal(offered(d, 2), 0);
    assert_int_equal(offered(d, UINT32_MAX), 0);
}

static void device_features_before_any_selection_are_the_first_word(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    offered(d, 1);
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES) & 0xff, PROBE_FEATURES);
}

static void device_accepts_a_subset_of_the_features(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_negotiate(&p->driver, DRIVER_PLAIN | VIRTIO_BIT(3));
    assert_true(status_of(&p->driver) & VIRTIO_STATUS_FEATURES_OK);
    assert_int_equal(p->virtio.accepted, DRIVER_PLAIN | VIRTIO_BIT(3));
    assert_int_equal(p->negotiations, 1);
}

static void features_ok_fails_with_a_feature_that_was_not_offered(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_negotiate(&p->driver, DRIVER_PLAIN | VIRTIO_BIT(1));
    assert_int_equal(status_of(&p->driver), VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    driver_negotiate(&p->driver, DRIVER_PLAIN | VIRTIO_BIT(33));
    assert_false(status_of(&p->driver) & VIRTIO_STATUS_FEATURES_OK);
    assert_int_equal(p->negotiations, 0);
}

static void driver_ok_does_not_get_around_features_ok(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN | VIRTIO_BIT(1));
    assert_false(status_of(d) & VIRTIO_STATUS_DRIVER_OK);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 0);
}

/* 6.2: "may fail to operate further" if it is not accepted; the xv6 driver does not accept it. */
static void device_operates_without_version_1(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_start(&p->driver, 0);
    assert_true(status_of(&p->driver) & VIRTIO_STATUS_FEATURES_OK);
    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(&p->driver, 0, 0);
    assert_int_equal(p->requests, 1);
}

static void features_do_not_change_after_features_ok(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, DRIVER_PLAIN);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_BIT(0));
    driver_write(d, VIRTIO_MMIO_STATUS, 15);
    assert_int_equal(p->virtio.accepted, DRIVER_PLAIN);
    assert_int_equal(p->negotiations, 1);
}

static void features_are_renegotiated_after_a_reset(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_negotiate(&p->driver, DRIVER_PLAIN | VIRTIO_BIT(0));
    driver_negotiate(&p->driver, DRIVER_PLAIN);
    assert_int_equal(p->virtio.accepted, DRIVER_PLAIN);
}

static void feature_words_beyond_64_do_not_exist(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_BIT(1));
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, UINT32_MAX);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_BIT(1));
    driver_write(d, VIRTIO_MMIO_STATUS, 11);
    assert_int_equal(status_of(d), 11);
    assert_int_equal(p->virtio.accepted, 0);
}

/* ---- status ---- */

static void status_is_0_after_reset_and_holds_what_the_driver_sets(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    assert_int_equal(status_of(d), 0);
    driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(status_of(d), 1);
    driver_write(d, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_FAILED | 1);
    assert_int_equal(status_of(d), 0x81);
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    assert_int_equal(status_of(d), 0);
}

/* 2.1.1 forbids clearing a bit; the first virtio drivers of rCore wrote one bit after another. */
static void status_bits_add_up_until_reset(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_write(d, VIRTIO_MMIO_STATUS, 1);
    driver_write(d, VIRTIO_MMIO_STATUS, 2);
    driver_write(d, VIRTIO_MMIO_STATUS, 8);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_write(d, VIRTIO_MMIO_STATUS, 4);
    assert_int_equal(status_of(d), 15);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 1);
}

static void driver_cannot_set_needs_reset_or_reserved_bits(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_write(d, VIRTIO_MMIO_STATUS, 0xffffff73);
    assert_int_equal(status_of(d), 3);
}

static void write_of_reserved_bits_is_no_reset(void **state)
{
    struct virtio_probe *p = probe_of(state);
    unsigned resets = p->resets;

    driver_write(&p->driver, VIRTIO_MMIO_STATUS, 3);
    driver_write(&p->driver, VIRTIO_MMIO_STATUS, 0x100);
    assert_int_equal(status_of(&p->driver), 3);
    assert_int_equal(p->resets, resets);
}

static void reset_clears_interrupts_and_ready_bits(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_setup_queue(d, 1, 4);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_true(d->line);
    unsigned resets = p->resets;
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    assert_int_equal(p->resets, resets + 1);
    assert_false(d->line);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    for (uint32_t i = 0; i < 2; i++) {
        driver_write(d, VIRTIO_MMIO_QUEUE_SEL, i);
        assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
    }
}

static void reset_clears_the_setting_of_queues(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1); /* no size */
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
}

/* 2.4.2: "the driver SHOULD consider a driver-initiated reset complete when it reads 0". */
static void status_reads_0_only_when_the_host_is_done(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN);
    p->busy = true;
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    assert_int_not_equal(status_of(d), 0);
    /* a driver that does not wait finds a device that works */
    driver_write(d, VIRTIO_MMIO_STATUS, status_of(d) | VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(status_of(d), VIRTIO_STATUS_ACKNOWLEDGE);
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    p->busy = false;
    assert_int_equal(status_of(d), 0);
}

static void board_reset_is_a_device_reset(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN);
    d->slot.dev.ops->reset(&d->slot.dev);
    assert_int_equal(status_of(d), 0);
    assert_false(p->virtio.live);
}

/* ---- interrupts ---- */

static void event_stays_until_it_is_acknowledged(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    driver_kick(d, 0, 99); /* and a failure */
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
    assert_true(d->line);
    driver_write(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_USED);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
    assert_true(d->line);
    driver_write(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    assert_false(d->line);
}

/* Drivers that never acknowledge hear of every completion nevertheless. */
static void each_event_asserts_the_line_anew(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    for (unsigned i = 1; i <= 3; i++) {
        driver_kick(d, 0, 0);
        assert_int_equal(d->raised, i);
    }
    driver_write(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
    assert_int_equal(d->raised, 3);
    assert_true(d->line);
}

static void acknowledging_what_did_not_happen_changes_nothing(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_start(d, DRIVER_PLAIN);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    driver_write(d, VIRTIO_MMIO_INTERRUPT_ACK, ~(uint32_t)VIRTIO_MMIO_INT_USED);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_USED);
    assert_true(d->line);
}

/* ---- other registers ---- */

static void shared_memory_region_that_does_not_exist_has_length_minus_1(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_write(d, 0x0ac, 0);
    for (uint32_t offset = 0x0b0; offset <= 0x0bc; offset += 4)
        assert_int_equal(driver_read(d, offset), UINT32_MAX);
}

static void registers_without_meaning_read_as_0(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;
    static const uint32_t offsets[] = {
        0x014, 0x020, 0x024, 0x030, 0x038, 0x050, 0x064, 0x080, 0x0a4, /* write-only */
        0x0fc,                                                         /* ConfigGeneration */
        0x0c0,                                                         /* QueueReset: not offered */
        0x028, 0x03c, 0x040,                                           /* legacy */
        0x018, 0x0c4, 0x0f8,                                           /* none */
    };

    driver_start(d, DRIVER_PLAIN);
    driver_write(d, 0x0c0, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
        assert_int_equal(driver_read(d, offsets[i]), 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 1);
}

static void read_only_registers_ignore_writes(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;
    static const uint32_t offsets[] = {0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x060, 0x0fc};

    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        uint32_t before = driver_read(d, offsets[i]);
        driver_write(d, offsets[i], ~before);
        assert_int_equal(driver_read(d, offsets[i]), before);
    }
}

static void version_2_knows_no_page_number(void **state)
{
    struct virtio_driver *d = &probe_of(state)->driver;

    driver_negotiate(d, DRIVER_PLAIN);
    driver_write(d, VIRTIO_MMIO_QUEUE_NUM, DRIVER_NUM);
    driver_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(DRIVER_RINGS / 4096));
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_PFN), 0);
}

static void device_is_quiesced_when_its_requests_are_done(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct device *dev = &p->driver.slot.dev;

    assert_true(dev->ops->quiesced(dev));
    p->busy = true;
    assert_false(dev->ops->quiesced(dev));
}

#define T(f) cmocka_unit_test_setup_teardown(f, probe_setup, probe_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(magic_version_and_ids),
        cmocka_unit_test_setup_teardown(empty_slot_has_device_id_0_and_nothing_but_a_vendor,
                                        fixture_setup, fixture_teardown),
        T(node_is_that_of_virtio_mmio),
        T(control_registers_take_32_bit_accesses_only),
        T(configuration_space_is_accessed_with_any_width),
        T(configuration_space_ends_with_the_fields_of_the_device),
        T(features_are_read_in_words_of_32_bits),
        T(device_features_before_any_selection_are_the_first_word),
        T(device_accepts_a_subset_of_the_features),
        T(features_ok_fails_with_a_feature_that_was_not_offered),
        T(driver_ok_does_not_get_around_features_ok),
        T(device_operates_without_version_1),
        T(features_do_not_change_after_features_ok),
        T(features_are_renegotiated_after_a_reset),
        T(feature_words_beyond_64_do_not_exist),
        T(status_is_0_after_reset_and_holds_what_the_driver_sets),
        T(status_bits_add_up_until_reset),
        T(driver_cannot_set_needs_reset_or_reserved_bits),
        T(write_of_reserved_bits_is_no_reset),
        T(reset_clears_interrupts_and_ready_bits),
        T(reset_clears_the_setting_of_queues),
        T(status_reads_0_only_when_the_host_is_done),
        T(board_reset_is_a_device_reset),
        T(event_stays_until_it_is_acknowledged),
        T(each_event_asserts_the_line_anew),
        T(acknowledging_what_did_not_happen_changes_nothing),
        T(shared_memory_region_that_does_not_exist_has_length_minus_1),
        T(registers_without_meaning_read_as_0),
        T(read_only_registers_ignore_writes),
        T(version_2_knows_no_page_number),
        T(device_is_quiesced_when_its_requests_are_done),
    };

    return cmocka_run_group_tests_name("virtio_mmio", tests, NULL, NULL);
}
