/* SPDX-License-Identifier: MIT */
/* Requests to the block device (5.2.4, 5.2.6). */
#include "tests/unit/virtio_disk.h"

/* ---- features and configuration ---- */

static uint64_t offered(struct virtio_driver *d)
{
    uint64_t low, high;

    driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    low = driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
    driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    high = driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
    return high << 32 | low;
}

static void device_id_is_2_with_one_queue(void **state)
{
    struct virtio_driver *d = blk_driver(state);

    assert_int_equal(driver_read(d, VIRTIO_MMIO_DEVICE_ID), 2);
    driver_write(d, VIRTIO_MMIO_QUEUE_SEL, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

static void features_of_a_writable_disk(void **state)
{
    struct virtio_driver *d = blk_driver(state);

    assert_int_equal(offered(d) & 0xffffff,
                     F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_CONFIG_WCE | F_DISCARD | F_WRITE_ZEROES);
}

static void features_of_a_read_only_disk(void **state)
{
    struct virtio_driver *d = blk_driver(state);

    assert_int_equal(offered(d) & 0xffffff, F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_CONFIG_WCE);
    assert_int_equal(blk_config(d, 36, 4), 0); /* max_discard_sectors */
    assert_int_equal(blk_config(d, 48, 4), 0); /* max_write_zeroes_sectors */
}

static void configuration_follows_struct_virtio_blk_config(void **state)
{
    struct virtio_driver *d = blk_driver(state);

    assert_int_equal(blk_config(d, 0, 8), CAPACITY);
    assert_int_equal(blk_config(d, 0, 4), CAPACITY);
    assert_int_equal(blk_config(d, 4, 4), 0);
    assert_int_equal(blk_config(d, 12, 4), BLK_MAX_SEGMENTS); /* seg_max */
    assert_int_equal(blk_config(d, 20, 4), 512);              /* blk_size */
    assert_int_equal(blk_config(d, 32, 1), 1);                /* writeback */
    assert_int_equal(blk_config(d, 33, 1), 0);                /* unused0 */
    assert_true(blk_config(d, 36, 4) > 0);                    /* max_discard_sectors */
    assert_int_equal(blk_config(d, 40, 4), 1);                /* max_discard_seg */
    assert_true(blk_config(d, 48, 4) > 0);                    /* max_write_zeroes_sectors */
    assert_int_equal(blk_config(d, 52, 4), 1);                /* max_write_zeroes_seg */
    assert_int_equal(blk_config(d, 56, 1), 1);                /* write_zeroes_may_unmap */
    assert_int_equal(blk_config(d, 57, 1), 0);                /* unused1 */
    assert_int_equal(blk_config(d, 60, 4), 0);
}

static void only_writeback_can_be_written(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH | F_CONFIG_WCE);

    for (uint32_t offset = 0; offset < 60; offset += 4) {
        uint64_t before = blk_config(d, offset, 4);
        if (offset == 32)
            continue;
        driver_write(d, VIRTIO_MMIO_CONFIG + offset, UINT32_MAX);
        assert_int_equal(blk_config(d, offset, 4), before);
    }
    assert_int_equal(blk_config(d, 32, 1), 1);
}

/* ---- reading ---- */

static void read_takes_sectors_from_the_disk(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;

    blk_send(d, IN, 5, 1024);
    blk_expect_pending(d);
    assert_int_equal(f->nblk, 1);
    assert_int_equal(f->blk_disk[0], DISK);
    assert_int_equal(f->blk[0]->op, BLK_READ);
    assert_int_equal(f->blk[0]->offset, 5 * 512);
    assert_int_equal(f->blk[0]->length, 1024);
    assert_int_equal(f->blk[0]->nsegments, 1);
    assert_ptr_equal(f->blk[0]->segment[0].base, driver_ram(d, DATA));
    assert_int_equal(f->blk[0]->segment[0].length, 1024);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1025);
    assert_true(d->line);
}

static void last_sector_can_be_read(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, CAPACITY - 1, 512);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, 513);
}

static void read_behind_the_capacity_fails(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    static const struct {
        uint64_t sector;
        uint32_t length;
    } bad[] = {
        {CAPACITY, 512},           {CAPACITY - 1, 1024}, {0, (uint32_t)(CAPACITY + 1) * 512},
        {UINT64_MAX, 512},         {UINT64_MAX, 1024}, /* sector + length is 1 */
        {UINT64_C(1) << 55, 512},                      /* times 512 it is 0 */
        {UINT64_MAX / 512 + 1, 0},                     /* beyond the end even without data */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        blk_send(d, IN, bad[i].sector, bad[i].length);
        blk_expect_refused(d, IOERR);
    }
}

static void length_is_a_multiple_of_512(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, 0, 511);
    blk_expect_refused(d, IOERR);
    blk_send(d, OUT, 0, 513);
    blk_expect_refused(d, IOERR);
}

static void transfer_of_nothing_succeeds_without_the_host(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);

    blk_send(d, IN, 0, 0);
    blk_expect_refused(d, OK);
    blk_send(d, OUT, 0, 0);
    blk_expect_refused(d, OK);
}

static void failed_read_reports_no_data(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, 0, 512);
    fixture_blk_complete(d->f, ERR_IO);
    blk_expect_used(d, IOERR, 0);
}

static void what_the_host_does_not_support_is_unsupported(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_send(d, IN, 0, 512);
    fixture_blk_complete(d->f, ERR_UNSUPPORTED);
    blk_expect_used(d, UNSUPP, 0);
}

static void request_that_the_host_cannot_start_fails(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    d->f->blk_submit_result = ERR_IO;
    blk_send(d, IN, 0, 512);
    blk_expect_refused(d, IOERR);
    d->f->blk_submit_result = ERR_UNSUPPORTED;
    blk_send(d, IN, 0, 512);
    blk_expect_refused(d, UNSUPP);
}

static bool is_dirty(struct fixture *f, gpa_t gpa)
{
    uint64_t page = (gpa - FIXTURE_RAM) >> PAGE_SHIFT;

    return (atomic_load(&f->dirty[page / 64]) & (UINT64_C(1) << (page % 64))) != 0;
}

static void pages_are_dirty_after_the_read_and_not_only_before(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;
    uint64_t fetched[FIXTURE_RAM_SIZE / PAGE_SIZE / 64];

    blk_send(d, IN, 0, 8192);
    assert_int_equal(gmem_dirty_fetch(&f->vm.mem, 0, fetched), 0);
    assert_false(is_dirty(f, DATA));
    fixture_blk_complete(f, 0);
    assert_true(is_dirty(f, DATA));
    assert_true(is_dirty(f, DATA + 4096));
    assert_false(is_dirty(f, DATA + 8192));
    assert_true(is_dirty(f, STATUS));
}

/* ---- writing ---- */

static void write_takes_sectors_to_the_disk(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);
    struct fixture *f = d->f;

    blk_send(d, OUT, 7, 512);
    assert_int_equal(f->blk[0]->op, BLK_WRITE);
    assert_int_equal(f->blk[0]->offset, 7 * 512);
    assert_int_equal(f->blk[0]->length, 512);
    assert_int_equal(f->blk[0]->nsegments, 1);
    assert_ptr_equal(f->blk[0]->segment[0].base, driver_ram(d, DATA));
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
}

static void write_behind_the_capacity_fails(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);

    blk_send(d, OUT, CAPACITY - 1, 1024);
    blk_expect_refused(d, IOERR);
    blk_send(d, OUT, UINT64_C(1) << 55, 512);
    blk_expect_refused(d, IOERR);
}

static void write_to_a_read_only_disk_fails_and_writes_nothing(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);

    blk_send(d, OUT, 0, 512);
    blk_expect_refused(d, IOERR);
    blk_send(d, IN, 0, 512);
    assert_int_equal(d->f->nblk, 1);
}

static void discard_on_a_read_only_disk_is_unsupported(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);

    blk_send(d, DISCARD, 0, 16);
    blk_expect_refused(d, UNSUPP);
    blk_send(d, WRITE_ZEROES, 0, 16);
    blk_expect_refused(d, UNSUPP);
}

/* ---- framing ---- */

static void header_may_be_split_over_descriptors(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);
    struct fixture *f = d->f;

    /* header and data in one run of memory, cut at bytes 5 and 20: data starts in the third piece
     */
    blk_put_header(d, HEADER, OUT, 9);
    driver_desc(d, 0, 0, HEADER, 5, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, HEADER + 5, 15, VIRTQ_DESC_F_NEXT, 2);
    driver_desc(d, 0, 2, DATA, 508, VIRTQ_DESC_F_NEXT, 3);
    driver_desc(d, 0, 3, STATUS, 1, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(f->nblk, 1);
    assert_int_equal(f->blk[0]->offset, 9 * 512);
    assert_int_equal(f->blk[0]->nsegments, 2);
    assert_ptr_equal(f->blk[0]->segment[0].base, driver_ram(d, HEADER + 16));
    assert_int_equal(f->blk[0]->segment[0].length, 4);
    assert_ptr_equal(f->blk[0]->segment[1].base, driver_ram(d, DATA));
    assert_int_equal(f->blk[0]->segment[1].length, 508);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
}

static void status_is_the_last_writable_byte(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    struct fixture *f = d->f;
    uint8_t *ram = driver_ram(d, DATA);

    blk_put_header(d, HEADER, IN, 0);
    memset(ram, UNTOUCHED, 514);
    driver_desc(d, 0, 0, HEADER, 16, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DATA, 100, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 2);
    driver_desc(d, 0, 2, DATA + 100, 413, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(f->blk[0]->nsegments, 2);
    assert_int_equal(f->blk[0]->length, 512);
    assert_int_equal(f->blk[0]->segment[1].length, 412);
    fixture_blk_complete(f, 0);
    assert_int_equal(ram[511], UNTOUCHED);
    assert_int_equal(ram[512], OK);
    assert_int_equal(ram[513], UNTOUCHED);
}

static void header_that_is_too_short_is_an_error(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    driver_desc(d, 0, 0, HEADER, 15, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, STATUS, 1, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    blk_expect_refused(d, IOERR);
}

static void request_without_a_status_byte_needs_reset(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    blk_put_header(d, HEADER, FLUSH, 0);
    driver_desc(d, 0, 0, HEADER, 16, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(d->f->nblk, 0);
    assert_true(driver_sees_failure(d));
}

static void empty_request_needs_reset(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);

    driver_desc(d, 0, 0, 0, 0, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(d, 0, 0);
    assert_true(driver_sees_failure(d));
}

/* One request of `n` data segments in an indirect table. */
static void scattered_read(struct virtio_driver *d, unsigned n)
{
    gpa_t table = DRIVER_DATA + KIB(64);

    blk_put_header(d, HEADER, IN, 0);
    *(uint8_t *)driver_ram(d, STATUS) = UNTOUCHED;
    driver_desc_at(d, table, 0, HEADER, 16, VIRTQ_DESC_F_NEXT, 1);
    for (unsigned i = 1; i <= n; i++)
        driver_desc_at(d, table, i, DATA + 1024 * i, 512, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE,
                       (uint16_t)(i + 1));
    driver_desc_at(d, table, n + 1, STATUS, 1, VIRTQ_DESC_F_WRITE, 0);
    driver_desc(d, 0, 0, table, 16 * (n + 2), VIRTQ_DESC_F_INDIRECT, 0);
    driver_kick(d, 0, 0);
}

static void request_has_up_to_seg_max_segments(void **state)
{
    struct virtio_driver *d = blk_started(state, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | F_SEG_MAX);

    scattered_read(d, BLK_MAX_SEGMENTS);
    assert_int_equal(d->f->nblk, 1);
    assert_int_equal(d->f->blk[0]->nsegments, BLK_MAX_SEGMENTS);
    fixture_blk_complete(d->f, 0);
    blk_expect_used(d, OK, BLK_MAX_SEGMENTS * 512 + 1);
    scattered_read(d, BLK_MAX_SEGMENTS + 1);
    blk_expect_refused(d, IOERR);
}

/* ---- other requests ---- */

static void flush_goes_to_the_host(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);
    struct fixture *f = d->f;

    blk_send(d, FLUSH, 0, 0);
    assert_int_equal(f->blk[0]->op, BLK_FLUSH);
    assert_int_equal(f->blk[0]->nsegments, 0);
    blk_expect_pending(d);
    fixture_blk_complete(f, 0);
    blk_expect_used(d, OK, 1);
    blk_send(d, FLUSH, 0, 0);
    fixture_blk_complete(f, ERR_IO);
    blk_expect_used(d, IOERR, 1);
}

static void id_is_padded_with_nul_and_not_terminated(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    uint8_t *ram = driver_ram(d, DATA);

    memset(ram, UNTOUCHED, 32);
    blk_send(d, GET_ID, 0, 20);
    blk_expect_used(d, OK, 21);
    assert_memory_equal(ram, ID "\xff", 21);
    assert_int_equal(d->f->nblk, 0);
}

static void id_is_cut_or_followed_by_nothing_in_other_buffers(void **state)
{
    struct virtio_driver *d = blk_started(state, 0);
    uint8_t *ram = driver_ram(d, DATA);

    memset(ram, UNTOUCHED, 32);
    blk_send(d, GET_ID, 0, 4);
    blk_expect_used(d, OK, 5);
    assert_memory_equal(ram, "TRAP\xff", 5);
    blk_send(d, GET_ID, 0, 30);
    blk_expect_used(d, OK, 20);
    assert_memory_equal(ram, ID "\xff", 21);
}

static void unknown_request_is_unsupported(void **state)
{
    struct virtio_driver *d = blk_started(state, F_FLUSH);
    static const uint32_t types[] = {2, 3, 5, LIFETIME, 14, 16, 0x80000001, UINT32_MAX};

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        blk_send(d, types[i], 0, 512);
        blk_expect_refused(d, UNSUPP);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, blk_setup, blk_teardown)
#define R(f) cmocka_unit_test_setup_teardown(f, blk_setup_read_only, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(device_id_is_2_with_one_queue),
        T(features_of_a_writable_disk),
        R(features_of_a_read_only_disk),
        T(configuration_follows_struct_virtio_blk_config),
        T(only_writeback_can_be_written),
        T(read_takes_sectors_from_the_disk),
        T(last_sector_can_be_read),
        T(read_behind_the_capacity_fails),
        T(length_is_a_multiple_of_512),
        T(transfer_of_nothing_succeeds_without_the_host),
        T(failed_read_reports_no_data),
        T(what_the_host_does_not_support_is_unsupported),
        T(request_that_the_host_cannot_start_fails),
        T(pages_are_dirty_after_the_read_and_not_only_before),
        T(write_takes_sectors_to_the_disk),
        T(write_behind_the_capacity_fails),
        R(write_to_a_read_only_disk_fails_and_writes_nothing),
        R(discard_on_a_read_only_disk_is_unsupported),
        T(header_may_be_split_over_descriptors),
        T(status_is_the_last_writable_byte),
        T(header_that_is_too_short_is_an_error),
        T(request_without_a_status_byte_needs_reset),
        T(empty_request_needs_reset),
        T(request_has_up_to_seg_max_segments),
        T(flush_goes_to_the_host),
        T(id_is_padded_with_nul_and_not_terminated),
        T(id_is_cut_or_followed_by_nothing_in_other_buffers),
        T(unknown_request_is_unsupported),
    };

    return cmocka_run_group_tests_name("virtio_blk", tests, NULL, NULL);
}
