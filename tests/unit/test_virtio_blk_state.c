/* SPDX-License-Identifier: MIT */
/* The block device over time: cache modes, many requests, resets under way, save and restore. */
#include "tests/unit/virtio_disk.h"

/* ---- cache mode: when is a write stable? ---- */

static void write_is_flushed_before_completion_without_flush_and_wce(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;

    blk_send(d, OUT, 0, 512);
    fixture_blk_complete(f, 0);
    blk_expect_pending(d);
    assert_int_equal(f->nblk, 1);
    assert_int_equal(f->blk[0]->op, BLK_FLUSH);
    assert_int_equal(f->blk[0]->nsegments, 0);
    assert_int_equal(f->blk[0]->length, 0);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
    assert_int_equal(f->nblk, 0);
}

static void failed_flush_fails_the_write(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;

    blk_send(d, OUT, 0, 512);
    fixture_blk_complete(f, 0);
    fixture_blk_complete(f, ERR_IO);
    blk_expect_used(d, IOERR, 1);
    blk_send(d, OUT, 0, 512);
    f->blk_submit_result = ERR_IO;
    fixture_blk_complete(f, 0);
    blk_expect_used(d, IOERR, 1);
}

static void failed_write_is_not_flushed(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;

    blk_send(d, OUT, 0, 512);
    fixture_blk_complete(f, ERR_IO);
    blk_expect_used(d, IOERR, 1);
    assert_int_equal(f->nblk, 0);
}

static void zeroes_are_made_stable_as_other_writes(void **state)
{
    struct virtio_driver *d = blk_started(state, F_WRITE_ZEROES | F_DISCARD);
    struct fixture *f = d->f;

    blk_put_range(d, 0, 1, 0);
    blk_send(d, WRITE_ZEROES, 0, 16);
    fixture_blk_complete(f, 0);
    blk_expect_pending(d);
    assert_int_equal(f->blk[0]->op, BLK_FLUSH);
}

static void reads_are_not_flushed(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, 0, 512);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, 513);
}

static void driver_that_flushes_itself_gets_a_writeback_cache(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);
    struct fixture *f = d->f;

    blk_send(d, OUT, 0, 512);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
    assert_int_equal(f->nblk, 0);
}

static void writeback_0_makes_writes_stable(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH | F_CONFIG_WCE);
    struct fixture *f = d->f;

    assert_int_equal(blk_config(d, 32, 1), 1);
    blk_set_writeback(d, 0);
    assert_int_equal(blk_config(d, 32, 1), 0);
    blk_send(d, OUT, 0, 512);
    fixture_blk_complete(f, 0);
    blk_expect_pending(d);
    assert_int_equal(f->blk[0]->op, BLK_FLUSH);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
    blk_set_writeback(d, 1);
    assert_int_equal(blk_config(d, 32, 1), 1);
}

static void writeback_starts_at_0_with_wce_but_without_flush(void **state)
{
    struct virtio_driver *d = blk_started(state, F_CONFIG_WCE);

    assert_int_equal(blk_config(d, 32, 1), 0);
}

static void writeback_is_read_only_without_wce(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_set_writeback(d, 1);
    assert_int_equal(blk_config(d, 32, 1), 0);
}

static void writeback_is_back_to_1_after_reset(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    assert_int_equal(blk_config(d, 32, 1), 1);
}

static void legacy_cache_mode_is_set_before_the_driver_bit(void **state)
{
    struct virtio_driver *d = blk_driver(state);

    blk_set_writeback(d, 0);
    driver_write(d, VIRTIO_MMIO_STATUS, 1);
    driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, F_FLUSH | F_CONFIG_WCE);
    driver_write(d, VIRTIO_MMIO_STATUS, 7);
    assert_int_equal(blk_config(d, 32, 1), 0);
}

static void legacy_cache_mode_is_not_modified_by_accepting_wce_without_flush(void **state)
{
    struct virtio_driver *d = blk_started(state, F_CONFIG_WCE);

    assert_int_equal(blk_config(d, 32, 1), 1);
}

static void legacy_device_reads_and_writes(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);

    blk_send(d, IN, 1, 512);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, 513);
    blk_send(d, OUT, 1, 512);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, 1);
}

/* ---- many requests ---- */

#define MANY 64 /* ring entries; chains of two descriptors: header, status and data together */

static void start_many(struct virtio_driver *d)
{
    driver_negotiate(d, DRIVER_PLAIN);
    driver_setup_queue(d, 0, MANY);
    driver_write(d, VIRTIO_MMIO_STATUS, 15);
}

static gpa_t many_data(unsigned i)
{
    return DATA + 1024 * i;
}

static void many_read(struct virtio_driver *d, unsigned i)
{
    blk_put_header(d, HEADER + 16 * i, IN, i);
    driver_desc(d, 0, 2 * i, HEADER + 16 * i, 16, VIRTQ_DESC_F_NEXT, (uint16_t)(2 * i + 1));
    driver_desc(d, 0, 2 * i + 1, many_data(i), 513, VIRTQ_DESC_F_WRITE, 0);
    driver_offer(d, 0, (uint16_t)(2 * i));
}

static void device_takes_no_more_than_it_can_track_and_resumes(void **state)
{
    struct virtio_driver *d = blk_driver(state);
    struct fixture *f = d->f;
    uint32_t id, len;

    start_many(d);
    for (unsigned i = 0; i < 30; i++)
        many_read(d, i);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(f->nblk, VIRTIO_BLK_INFLIGHT);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(f->blk[0]->offset, 512 * i);
        fixture_blk_complete(f, 0);
        assert_true(driver_used(d, 0, &id, &len));
        assert_int_equal(id, 2 * i);
        assert_int_equal(len, 513);
    }
    assert_int_equal(f->nblk, 0);
    assert_false(driver_used(d, 0, &id, &len));
}

static void requests_complete_in_any_order(void **state)
{
    struct virtio_driver *d = blk_driver(state);
    struct fixture *f = d->f;
    uint32_t id, len;

    start_many(d);
    for (unsigned i = 0; i < 3; i++)
        many_read(d, i);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    struct blk_request *last = f->blk[2];
    f->nblk = 2;
    last->complete(last, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 4);
    fixture_blk_complete(f, 0);
    fixture_blk_complete(f, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 2);
}

/* ---- reset while the host works ---- */

static void completion_of_before_a_reset_touches_nothing(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;

    blk_send(d, IN, 0, 512);
    driver_start(d, DRIVER_PLAIN);
    d->line = false;
    fixture_blk_complete(f, 0);
    blk_expect_pending(d);
    assert_int_equal(*(uint8_t *)driver_ram(d, STATUS), UNTOUCHED);
    assert_false(d->line);
    blk_send(d, IN, 1, 512);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 513);
}

static void completion_of_before_queue_ready_0_touches_nothing(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;

    blk_send(d, IN, 0, 512);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    fixture_blk_complete(f, 0);
    assert_int_equal(driver_u16(d, d->queue[0].used + 2), 0);
    assert_int_equal(*(uint8_t *)driver_ram(d, STATUS), UNTOUCHED);
}

static void requests_of_before_a_reset_stay_the_hosts_until_complete(void **state)
{
    struct virtio_driver *d = blk_driver(state);
    struct fixture *f = d->f;
    struct blk_request *old[VIRTIO_BLK_INFLIGHT];
    uint32_t id, len;

    start_many(d);
    for (unsigned i = 0; i < VIRTIO_BLK_INFLIGHT; i++)
        many_read(d, i);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    memcpy(old, f->blk, sizeof(old));
    start_many(d);
    many_read(d, 20);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(f->nblk, VIRTIO_BLK_INFLIGHT); /* no request to spare for the new one */
    assert_int_equal(old[0]->offset, 0);
    fixture_blk_complete(f, 0);
    assert_int_equal(f->nblk, VIRTIO_BLK_INFLIGHT);
    assert_int_equal(f->blk[VIRTIO_BLK_INFLIGHT - 1]->offset, 20 * 512);
    assert_false(driver_used(d, 0, &id, &len));
    while (f->nblk > 0)
        fixture_blk_complete(f, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 40);
    assert_false(driver_used(d, 0, &id, &len));
}

static void reset_is_complete_when_the_host_has_let_go_of_the_buffers(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, 0, 512);
    driver_write(d, VIRTIO_MMIO_STATUS, 0);
    assert_int_not_equal(driver_read(d, VIRTIO_MMIO_STATUS), 0);
    fixture_blk_complete(d->f, 0);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_STATUS), 0);
}

static void completion_after_a_failure_leaves_the_rings_alone(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, 0, 512);
    driver_kick(d, 0, 99);
    assert_true(driver_sees_failure(d));
    fixture_blk_complete(d->f, 0);
    assert_int_equal(driver_u16(d, d->queue[0].used + 2), 0);
    assert_int_equal(*(uint8_t *)driver_ram(d, STATUS), UNTOUCHED);
}

/* ---- save and restore ---- */

static void device_is_quiesced_without_requests_at_the_host(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct device *dev = &d->slot.dev;

    assert_true(dev->ops->quiesced(dev));
    blk_send(d, OUT, 0, 512);
    assert_false(dev->ops->quiesced(dev));
    fixture_blk_complete(d->f, 0); /* the write; its flush follows */
    assert_false(dev->ops->quiesced(dev));
    fixture_blk_complete(d->f, 0);
    assert_true(dev->ops->quiesced(dev));
}

static void cache_mode_is_saved_and_checked(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH | F_CONFIG_WCE);
    struct device *dev = &d->slot.dev;
    struct memory_stream m;

    blk_set_writeback(d, 0);
    memory_stream_init(&m);
    assert_int_equal(dev->ops->save(dev, &m.stream), 0);
    dev->ops->reset(dev);
    memory_stream_rewind(&m);
    assert_int_equal(dev->ops->restore(dev, &m.stream), 0);
    assert_int_equal(blk_config(d, 32, 1), 0);
    blk_send(d, IN, 0, 512);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, 513);

    m.data[m.length - 4] = 2;
    memory_stream_rewind(&m);
    assert_int_equal(dev->ops->restore(dev, &m.stream), ERR_INVALID);
    m.length--;
    memory_stream_rewind(&m);
    assert_int_equal(dev->ops->restore(dev, &m.stream), ERR_TRUNCATED);
    memory_stream_free(&m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, blk_setup, blk_teardown)
#define L(f) cmocka_unit_test_setup_teardown(f, blk_setup_legacy, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(write_is_flushed_before_completion_without_flush_and_wce),
        T(failed_flush_fails_the_write),
        T(failed_write_is_not_flushed),
        T(zeroes_are_made_stable_as_other_writes),
        T(reads_are_not_flushed),
        T(driver_that_flushes_itself_gets_a_writeback_cache),
        T(writeback_0_makes_writes_stable),
        T(writeback_starts_at_0_with_wce_but_without_flush),
        T(writeback_is_read_only_without_wce),
        T(writeback_is_back_to_1_after_reset),
        L(legacy_cache_mode_is_set_before_the_driver_bit),
        L(legacy_cache_mode_is_not_modified_by_accepting_wce_without_flush),
        L(legacy_device_reads_and_writes),
        T(device_takes_no_more_than_it_can_track_and_resumes),
        T(requests_complete_in_any_order),
        T(completion_of_before_a_reset_touches_nothing),
        T(completion_of_before_queue_ready_0_touches_nothing),
        T(requests_of_before_a_reset_stay_the_hosts_until_complete),
        T(reset_is_complete_when_the_host_has_let_go_of_the_buffers),
        T(completion_after_a_failure_leaves_the_rings_alone),
        T(device_is_quiesced_without_requests_at_the_host),
        T(cache_mode_is_saved_and_checked),
    };

    return cmocka_run_group_tests_name("virtio_blk_state", tests, NULL, NULL);
}
