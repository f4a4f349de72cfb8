/* SPDX-License-Identifier: MIT */
/* The calling convention and the base extension (SBI v3.0 ch. 3 and 4). */
#include "tests/unit/sbi_call.h"

static struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    return &f->vcpu[0];
}

static struct sbiret base(void **state, uint64_t fid, uint64_t a0)
{
    return sbi_ecall(hart(state), 0x10, fid, a0, 0, 0, 0, 0);
}

static void spec_version_has_the_minor_number_in_the_low_24_bits(void **state)
{
    struct sbiret ret = base(state, 0, 0);

    assert_int_equal(ret.error, 0);
    assert_int_equal(ret.value, 0x03000000);
}

static void implementation_id_is_none_of_the_assigned_ones(void **state)
{
    struct sbiret ret = base(state, 1, 0);

    assert_int_equal(ret.error, 0);
    assert_true(ret.value > 15);
    assert_int_equal(base(state, 2, 0).error, 0);
}

static void probe_returns_1_for_what_is_there_and_0_for_the_rest(void **state)
{
    static const uint64_t there[] = {0,          8,          0x10,     0x54494D45, 0x735049,
                                     0x52464E43, 0x53525354, 0x48534D, 0x4442434E};
    static const uint64_t absent[] = {
        9, 0xf, 0x11, 0x504D55, 0x53555350, UINT64_C(0x100000010), UINT64_MAX, 0x0a000000};

    for (unsigned i = 0; i < ARRAY_SIZE(there); i++) {
        assert_int_equal(base(state, 3, there[i]).value, 1);
        assert_int_equal(base(state, 3, there[i]).error, 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        assert_int_equal(base(state, 3, absent[i]).value, 0);
        assert_int_equal(base(state, 3, absent[i]).error, 0);
    }
}

static void machine_ids_are_0(void **state)
{
    for (uint64_t fid = 4; fid <= 6; fid++) {
        assert_int_equal(base(state, fid, 0).error, 0);
        assert_int_equal(base(state, fid, 0).value, 0);
    }
}

static void machine_ids_are_those_of_a_machine_that_is_known(void **state)
{
    struct vm *vm = hart(state)->vm;

    vm->mvendorid = 0x489;
    vm->marchid = UINT64_C(0x8000000000000007);
    vm->mimpid = 0x421;
    assert_int_equal(base(state, 4, 0).value, 0x489);
    assert_int_equal(base(state, 5, 0).value, UINT64_C(0x8000000000000007));
    assert_int_equal(base(state, 6, 0).value, 0x421);
}

static void an_unknown_extension_is_not_supported(void **state)
{
    static const uint64_t unknown[] = {0x11, 0x504D55, UINT64_MAX, UINT64_C(0x100000010)};

    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_int_equal(sbi_ecall(hart(state), unknown[i], 0, 0, 0, 0, 0, 0).error, -2);
}

static void an_unknown_function_is_not_supported(void **state)
{
    static const struct {
        uint64_t eid, fid;
    } unknown[] = {
        {0x10, 7},
        {0x10, UINT64_MAX},
        {0x54494D45, 1},
        {0x735049, 1},
        {0x52464E43, 7},
        {0x48534D, 4},
        {0x53525354, 1},
        {0x4442434E, 3},
        {0x10, UINT64_C(0x100000000)},
        {0x48534D, UINT64_C(0x100000001)},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_int_equal(
            sbi_ecall(hart(state), unknown[i].eid, unknown[i].fid, 0, 0, 0, 0, 0).error, -2);
}

static void an_unassigned_legacy_extension_leaves_a1_alone(void **state)
{
    for (uint64_t eid = 9; eid <= 0xf; eid++) {
        struct sbiret ret = sbi_ecall(hart(state), eid, 0, 1, 0xabcdef, 0, 0, 0);
        assert_int_equal(ret.error, -2);
        assert_int_equal(ret.value, 0xabcdef);
    }
}

static void a_call_retires_as_one_instruction(void **state)
{
    struct vcpu *vcpu = hart(state);

    base(state, 0, 0);
    base(state, 99, 0);
    assert_int_equal(vcpu->priv.instret, 2);
    assert_int_equal(vcpu->priv.cycle, 2);
}

static uint64_t traced[3];

static void trace(struct vm *vm, struct vcpu *vcpu, uint64_t kind, uint64_t a, uint64_t b)
{
    (void)vm;
    (void)vcpu;
    traced[0] = kind;
    traced[1] = a;
    traced[2] = b;
}

static void calls_are_traced_with_extension_and_function(void **state)
{
    hart(state)->vm->trace = trace;
    base(state, 5, 0);
    assert_int_equal(traced[0], VM_TRACE_SBI);
    assert_int_equal(traced[1], 0x10);
    assert_int_equal(traced[2], 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(spec_version_has_the_minor_number_in_the_low_24_bits),
        TEST(implementation_id_is_none_of_the_assigned_ones),
        TEST(probe_returns_1_for_what_is_there_and_0_for_the_rest),
        TEST(machine_ids_are_0),
        TEST(machine_ids_are_those_of_a_machine_that_is_known),
        TEST(an_unknown_extension_is_not_supported),
        TEST(an_unknown_function_is_not_supported),
        TEST(an_unassigned_legacy_extension_leaves_a1_alone),
        TEST(a_call_retires_as_one_instruction),
        TEST(calls_are_traced_with_extension_and_function),
    };

    return cmocka_run_group_tests_name("sbi base", tests, NULL, NULL);
}
