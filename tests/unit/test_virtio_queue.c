/* SPDX-License-Identifier: MIT */
/* The rings of split virtqueues and their notifications (2.7.6-2.7.14). */
#include "tests/unit/virtio_probe.h"

#define EVENT VIRTIO_BIT(VIRTIO_F_EVENT_IDX)

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

/* ---- the available ring ---- */

static void whole_ring_of_chains_is_taken_at_once(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;
    uint32_t id, len;

    for (uint16_t i = 0; i < DRIVER_NUM; i++) {
        driver_desc(d, 0, i, DRIVER_DATA, 8, 0, 0);
        driver_offer(d, 0, (uint16_t)(DRIVER_NUM - 1 - i));
    }
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(p->requests, DRIVER_NUM);
    for (uint16_t i = 0; i < DRIVER_NUM; i++) {
        assert_true(driver_used(d, 0, &id, &len));
        assert_int_equal(id, DRIVER_NUM - 1 - i);
    }
    assert_false(driver_used(d, 0, &id, &len));
}

static void index_may_not_run_ahead_of_the_ring(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_set_u16(d, d->queue[0].avail + 2, DRIVER_NUM + 1);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(p->requests, 0);
    assert_true(driver_sees_failure(d));
}

static void driver_must_not_decrement_the_index(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    driver_kick(d, 0, 0);
    driver_set_u16(d, d->queue[0].avail + 2, 1);
    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(p->requests, 2);
    assert_true(driver_sees_failure(d));
}

static void indexes_wrap_naturally_at_65536(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;
    uint32_t id, len;

    driver_desc(d, 0, 3, DRIVER_DATA, 8, 0, 0);
    for (unsigned i = 0; i < 65536 + 3; i++) {
        p->answer = i;
        driver_kick(d, 0, 3);
        assert_true(driver_used(d, 0, &id, &len));
        assert_int_equal(id, 3);
        assert_int_equal(len, i);
    }
    assert_int_equal(driver_u16(d, d->queue[0].used + 2), 3);
    assert_false(driver_sees_failure(d));
}

static void device_handles_spurious_notifications(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_write(&p->driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(p->requests, 0);
    assert_false(driver_sees_failure(&p->driver));
}

static void device_without_room_leaves_chains_in_the_ring(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->full = true;
    driver_kick(&p->driver, 0, 0);
    assert_int_equal(p->requests, 0);
    p->full = false;
    virtio_queue_run(&p->virtio, 0);
    assert_int_equal(p->requests, 1);
}

/* ---- failure (2.1.2) ---- */

static void failed_device_consumes_nothing_until_it_is_reset(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_BASE, 8, 0, 0);
    expect_failure(p);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 0);
    driver_start(d, DRIVER_PLAIN);
    assert_false(driver_sees_failure(d));
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    expect_request(p, 1, 0);
}

static void failure_sends_a_configuration_change_notification(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_BASE, 8, 0, 0);
    expect_failure(p);
    assert_true(p->driver.line);
    assert_int_equal(p->driver.raised, 1);
    assert_int_equal(p->driver.f->messages, 1);
}

static void failure_in_a_batch_keeps_what_was_done_before(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;
    uint32_t id, len;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_desc(d, 0, 1, DRIVER_BASE, 8, 0, 0);
    driver_offer(d, 0, 0);
    driver_offer(d, 0, 1);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 1);
    assert_true(driver_used(d, 0, &id, &len));
    assert_false(driver_used(d, 0, &id, &len));
    assert_true(driver_sees_failure(d));
}

/* One part of queue 0 lies in memory of its own, which then goes away. */
static void expect_failure_without(struct virtio_probe *p, uint32_t part)
{
    struct virtio_driver *d = &p->driver;
    struct gmem *mem = &d->f->vm.mem;
    static uint8_t bytes[4096] __attribute__((aligned(4096)));
    int slot = gmem_add(mem, FIXTURE_RAM + FIXTURE_RAM_SIZE, sizeof(bytes), bytes, 0, NULL);

    assert_true(slot > 0);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    memcpy(bytes, driver_ram(d, d->queue[0].desc), 16);
    driver_write(d, part, (uint32_t)(FIXTURE_RAM + FIXTURE_RAM_SIZE));
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 1);
    assert_int_equal(gmem_remove(mem, (unsigned)slot), 0);
    driver_kick(d, 0, 0);
    assert_true(driver_sees_failure(d));
}

static void queue_without_its_descriptor_table_needs_reset(void **state)
{
    expect_failure_without(started(state, 0), VIRTIO_MMIO_QUEUE_DESC_LOW);
}

static void queue_without_its_available_ring_needs_reset(void **state)
{
    expect_failure_without(started(state, 0), VIRTIO_MMIO_QUEUE_DRIVER_LOW);
}

static void queue_without_its_used_ring_needs_reset(void **state)
{
    expect_failure_without(started(state, 0), VIRTIO_MMIO_QUEUE_DEVICE_LOW);
}

/* ---- the used ring and its notifications (2.7.7, 2.7.8) ---- */

static void used_element_holds_head_and_length(void **state)
{
    struct virtio_probe *p = started(state, 0);
    uint32_t id, len;

    driver_desc(&p->driver, 0, 6, DRIVER_DATA, 800, VIRTQ_DESC_F_WRITE, 0);
    p->answer = 777;
    driver_kick(&p->driver, 0, 6);
    assert_true(driver_used(&p->driver, 0, &id, &len));
    assert_int_equal(id, 6);
    assert_int_equal(len, 777);
}

static void chains_may_be_used_in_another_order(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;
    uint32_t id, len;

    driver_desc(d, 0, 1, DRIVER_DATA, 8, 0, 0);
    driver_desc(d, 0, 2, DRIVER_DATA, 8, 0, 0);
    p->hold = true;
    driver_kick(d, 0, 1);
    driver_kick(d, 0, 2);
    assert_false(driver_used(d, 0, &id, &len));
    virtio_queue_push(&p->virtio, 0, 2, 0);
    virtio_queue_push(&p->virtio, 0, 1, 0);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 2);
    assert_true(driver_used(d, 0, &id, &len));
    assert_int_equal(id, 1);
}

static void flags_0_asks_for_a_notification(void **state)
{
    struct virtio_probe *p = started(state, 0);

    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(&p->driver, 0, 0);
    assert_true(p->driver.line);
    assert_int_equal(driver_read(&p->driver, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_USED);
}

static void flags_1_suppresses_the_notification(void **state)
{
    struct virtio_probe *p = started(state, 0);
    uint32_t id, len;

    driver_set_u16(&p->driver, p->driver.queue[0].avail, VIRTQ_AVAIL_F_NO_INTERRUPT);
    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(&p->driver, 0, 0);
    assert_true(driver_used(&p->driver, 0, &id, &len));
    assert_false(p->driver.line);
    assert_int_equal(driver_read(&p->driver, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

static void set_used_event(struct virtio_driver *d, uint16_t value)
{
    driver_set_u16(d, d->queue[0].avail + 4 + 2 * DRIVER_NUM, value);
}

static void used_event_is_ignored_without_the_feature(void **state)
{
    struct virtio_probe *p = started(state, 0);

    set_used_event(&p->driver, 100);
    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(&p->driver, 0, 0);
    assert_true(p->driver.line);
}

static void notification_comes_when_the_index_was_used_event(void **state)
{
    struct virtio_probe *p = started(state, EVENT);
    struct virtio_driver *d = &p->driver;

    set_used_event(d, 2);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    driver_kick(d, 0, 0);
    assert_false(d->line);
    driver_kick(d, 0, 0);
    assert_true(d->line);
    driver_write(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_USED);
    driver_kick(d, 0, 0);
    assert_false(d->line);
}

static void flags_are_ignored_with_event_idx(void **state)
{
    struct virtio_probe *p = started(state, EVENT);
    struct virtio_driver *d = &p->driver;

    driver_set_u16(d, d->queue[0].avail, VIRTQ_AVAIL_F_NO_INTERRUPT);
    set_used_event(d, 0);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_true(d->line);
}

/* ---- notifications to the device (2.7.10) ---- */

static uint16_t avail_event(struct virtio_driver *d)
{
    return driver_u16(d, d->queue[0].used + 4 + 8 * DRIVER_NUM);
}

static void drained_device_asks_for_the_next_chain(void **state)
{
    struct virtio_probe *p = started(state, EVENT);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_offer(d, 0, 0);
    driver_offer(d, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(avail_event(d), 3);
}

static void avail_event_is_left_alone_without_the_feature(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(avail_event(d), 0);
}

static void flags_of_the_used_ring_stay_0(void **state)
{
    struct virtio_probe *p = started(state, EVENT);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(driver_u16(d, d->queue[0].used), 0);
}

/* Called before each look at the ring. The second of them finds it empty; what comes between that
 * and the write of avail_event carries no notification. */
static void offer_on_third_call(struct virtio_probe *p)
{
    static unsigned calls;

    if (++calls == 3)
        driver_offer(&p->driver, 0, 0);
}

static void device_looks_again_after_it_set_avail_event(void **state)
{
    struct virtio_probe *p = started(state, EVENT);

    driver_desc(&p->driver, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->on_room = offer_on_third_call;
    driver_kick(&p->driver, 0, 0);
    assert_int_equal(p->requests, 2);
}

/* ---- a driver that never stops ---- */

static void (*deferred_work)(void *arg);
static void *deferred_arg;
static unsigned deferrals;

static void record_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    (void)vm;
    deferred_work = work;
    deferred_arg = arg;
    deferrals++;
}

static void offer_another(struct virtio_probe *p)
{
    if (p->requests < 100000)
        driver_offer(&p->driver, 0, 0);
}

static void driver_that_keeps_adding_does_not_keep_the_device(void **state)
{
    struct virtio_probe *p = started(state, EVENT);
    struct virtio_driver *d = &p->driver;
    struct host_ops host = *d->f->vm.host;

    host.defer = record_defer;
    d->f->vm.host = &host;
    deferrals = 0;
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->on_request = offer_another;
    driver_kick(d, 0, 0);
    assert_in_range(p->requests, 2, 2 * VIRTIO_QUEUE_NUM_MAX);
    assert_int_equal(deferrals, 1);
    assert_false(d->slot.dev.ops->quiesced(&d->slot.dev));

    driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
    assert_int_equal(deferrals, 1); /* the first one is still to come */

    p->on_request = NULL;
    unsigned before = p->requests;
    deferred_work(deferred_arg);
    assert_int_equal(p->requests, before + 1); /* the last one that was added */
    assert_int_equal(deferrals, 1);
    assert_true(d->slot.dev.ops->quiesced(&d->slot.dev));
}

/* ---- who may touch the rings when ---- */

static void device_does_not_consume_buffers_before_driver_ok(void **state)
{
    struct virtio_probe *p = probe_of(state);
    struct virtio_driver *d = &p->driver;

    driver_negotiate(d, DRIVER_PLAIN);
    driver_setup_queue(d, 0, DRIVER_NUM);
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 0);
    driver_write(d, VIRTIO_MMIO_STATUS, 15);
    assert_int_equal(p->requests, 1);
}

static void stopped_queue_is_not_touched(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->hold = true;
    driver_kick(d, 0, 0);
    assert_true(virtio_queue_current(&p->virtio, 0, p->chain.generation));
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    assert_false(virtio_queue_current(&p->virtio, 0, p->chain.generation));
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 1);
}

static void queue_started_again_is_another_queue(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->hold = true;
    driver_kick(d, 0, 0);
    driver_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
    driver_setup_queue(d, 0, DRIVER_NUM);
    assert_false(virtio_queue_current(&p->virtio, 0, p->chain.generation));
    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    driver_kick(d, 0, 0);
    assert_int_equal(p->requests, 2); /* its indexes start from 0 again */
    assert_true(virtio_queue_current(&p->virtio, 0, p->chain.generation));
}

static void reset_makes_requests_of_before_stale(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->hold = true;
    driver_kick(d, 0, 0);
    driver_start(d, DRIVER_PLAIN);
    assert_false(virtio_queue_current(&p->virtio, 0, p->chain.generation));
}

static void failed_device_leaves_the_rings_alone(void **state)
{
    struct virtio_probe *p = started(state, 0);
    struct virtio_driver *d = &p->driver;

    driver_desc(d, 0, 0, DRIVER_DATA, 8, 0, 0);
    p->hold = true;
    driver_kick(d, 0, 0);
    driver_kick(d, 0, 99);
    assert_true(driver_sees_failure(d));
    assert_false(virtio_queue_current(&p->virtio, 0, p->chain.generation));
}

#define T(f) cmocka_unit_test_setup_teardown(f, probe_setup, probe_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(whole_ring_of_chains_is_taken_at_once),
        T(index_may_not_run_ahead_of_the_ring),
        T(driver_must_not_decrement_the_index),
        T(indexes_wrap_naturally_at_65536),
        T(device_handles_spurious_notifications),
        T(device_without_room_leaves_chains_in_the_ring),
        T(failed_device_consumes_nothing_until_it_is_reset),
        T(failure_sends_a_configuration_change_notification),
        T(failure_in_a_batch_keeps_what_was_done_before),
        T(queue_without_its_descriptor_table_needs_reset),
        T(queue_without_its_available_ring_needs_reset),
        T(queue_without_its_used_ring_needs_reset),
        T(used_element_holds_head_and_length),
        T(chains_may_be_used_in_another_order),
        T(flags_0_asks_for_a_notification),
        T(flags_1_suppresses_the_notification),
        T(used_event_is_ignored_without_the_feature),
        T(notification_comes_when_the_index_was_used_event),
        T(flags_are_ignored_with_event_idx),
        T(drained_device_asks_for_the_next_chain),
        T(avail_event_is_left_alone_without_the_feature),
        T(flags_of_the_used_ring_stay_0),
        T(device_looks_again_after_it_set_avail_event),
        T(driver_that_keeps_adding_does_not_keep_the_device),
        T(device_does_not_consume_buffers_before_driver_ok),
        T(stopped_queue_is_not_touched),
        T(queue_started_again_is_another_queue),
        T(reset_makes_requests_of_before_stale),
        T(failed_device_leaves_the_rings_alone),
    };

    return cmocka_run_group_tests_name("virtio_queue", tests, NULL, NULL);
}
