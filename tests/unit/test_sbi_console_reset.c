/* SPDX-License-Identifier: MIT */
/* Debug console and system reset extensions (SBI v3.0 ch. 10 and 12). */
#include "tests/unit/sbi_call.h"

#define BUFFER (FIXTURE_RAM + 0x3000)
#define END    (FIXTURE_RAM + FIXTURE_RAM_SIZE)

static struct sbiret dbcn(struct fixture *f, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi_ecall(&f->vcpu[0], 0x4442434E, fid, a0, a1, a2, 0, 0);
}

static void write_puts_the_bytes_out_and_returns_their_number(void **state)
{
    struct fixture *f = *state;

    memcpy(f->ram + 0x3000, "hello", 5);
    struct sbiret ret = dbcn(f, 0, 5, BUFFER, 0);
    assert_int_equal(ret.error, 0);
    assert_int_equal(ret.value, 5);
    assert_string_equal(f->output, "hello");
}

static void a_long_write_may_be_partial_but_not_empty(void **state)
{
    struct sbiret ret = dbcn(*state, 0, FIXTURE_RAM_SIZE, FIXTURE_RAM, 0);

    assert_int_equal(ret.error, 0);
    assert_in_range(ret.value, 1, KIB(64)); /* and holds the VM lock for a bounded time */
}

static void read_takes_at_most_num_bytes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(console_push(&f->vm.console, (const uint8_t *)"abcdef", 6), 6);
    struct sbiret ret = dbcn(f, 1, 4, BUFFER, 0);
    assert_int_equal(ret.error, 0);
    assert_int_equal(ret.value, 4);
    assert_memory_equal(f->ram + 0x3000, "abcd\0", 5);
    ret = dbcn(f, 1, FIXTURE_RAM_SIZE - 0x3000, BUFFER, 0);
    assert_int_equal(ret.value, 2);
    assert_memory_equal(f->ram + 0x3000, "efcd\0", 5);
}

static void read_does_not_block_and_writes_nothing_when_there_are_no_bytes(void **state)
{
    struct fixture *f = *state;

    f->ram[0x3000] = 0x55;
    struct sbiret ret = dbcn(f, 1, 16, BUFFER, 0);
    assert_int_equal(ret.error, 0);
    assert_int_equal(ret.value, 0);
    assert_int_equal(f->ram[0x3000], 0x55);
}

static void memory_that_is_not_accessible_is_an_invalid_parameter(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t n, lo, hi;
    } bad[] = {
        {1, FIXTURE_RAM - 1, 0}, {2, FIXTURE_RAM - 1, 0}, {1, END, 0},
        {2, END - 1, 0},         {1, BUFFER, 1},          {UINT64_MAX, BUFFER, 0},
        {1, UINT64_MAX, 0},      {1, 0x10000000, 0},      {UINT64_MAX - BUFFER + 2, BUFFER, 0},
    };

    console_push(&f->vm.console, (const uint8_t *)"x", 1);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        for (uint64_t fid = 0; fid <= 1; fid++) {
            struct sbiret ret = dbcn(f, fid, bad[i].n, bad[i].lo, bad[i].hi);
            assert_int_equal(ret.error, -3);
            assert_int_equal(ret.value, 0);
        }
    }
    assert_int_equal(f->output_length, 0);
    assert_int_equal(f->vm.console.count, 1);
}

static void read_into_read_only_memory_is_an_invalid_parameter(void **state)
{
    struct fixture *f = *state;

    f->vm.mem.slots[0].flags |= GMEM_READ_ONLY;
    console_push(&f->vm.console, (const uint8_t *)"x", 1);
    assert_int_equal(dbcn(f, 1, 1, BUFFER, 0).error, -3);
    assert_int_equal(f->vm.console.count, 1);
}

static void no_bytes_are_no_error_wherever_they_are(void **state)
{
    for (uint64_t fid = 0; fid <= 1; fid++) {
        struct sbiret ret = dbcn(*state, fid, 0, 0, 0);
        assert_int_equal(ret.error, 0);
        assert_int_equal(ret.value, 0);
    }
}

static void write_byte_puts_out_the_low_8_bits(void **state)
{
    struct fixture *f = *state;
    struct sbiret ret = dbcn(f, 2, UINT64_C(0xabcdef00) | 'Z', 0, 0);

    assert_int_equal(ret.error, 0);
    assert_int_equal(ret.value, 0);
    assert_string_equal(f->output, "Z");
}

static void bytes_read_mark_their_page_dirty(void **state)
{
    struct fixture *f = *state;

    console_push(&f->vm.console, (const uint8_t *)"x", 1);
    assert_int_equal(dbcn(f, 1, 1, BUFFER, 0).value, 1);
    assert_true((atomic_load(&f->dirty[0]) >> 3) & 1);
    atomic_store(&f->dirty[0], 0);
    assert_int_equal(dbcn(f, 1, MIB(1), BUFFER, 0).value, 0);
    assert_int_equal(atomic_load(&f->dirty[0]) & ~UINT64_C(8), 0); /* no page that none can reach */
}

static enum exit_action reset(struct fixture *f, uint64_t type, uint64_t reason)
{
    atomic_store(&f->vm.stop, VM_RUNNING);
    return sbi_ecall_noreturn(&f->vcpu[0], 0x53525354, 0, type, reason, 0);
}

static void reset_stops_the_vm_as_its_type_says_and_does_not_return(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(reset(f, 0, 0), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_OFF);
    assert_int_equal(reset(f, 1, 0), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_RESET_COLD);
    assert_int_equal(reset(f, 2, 1), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_RESET_WARM);
}

static void shutdown_for_a_system_failure_is_a_failed_guest(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(reset(f, 0, 1), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_FAILED);
    assert_int_equal(f->vm.stop_code, 1);
}

static void reset_type_and_reason_are_32_bits_wide(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(reset(f, UINT64_C(0xffffffff00000001), UINT64_C(0x100000000)), ACTION_STOP);
    assert_int_equal(atomic_load(&f->vm.stop), VM_RESET_COLD);
}

static void reserved_and_unimplemented_types_and_reasons_are_invalid_parameters(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t type, reason;
    } bad[] = {
        {3, 0},          {0xefffffff, 0}, {0xf0000000, 0}, {0xffffffff, 0}, {0, 2},
        {0, 0xdfffffff}, {0, 0xe0000000}, {1, 0xf0000000}, {0, 0xffffffff},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct sbiret ret =
            sbi_ecall(&f->vcpu[0], 0x53525354, 0, bad[i].type, bad[i].reason, 0, 0, 0);
        assert_int_equal(ret.error, -3);
        assert_int_equal(atomic_load(&f->vm.stop), VM_RUNNING);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(write_puts_the_bytes_out_and_returns_their_number),
        TEST(a_long_write_may_be_partial_but_not_empty),
        TEST(read_takes_at_most_num_bytes),
        TEST(read_does_not_block_and_writes_nothing_when_there_are_no_bytes),
        TEST(memory_that_is_not_accessible_is_an_invalid_parameter),
        TEST(read_into_read_only_memory_is_an_invalid_parameter),
        TEST(no_bytes_are_no_error_wherever_they_are),
        TEST(write_byte_puts_out_the_low_8_bits),
        TEST(bytes_read_mark_their_page_dirty),
        TEST(reset_stops_the_vm_as_its_type_says_and_does_not_return),
        TEST(shutdown_for_a_system_failure_is_a_failed_guest),
        TEST(reset_type_and_reason_are_32_bits_wide),
        TEST(reserved_and_unimplemented_types_and_reasons_are_invalid_parameters),
    };

    return cmocka_run_group_tests_name("sbi console and reset", tests, NULL, NULL);
}
