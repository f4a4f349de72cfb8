/* SPDX-License-Identifier: MIT */
/* Byte streams (see core/stream.h). */
#include "tests/unit/fixture.h"

static void integers_are_little_endian(void **state)
{
    struct memory_stream m;
    uint32_t u32 = 0;
    uint64_t u64 = 0;

    (void)state;
    memory_stream_init(&m);
    assert_int_equal(stream_put_u32(&m.stream, 0x04030201), 0);
    assert_int_equal(stream_put_u64(&m.stream, UINT64_C(0x8c0b0a0908070605)), 0);
    assert_int_equal(m.length, 12);
    assert_memory_equal(m.data, "\1\2\3\4\5\6\7\10\11\12\13\214", 12);
    memory_stream_rewind(&m);
    assert_int_equal(stream_get_u32(&m.stream, &u32), 0);
    assert_int_equal(stream_get_u64(&m.stream, &u64), 0);
    assert_int_equal(u32, 0x04030201);
    assert_int_equal(u64, UINT64_C(0x8c0b0a0908070605));
    memory_stream_free(&m);
}

static unsigned calls;
static int answer;

static int count_write(void *ctx, const void *data, size_t length)
{
    (void)ctx;
    (void)data;
    (void)length;
    calls++;
    return answer;
}

static int count_read(void *ctx, void *data, size_t length)
{
    (void)ctx;
    memset(data, 0xff, length);
    calls++;
    return answer;
}

static void the_first_error_sticks_and_later_calls_do_nothing(void **state)
{
    struct stream out = {.write = count_write}, in = {.read = count_read};
    uint64_t value;

    (void)state;
    calls = 0;
    answer = ERR_IO;
    assert_int_equal(stream_put_u32(&out, 1), ERR_IO);
    assert_int_equal(stream_get_u64(&in, &value), ERR_IO);
    answer = 0;
    assert_int_equal(stream_put_u64(&out, 1), ERR_IO);
    assert_int_equal(stream_get_u64(&in, &value), ERR_IO);
    assert_int_equal(calls, 2);
}

static void an_integer_that_could_not_be_read_is_0(void **state)
{
    struct stream in = {.read = count_read};
    uint64_t u64 = 5;
    uint32_t u32 = 5;

    (void)state;
    answer = ERR_TRUNCATED;
    assert_int_equal(stream_get_u64(&in, &u64), ERR_TRUNCATED);
    assert_int_equal(stream_get_u32(&in, &u32), ERR_TRUNCATED);
    assert_int_equal(u64, 0);
    assert_int_equal(u32, 0);
}

static void a_stream_goes_one_way(void **state)
{
    struct stream out = {.write = count_write}, in = {.read = count_read};
    uint32_t value;

    (void)state;
    answer = 0;
    assert_int_equal(stream_get_u32(&out, &value), ERR_INVALID);
    assert_int_equal(stream_put_u32(&in, 1), ERR_INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(the_first_error_sticks_and_later_calls_do_nothing),
        cmocka_unit_test(an_integer_that_could_not_be_read_is_0),
        cmocka_unit_test(a_stream_goes_one_way),
    };

    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
