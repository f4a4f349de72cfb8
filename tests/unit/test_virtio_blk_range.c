/* SPDX-License-Identifier: MIT */
/* Discard and write-zeroes requests to the block device (5.2.6). */
#include "tests/unit/virtio_disk.h"

#define F_RANGES (F_FLUSH | F_DISCARD | F_WRITE_ZEROES)

static void discard_names_a_range(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);
    struct fixture *f = d->f;

    blk_put_range(d, 10, 20, 0);
    blk_send(d, DISCARD, 0, 16);
    assert_int_equal(f->nblk, 1);
    assert_int_equal(f->blk[0]->op, BLK_DISCARD);
    assert_int_equal(f->blk[0]->offset, 10 * 512);
    assert_int_equal(f->blk[0]->length, 20 * 512);
    assert_int_equal(f->blk[0]->nsegments, 0);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
}

static void write_zeroes_may_unmap_when_asked(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);
    struct fixture *f = d->f;

    blk_put_range(d, 0, CAPACITY, 1);
    blk_send(d, WRITE_ZEROES, 0, 16);
    assert_int_equal(f->blk[0]->op, BLK_WRITE_ZEROES);
    assert_int_equal(f->blk[0]->length, CAPACITY * 512);
    assert_true(f->blk[0]->unmap);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
    blk_put_range(d, 0, 1, 0);
    blk_send(d, WRITE_ZEROES, 0, 16);
    assert_false(f->blk[0]->unmap);
}

static void unknown_flags_are_unsupported(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);

    blk_put_range(d, 0, 1, 2);
    blk_send(d, WRITE_ZEROES, 0, 16);
    blk_expect_refused(d, UNSUPP);
    blk_put_range(d, 0, 1, 0x80000000);
    blk_send(d, DISCARD, 0, 16);
    blk_expect_refused(d, UNSUPP);
}

static void discard_with_unmap_is_unsupported(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);

    blk_put_range(d, 0, 1, 1);
    blk_send(d, DISCARD, 0, 16);
    blk_expect_refused(d, UNSUPP);
}

static void range_lies_on_the_disk(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);
    static const struct {
        uint64_t sector;
        uint32_t n;
    } bad[] = {{CAPACITY, 1}, {CAPACITY - 1, 2}, {UINT64_MAX, 2}, {UINT64_C(1) << 55, 1}};

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        blk_put_range(d, bad[i].sector, bad[i].n, 0);
        blk_send(d, DISCARD, 0, 16);
        blk_expect_refused(d, IOERR);
        blk_put_range(d, bad[i].sector, bad[i].n, 0);
        blk_send(d, WRITE_ZEROES, 0, 16);
        blk_expect_refused(d, IOERR);
    }
}

static void number_of_ranges_is_limited_to_one(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);
    static const uint32_t lengths[] = {0, 8, 15, 17, 32};

    blk_put_range(d, 0, 1, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        blk_send(d, DISCARD, 0, lengths[i]);
        blk_expect_refused(d, IOERR);
        blk_send(d, WRITE_ZEROES, 0, lengths[i]);
        blk_expect_refused(d, IOERR);
    }
}

static void range_has_at_most_max_sectors(void **state)
{
    struct blk_test *t = *state;
    uint32_t most;

    t->blk.info.capacity = UINT64_C(1) << 40;
    struct virtio_driver *d = blk_started(state, F_RANGES);
    most = (uint32_t)blk_config(d, 48, 4);
    blk_put_range(d, 0, most, 0);
    blk_send(d, WRITE_ZEROES, 0, 16);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, 1);
    blk_put_range(d, 0, most + 1, 0);
    blk_send(d, WRITE_ZEROES, 0, 16);
    blk_expect_refused(d, IOERR);
    blk_put_range(d, 0, (uint32_t)blk_config(d, 36, 4) + 1, 0);
    blk_send(d, DISCARD, 0, 16);
    blk_expect_refused(d, IOERR);
}

static void empty_range_is_done_at_once(void **state)
{
    struct virtio_driver *d = blk_started(state, F_RANGES);

    blk_put_range(d, 4, 0, 0);
    blk_send(d, DISCARD, 0, 16);
    blk_expect_refused(d, OK);
}

static void ranges_need_their_features(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH | F_DISCARD);

    blk_put_range(d, 0, 1, 0);
    blk_send(d, WRITE_ZEROES, 0, 16);
    blk_expect_refused(d, UNSUPP);
    driver_start(d, DRIVER_PLAIN | F_WRITE_ZEROES);
    blk_put_range(d, 0, 1, 0);
    blk_send(d, DISCARD, 0, 16);
    blk_expect_refused(d, UNSUPP);
}

#define T(f) cmocka_unit_test_setup_teardown(f, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(discard_names_a_range),         T(write_zeroes_may_unmap_when_asked),
        T(unknown_flags_are_unsupported), T(discard_with_unmap_is_unsupported),
        T(range_lies_on_the_disk),        T(number_of_ranges_is_limited_to_one),
        T(range_has_at_most_max_sectors), T(empty_range_is_done_at_once),
        T(ranges_need_their_features),
    };

    return cmocka_run_group_tests_name("virtio_blk_range", tests, NULL, NULL);
}
