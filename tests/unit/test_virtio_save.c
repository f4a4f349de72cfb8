/* SPDX-License-Identifier: MIT */
/* Saving and restoring a virtio device: it goes on where it was, and believes no snapshot. */
#include "tests/unit/virtio_probe.h"

/* Offsets in the saved form of a probe. */
enum {
    AT_DEVICE_ID = 0,
    AT_LEGACY = 4,
    AT_STATUS = 8,
    AT_INTERRUPT = 24,
    AT_PAGE_SIZE = 36,
    AT_ALIGN = 40,
    AT_PFN = 44,
    AT_ACCEPTED = 72,
    AT_FLAGS = 80,
    AT_NUM = 84,
    AT_READY = 88,
    AT_DESC = 92,
    AT_AVAIL = 100,
    AT_USED = 108,
    AT_LAST_AVAIL = 116,
    AT_USED_IDX = 120,
    AT_STATE = 164,
    SAVED_SIZE = 168,
};

enum { NEGOTIATED = 1, LIVE = 2, BROKEN = 4 };

static void save(struct virtio_probe *p, struct memory_stream *m)
{
    struct device *dev = &p->driver.slot.dev;

    memory_stream_init(m);
    assert_int_equal(dev->ops->save(dev, &m->stream), 0);
    assert_int_equal(m->length, SAVED_SIZE);
}

static int restored(struct virtio_probe *p, struct memory_stream *m)
{
    struct device *dev = &p->driver.slot.dev;

    memory_stream_rewind(m);
    return dev->ops->restore(dev, &m->stream);
}

static struct virtio_probe *used_once(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_start(d, DRIVER_PLAIN | VIRTIO_BIT(3));
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    p->state = 7;
    return p;
}

static void device_goes_on_where_it_was_saved(void **state)
{
    struct virtio_probe *p = used_once(state);
    struct virtio_driver *d = &p->driver;
    struct memory_stream m;
    uint32_t status = driver_read(d, VIRTIO_MMIO_STATUS);
    uint32_t id, len;

    save(p, &m);
    d->slot.dev.ops->reset(&d->slot.dev);
    p->state = 0;
    assert_false(d->line);
    assert_int_equal(restored(p, &m), 0);
    assert_int_equal(p->state, 7);
    assert_true(d->line);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_STATUS), status);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_USED);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 1);
    assert_int_equal(p->virtio.accepted, DRIVER_PLAIN | VIRTIO_BIT(3));
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 2);
    assert_true(driver_used(d, 0, &id, &len));
    assert_true(driver_used(d, 0, &id, &len));
    assert_false(driver_used(d, 0, &id, &len));
    memory_stream_free(&m);
}

static void selections_survive(void **state)
{
    struct virtio_probe *p = used_once(state);
    struct virtio_driver *d = &p->driver;

    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 1);
    driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 9);
    struct memory_stream m;
    save(p, &m);
    d->slot.dev.ops->reset(&d->slot.dev);
    assert_int_equal(restored(p, &m), 0);
    assert_int_equal(d->slot.queue_sel, 1);
    assert_int_equal(d->slot.device_features_sel, 1);
    assert_int_equal(d->slot.driver_features_sel, 9);
    assert_int_equal(d->slot.driver_features, DRIVER_PLAIN | VIRTIO_BIT(3));
    memory_stream_free(&m);
}

static void failure_survives(void **state)
{
    struct virtio_probe *p = used_once(state);

    driver_kick(&p->driver, 0, 99);
    struct memory_stream m;
    save(p, &m);
    p->driver.slot.dev.ops->reset(&p->driver.slot.dev);
    assert_int_equal(restored(p, &m), 0);
    assert_true(driver_sees_failure(&p->driver));
    memory_stream_free(&m);
}

static void empty_slot_is_saved_as_such(void **state)
{
    struct virtio_driver d;
    struct memory_stream m;

    driver_plug(&d, *state, NULL, false);
    memory_stream_init(&m);
    assert_int_equal(d.slot.dev.ops->save(&d.slot.dev, &m.stream), 0);
    memory_stream_rewind(&m);
    assert_int_equal(d.slot.dev.ops->restore(&d.slot.dev, &m.stream), 0);
    m.data[0] = 2;
    memory_stream_rewind(&m);
    assert_int_equal(d.slot.dev.ops->restore(&d.slot.dev, &m.stream), ERR_INVALID);
    memory_stream_free(&m);
}

static void snapshot_cut_short_is_refused(void **state)
{
    struct virtio_probe *p = used_once(state);
    struct memory_stream m;

    save(p, &m);
    for (size_t length = 0; length < SAVED_SIZE; length++) {
        m.length = length;
        assert_int_equal(restored(p, &m), ERR_TRUNCATED);
    }
    memory_stream_free(&m);
}

static void full_stream_fails_the_save(void **state)
{
    struct virtio_probe *p = used_once(state);
    struct device *dev = &p->driver.slot.dev;
    struct memory_stream m;

    memory_stream_init(&m);
    m.stream.error = ERR_IO;
    assert_int_equal(dev->ops->save(dev, &m.stream), ERR_IO);
    memory_stream_free(&m);
}

/* Restores the snapshot with one 32-bit field changed. */
static int with_field(struct virtio_probe *p, struct memory_stream *m, size_t offset,
                      uint32_t value)
{
    uint8_t before[4];

    memcpy(before, m->data + offset, 4);
    memcpy(m->data + offset, &value, 4);
    int error = restored(p, m);
    memcpy(m->data + offset, before, 4);
    return error;
}

static void every_value_of_a_snapshot_is_checked(void **state)
{
    struct virtio_probe *p = used_once(state);
    struct memory_stream m;
    static const struct {
        size_t offset;
        uint32_t value;
    } bad[] = {
        {AT_DEVICE_ID, PROBE_ID + 1},
        {AT_DEVICE_ID, 0},
        {AT_LEGACY, 1},
        {AT_STATUS, 0x4f}, /* DEVICE_NEEDS_RESET is not a bit that the driver sets */
        {AT_STATUS, 0x10f},
        {AT_STATUS, 0x0b}, /* live without DRIVER_OK */
        {AT_INTERRUPT, 4},
        {AT_PAGE_SIZE, 0},
        {AT_PAGE_SIZE, 4095},
        {AT_ALIGN, 0},
        {AT_ALIGN + 8, 3}, /* of queue 1 */
        {AT_ACCEPTED, 2},  /* not offered */
        {AT_ACCEPTED + 4, 3},
        {AT_FLAGS, NEGOTIATED},          /* DRIVER_OK but not live */
        {AT_FLAGS, LIVE},                /* live but not negotiated */
        {AT_FLAGS, NEGOTIATED | BROKEN}, /* broken but not live */
        {AT_FLAGS, 8 | NEGOTIATED | LIVE},
        {AT_NUM, 0},
        {AT_NUM, 12},
        {AT_NUM, 512},
        {AT_READY, 2},
        {AT_DESC, (uint32_t)DRIVER_RINGS + 8},
        {AT_DESC + 4, 1},
        {AT_AVAIL, (uint32_t)DRIVER_RINGS + 1},
        {AT_AVAIL + 4, UINT32_MAX},
        {AT_USED, (uint32_t)DRIVER_RINGS + 2},
        {AT_USED, (uint32_t)(FIXTURE_RAM + FIXTURE_RAM_SIZE) - 4},
        {AT_LAST_AVAIL, 0x10000},
        {AT_USED_IDX, 0x10000},
        {AT_STATE, 10}, /* the device's own check */
    };

    save(p, &m);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(with_field(p, &m, bad[i].offset, bad[i].value), ERR_INVALID);
    assert_int_equal(restored(p, &m), 0);
    memory_stream_free(&m);
}

static void status_without_negotiation_is_refused(void **state)
{
    struct virtio_probe *p = probe_of(state);

    driver_write(&p->driver, VIRTIO_MMIO_STATUS, 3);
    struct memory_stream m;
    save(p, &m);
    assert_int_equal(with_field(p, &m, AT_STATUS, 0x0b), ERR_INVALID);
    assert_int_equal(with_field(p, &m, AT_ACCEPTED, 8), ERR_INVALID);
    assert_int_equal(with_field(p, &m, AT_FLAGS, BROKEN), ERR_INVALID); /* but not live */
    assert_int_equal(restored(p, &m), 0);
    memory_stream_free(&m);
}

static void legacy_queue_lies_where_its_page_number_says(void **state)
{
    struct virtio_probe *p = used_once(state);
    struct memory_stream m;

    save(p, &m);
    /* the addresses in the snapshot have no say */
    assert_int_equal(with_field(p, &m, AT_DESC, 0), 0);
    assert_int_equal(p->virtio.queue[0].desc, DRIVER_RINGS);
    assert_int_equal(with_field(p, &m, AT_PFN, 0), ERR_INVALID);
    assert_int_equal(with_field(p, &m, AT_PFN, 1), ERR_INVALID);
    assert_int_equal(with_field(p, &m, AT_READY, 0), ERR_INVALID);
    assert_int_equal(with_field(p, &m, AT_ACCEPTED + 4, 1), ERR_INVALID); /* VERSION_1 */
    assert_int_equal(with_field(p, &m, AT_LEGACY, 0), ERR_INVALID);
    assert_int_equal(restored(p, &m), 0);
    driver_kick(&p->driver, 0, 0);
    assert_int_equal(p->requests, 2);
    memory_stream_free(&m);
}

static void legacy_device_in_use_before_driver_ok_is_restored(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, 0);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    struct memory_stream m;
    save(p, &m);
    assert_int_equal(with_field(p, &m, AT_FLAGS, LIVE), ERR_INVALID); /* but not negotiated */
    assert_int_equal(restored(p, &m), 0);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 2);
    memory_stream_free(&m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, probe_setup, probe_teardown)
#define L(f) cmocka_unit_test_setup_teardown(f, probe_setup_legacy, probe_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(device_goes_on_where_it_was_saved),
        T(selections_survive),
        T(failure_survives),
        cmocka_unit_test_setup_teardown(empty_slot_is_saved_as_such, fixture_setup,
                                        fixture_teardown),
        T(snapshot_cut_short_is_refused),
        T(full_stream_fails_the_save),
        T(every_value_of_a_snapshot_is_checked),
        T(status_without_negotiation_is_refused),
        L(legacy_queue_lies_where_its_page_number_says),
        L(legacy_device_in_use_before_driver_ok_is_restored),
    };

    return cmocka_run_group_tests_name("virtio_save", tests, NULL, NULL);
}
