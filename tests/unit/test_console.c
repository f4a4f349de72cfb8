/* SPDX-License-Identifier: MIT */
/* The console's ring of input (see core/console.h). */
#include "tests/unit/fixture.h"

static unsigned changes;

static void count_change(void *ctx)
{
    assert_ptr_equal(ctx, &changes);
    changes++;
}

static struct console *console(void **state)
{
    struct fixture *f = *state;

    changes = 0;
    f->vm.console.changed = count_change;
    f->vm.console.ctx = &changes;
    return &f->vm.console;
}

static void fill(uint8_t *bytes, size_t length, uint8_t first)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(first + i);
}

static void a_full_ring_takes_no_more_and_keeps_what_it_has(void **state)
{
    struct console *c = console(state);
    uint8_t in[CONSOLE_RING + 5], out[CONSOLE_RING + 5];

    fill(in, sizeof(in), 0);
    assert_int_equal(console_push(c, in, 10), 10);
    assert_int_equal(console_push(c, in + 10, sizeof(in) - 10), CONSOLE_RING - 10);
    assert_int_equal(c->count, CONSOLE_RING);
    assert_int_equal(console_push(c, in, 1), 0);
    assert_int_equal(changes, 2); /* there was no third */
    assert_int_equal(console_pull(c, out, sizeof(out)), CONSOLE_RING);
    assert_memory_equal(in, out, CONSOLE_RING);
}

static void a_pull_takes_what_there_is_and_no_more_than_was_asked_for(void **state)
{
    struct console *c = console(state);
    uint8_t out[8] = {0};

    assert_int_equal(console_pull(c, out, sizeof(out)), 0);
    assert_int_equal(changes, 0);
    assert_int_equal(console_push(c, (const uint8_t *)"abcde", 5), 5);
    assert_int_equal(console_pull(c, out, 2), 2);
    assert_memory_equal(out, "ab\0", 3);
    assert_int_equal(console_pull(c, out, sizeof(out)), 3);
    assert_memory_equal(out, "cde\0", 4);
}

static void bytes_keep_their_order_around_the_end_of_the_ring(void **state)
{
    struct console *c = console(state);
    uint8_t in[CONSOLE_RING], out[CONSOLE_RING];

    for (unsigned round = 0; round < 7; round++) {
        fill(in, sizeof(in), (uint8_t)round);
        assert_int_equal(console_push(c, in, 700), 700);
        assert_int_equal(console_pull(c, out, sizeof(out)), 700);
        assert_memory_equal(in, out, 700);
    }
}

static void the_host_hears_that_there_is_room_again_if_it_wants_to(void **state)
{
    struct console *c = console(state);
    struct fixture *f = *state;
    struct host_ops deaf = *f->vm.host;
    uint8_t byte;

    assert_int_equal(console_push(c, (const uint8_t *)"ab", 2), 2);
    assert_int_equal(f->room_calls, 0);
    assert_int_equal(console_pull(c, &byte, 1), 1);
    assert_int_equal(f->room_calls, 1);
    deaf.console_room = NULL;
    f->vm.host = &deaf;
    assert_int_equal(console_pull(c, &byte, 1), 1);
    assert_int_equal(f->room_calls, 1);
}

static void a_console_that_no_device_watches_works_all_the_same(void **state)
{
    struct fixture *f = *state;
    uint8_t byte = 0;

    assert_int_equal(console_push(&f->vm.console, (const uint8_t *)"a", 1), 1);
    assert_int_equal(console_pull(&f->vm.console, &byte, 1), 1);
    assert_int_equal(byte, 'a');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_full_ring_takes_no_more_and_keeps_what_it_has),
        TEST(a_pull_takes_what_there_is_and_no_more_than_was_asked_for),
        TEST(bytes_keep_their_order_around_the_end_of_the_ring),
        TEST(the_host_hears_that_there_is_room_again_if_it_wants_to),
        TEST(a_console_that_no_device_watches_works_all_the_same),
    };

    return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
