/* SPDX-License-Identifier: MIT */
/* Chains of descriptors, of a driver that keeps the rules and of one that does not (2.7.4, 2.7.5).
 */
#include "tests/unit/virtio_probe.h"

#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define TABLE    (DRIVER_DATA + MIB(1)) /* of indirect descriptors */
#define RAM_END  (FIXTURE_RAM + FIXTURE_RAM_SIZE)

static struct virtio_probe *started(void **state, uint64_t features)
{
    struct virtio_probe *p = probe_of(state);

    driver_start(&p->driver, DRIVER_PLAIN | features);
    return p;
}

/* Offers chain 0 and expects the device to refuse it and to stop. */
static void expect_failure(struct virtio_probe *p)
{
    struct virtio_driver *d = &p->driver;
    unsigned before = p->requests;

    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, before);
    assert_true(driver_sees_failure(d));
    assert_int_equal(driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
    assert_int_equal(driver_u16(d, d->queue[0].used + 2), 0);
}

static void expect_request(struct virtio_probe *p, unsigned nreadable, unsigned nwritable)
{
    unsigned before = p->requests;

    driver_kick(&p->driver, 0, 0);
    assert_false(driver_sees_failure(&p->driver));
    assert_int_equal(p->requests, before + 1);
    assert_int_equal(p->chain.nreadable, nreadable);
    assert_int_equal(p->chain.nwritable, nwritable);
}

static void descriptors_are_followed_by_next_while_the_flag_is_set(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_NEXT, 5);
    driver_desc(d, 0, 5, DRIVER_DATA + 64, 100, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 2);
    driver_desc(d, 0, 2, DRIVER_DATA + 512, 1, VIRTQ_DESC_F_WRITE, 7);
    expect_request(p, 1, 2);
    assert_int_equal(p->chain.head, 0);
    assert_int_equal(p->chain.readable_bytes, 16);
    assert_int_equal(p->chain.writable_bytes, 101);
    assert_int_equal(p->chain.buffer[0].gpa, DRIVER_DATA);
    assert_int_equal(p->chain.buffer[1].gpa, DRIVER_DATA + 64);
    assert_int_equal(p->chain.buffer[2].length, 1);
    assert_ptr_equal(p->chain.buffer[2].host, driver_ram(d, DRIVER_DATA + 512));
}

static void descriptor_of_length_zero_carries_nothing(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, 0, 0, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DRIVER_DATA, 8, VIRTQ_DESC_F_NEXT, 2);
    driver_desc(d, 0, 2, 0, 0, VIRTQ_DESC_F_WRITE, 0);
    expect_request(p, 1, 0);
    assert_int_equal(p->chain.buffer[0].length, 8);
}

/* Moves the table to where a sound descriptor may follow its last entry. */
static void lengthen_table(struct virtio_driver *d)
{
    d->queue[0].desc = TABLE;
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)TABLE);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    driver_desc(d, 0, DRIVER_NUM, DRIVER_DATA, 8, 0, 0);
}

static void head_outside_the_table_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, 0);

    lengthen_table(&p->driver);
    driver_kick(&p->driver, 0, DRIVER_NUM);
    assert_int_equal(p->requests, 0);
    assert_true(driver_sees_failure(&p->driver));
}

static void next_outside_the_table_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, 0);

    lengthen_table(&p->driver);
    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, VIRTQ_DESC_F_NEXT, DRIVER_NUM);
    expect_failure(p);
}

static void loops_in_a_chain_are_forbidden(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(&p->driver, 0, 1, DRIVER_DATA, 8, VIRTQ_DESC_F_NEXT, 0);
    expect_failure(p);
}

static void loop_of_empty_descriptors_ends_too(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 0, VIRTQ_DESC_F_NEXT, 0);
    expect_failure(p);
}

static void writable_elements_are_placed_after_readable_ones(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 1);
    driver_desc(&p->driver, 0, 1, DRIVER_DATA + 64, 8, 0, 0);
    expect_failure(p);
}

static void buffer_outside_ram_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_BASE, 8, 0, 0);
    expect_failure(p);
}

static void buffer_that_leaves_ram_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, RAM_END - 8, 9, VIRTQ_DESC_F_WRITE, 0);
    expect_failure(p);
}

static void buffer_that_ends_with_ram_is_taken(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, RAM_END - 8, 8, VIRTQ_DESC_F_WRITE, 0);
    expect_request(p, 0, 1);
}

static void buffer_that_wraps_the_address_space_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, UINT64_MAX - 3, 8, 0, 0);
    expect_failure(p);
}

static void device_does_not_write_read_only_memory(void **state)
{
    struct virtio_probe *p = started(state, 0);
    gpa_t rom = RAM_END + MIB(16);
    static uint8_t bytes[4096] __attribute__((aligned(4096)));

    assert_true(gmem_add(&p->virtio.vm->mem, rom, sizeof(bytes), bytes, GMEM_READ_ONLY, NULL) >= 0);
    driver_desc(&p->driver, 0, 0, rom, 8, 0, 0);
    expect_request(p, 1, 0);
    driver_desc(&p->driver, 0, 0, rom, 8, VIRTQ_DESC_F_WRITE, 0);
    driver_kick(&p->driver, 0, 0);
    assert_true(driver_sees_failure(&p->driver));
}

/* One descriptor of the whole RAM, 16 MiB, 256 of which are 2^32 bytes. */
static void chain_is_not_longer_than_2_to_the_32_bytes(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);
    struct virtio_driver *d = &p->driver;
    const unsigned n = 256;
    gpa_t more = RAM_END;
    size_t size = FIXTURE_RAM_SIZE + 4096;
    void *host = aligned_alloc(4096, size);

    assert_non_null(host);
    assert_true(gmem_add(&p->virtio.vm->mem, more, size, host, 0, NULL) >= 0);
    driver_desc(d, 0, 0, TABLE, 16 * n, VIRTQ_DESC_F_INDIRECT, 0);
    for (unsigned i = 0; i < n; i++)
        driver_desc_at(d, TABLE, i, more, FIXTURE_RAM_SIZE, i < n - 1 ? VIRTQ_DESC_F_NEXT : 0,
                       (uint16_t)(i + 1));
    expect_request(p, n, 0);
    assert_int_equal(p->chain.readable_bytes, UINT64_C(1) << 32);
    driver_desc_at(d, TABLE, 0, more, FIXTURE_RAM_SIZE + 1, VIRTQ_DESC_F_NEXT, 1);
    driver_kick(d, 0, 0);
    assert_true(driver_sees_failure(d));
    free(host);
}

/* ---- indirect descriptors (2.7.5.3) ---- */

static void indirect_table_starts_at_index_0_and_chains_by_next(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, TABLE, 16 * 3, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(d, TABLE, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_NEXT, 2);
    driver_desc_at(d, TABLE, 2, DRIVER_DATA + 64, 4, VIRTQ_DESC_F_WRITE, 0);
    expect_request(p, 1, 1);
    assert_int_equal(p->chain.buffer[1].gpa, DRIVER_DATA + 64);
}

static void device_ignores_the_write_flag_of_an_indirect_descriptor(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, TABLE, 16, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE, 0);
    driver_desc_at(d, TABLE, 0, DRIVER_DATA, 16, 0, 0);
    expect_request(p, 1, 0);
}

static void normal_descriptors_may_precede_an_indirect_one(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, TABLE, 32, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(d, TABLE, 0, DRIVER_DATA + 64, 8, VIRTQ_DESC_F_NEXT, 1);
    driver_desc_at(d, TABLE, 1, DRIVER_DATA + 128, 8, VIRTQ_DESC_F_WRITE, 0);
    expect_request(p, 2, 1);
}

static void indirect_needs_the_feature(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(&p->driver, TABLE, 0, DRIVER_DATA, 16, 0, 0);
    expect_failure(p);
}

static void indirect_descriptors_do_not_nest(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc(&p->driver, 0, 0, TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(&p->driver, TABLE, 0, TABLE + 64, 16, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(&p->driver, TABLE + 64, 0, DRIVER_DATA, 16, 0, 0);
    expect_failure(p);
}

static void indirect_and_next_exclude_each_other(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc(&p->driver, 0, 0, TABLE, 16, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_NEXT, 1);
    driver_desc(&p->driver, 0, 1, DRIVER_DATA, 16, 0, 0);
    driver_desc_at(&p->driver, TABLE, 0, DRIVER_DATA, 16, 0, 0);
    expect_failure(p);
}

static void indirect_table_is_a_multiple_of_16_bytes(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc(&p->driver, 0, 0, TABLE, 24, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(&p->driver, TABLE, 0, DRIVER_DATA, 16, 0, 0);
    expect_failure(p);
}

static void indirect_table_is_not_empty(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc(&p->driver, 0, 0, TABLE, 0, VIRTQ_DESC_F_INDIRECT, 0);
    expect_failure(p);
}

static void indirect_table_lies_in_ram(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc_at(&p->driver, RAM_END - 16, 0, DRIVER_DATA, 16, 0, 0);
    driver_desc(&p->driver, 0, 0, RAM_END - 16, 32, VIRTQ_DESC_F_INDIRECT, 0);
    expect_failure(p);
}

static void next_outside_an_indirect_table_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc(&p->driver, 0, 0, TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(&p->driver, TABLE, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_NEXT, 1);
    driver_desc_at(&p->driver, TABLE, 1, DRIVER_DATA, 16, 0, 0);
    expect_failure(p);
}

static void loop_in_an_indirect_table_needs_reset(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);

    driver_desc(&p->driver, 0, 0, TABLE, 16, VIRTQ_DESC_F_INDIRECT, 0);
    driver_desc_at(&p->driver, TABLE, 0, DRIVER_DATA, 16, VIRTQ_DESC_F_NEXT, 0);
    expect_failure(p);
}

static void chain_may_be_as_long_as_the_largest_queue(void **state)
{
    struct virtio_probe *p = started(state, INDIRECT);
    struct virtio_driver *d = &p->driver;
    const unsigned n = VIRTIO_CHAIN_MAX;

    driver_desc(d, 0, 0, TABLE, 16 * (n + 1), VIRTQ_DESC_F_INDIRECT, 0);
    for (unsigned i = 0; i < n + 1; i++)
        driver_desc_at(d, TABLE, i, DRIVER_DATA, 1, i < n - 1 ? VIRTQ_DESC_F_NEXT : 0,
                       (uint16_t)(i + 1));
    expect_request(p, n, 0);
    driver_desc_at(d, TABLE, n - 1, DRIVER_DATA, 1, VIRTQ_DESC_F_NEXT, (uint16_t)n);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 1);
    assert_true(driver_sees_failure(d));
}

/* ---- copying ---- */

static void message_framing_does_not_matter_when_reading(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;
    char out[8];

    memcpy(driver_ram(d, DRIVER_DATA), "abc", 3);
    memcpy(driver_ram(d, DRIVER_DATA + 64), "defgh", 5);
    driver_desc(d, 0, 0, DRIVER_DATA, 3, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DRIVER_DATA + 64, 5, 0, 0);
    expect_request(p, 2, 0);
    assert_true(virtio_chain_read(&p->chain, 0, out, 8));
    assert_memory_equal(out, "abcdefgh", 8);
    assert_true(virtio_chain_read(&p->chain, 2, out, 2));
    assert_memory_equal(out, "cd", 2);
    assert_true(virtio_chain_read(&p->chain, 4, out, 4));
    assert_memory_equal(out, "efgh", 4);
    assert_false(virtio_chain_read(&p->chain, 1, out, 8));
    assert_false(virtio_chain_read(&p->chain, UINT64_MAX, out, 1));
}

static void writing_fills_the_writable_part_and_marks_it_dirty(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;
    uint64_t page = (DRIVER_DATA + 64 - FIXTURE_RAM) >> PAGE_SHIFT;

    driver_desc(d, 0, 0, DRIVER_DATA + 8192, 3, VIRTQ_DESC_F_NEXT, 1);
    driver_desc(d, 0, 1, DRIVER_DATA, 2, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 2);
    driver_desc(d, 0, 2, DRIVER_DATA + 64, 4, VIRTQ_DESC_F_WRITE, 0);
    expect_request(p, 1, 2);
    atomic_store(&d->f->dirty[page / 64], 0);
    assert_int_equal(virtio_chain_write(&p->virtio, &p->chain, "0123456789", 10), 6);
    assert_memory_equal(driver_ram(d, DRIVER_DATA), "01", 3);
    assert_memory_equal(driver_ram(d, DRIVER_DATA + 64), "2345", 5);
    assert_memory_equal(driver_ram(d, DRIVER_DATA + 8192), "\0\0", 3);
    assert_true(atomic_load(&d->f->dirty[page / 64]) & (UINT64_C(1) << (page % 64)));
}

#define T(f) cmocka_unit_test_setup_teardown(f, probe_setup, probe_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(descriptors_are_followed_by_next_while_the_flag_is_set),
        T(descriptor_of_length_zero_carries_nothing),
        T(head_outside_the_table_needs_reset),
        T(next_outside_the_table_needs_reset),
        T(loops_in_a_chain_are_forbidden),
        T(loop_of_empty_descriptors_ends_too),
        T(writable_elements_are_placed_after_readable_ones),
        T(buffer_outside_ram_needs_reset),
        T(buffer_that_leaves_ram_needs_reset),
        T(buffer_that_ends_with_ram_is_taken),
        T(buffer_that_wraps_the_address_space_needs_reset),
        T(device_does_not_write_read_only_memory),
        T(chain_is_not_longer_than_2_to_the_32_bytes),
        T(indirect_table_starts_at_index_0_and_chains_by_next),
        T(device_ignores_the_write_flag_of_an_indirect_descriptor),
        T(normal_descriptors_may_precede_an_indirect_one),
        T(indirect_needs_the_feature),
        T(indirect_descriptors_do_not_nest),
        T(indirect_and_next_exclude_each_other),
        T(indirect_table_is_a_multiple_of_16_bytes),
        T(indirect_table_is_not_empty),
        T(indirect_table_lies_in_ram),
        T(next_outside_an_indirect_table_needs_reset),
        T(loop_in_an_indirect_table_needs_reset),
        T(chain_may_be_as_long_as_the_largest_queue),
        T(message_framing_does_not_matter_when_reading),
        T(writing_fills_the_writable_part_and_marks_it_dirty),
    };

    return cmocka_run_group_tests_name("virtio_chain", tests, NULL, NULL);
}
