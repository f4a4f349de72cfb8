/* SPDX-License-Identifier: MIT */
/* The interpreter's debug operation: single step and breakpoints. */
#include "engine/interp/interp.h"
#include "tests/unit/fixture.h"

static struct vcpu *hart(void **state)
{
    return &((struct fixture *)*state)->vcpu[0];
}

static int setup(void **state)
{
    static const uint32_t code[] = {0x00150513, 0x00158593, 0x00160613, 0xff5ff06f};
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    f->vm.engine = &engine_interp;
    assert_int_equal(engine_interp.vcpu_create(hart(state)), 0);
    memcpy(f->ram, code, sizeof(code)); /* addi a0..a2 by 1; j to the first */
    return 0;
}

static int teardown(void **state)
{
    engine_interp.vcpu_destroy(hart(state));
    return fixture_teardown(state);
}

static void step_ends_after_one_instruction(void **state)
{
    struct vcpu *v = hart(state);

    assert_int_equal(engine_interp.debug(v, true, NULL, 0), 0);
    for (unsigned i = 1; i <= 4; i++) {
        engine_interp.run(v);
        assert_int_equal(v->priv.exit.kind, EXIT_DEBUG);
        assert_int_equal(v->user.pc, FIXTURE_RAM + 4 * (i % 4));
        assert_int_equal(v->priv.instret, i);
    }
}

static void breakpoint_ends_before_its_instruction_and_can_be_left(void **state)
{
    const gva_t at = FIXTURE_RAM + 8;
    struct vcpu *v = hart(state);

    assert_int_equal(engine_interp.debug(v, false, &at, 1), 0);
    for (unsigned i = 1; i <= 3; i++) {
        engine_interp.run(v);
        assert_int_equal(v->priv.exit.kind, EXIT_DEBUG);
        assert_int_equal(v->priv.exit.addr, at);
        assert_int_equal(v->user.pc, at);
        assert_int_equal(v->user.x[10], i);
        assert_int_equal(v->user.x[12], i - 1);
    }
}

static void breakpoint_where_run_begins_ends_it_once_before_anything_is_executed(void **state)
{
    const gva_t at = FIXTURE_RAM;
    struct vcpu *v = hart(state);

    assert_int_equal(engine_interp.debug(v, false, &at, 1), 0);
    for (unsigned i = 0; i < 3; i++) {
        engine_interp.run(v);
        assert_int_equal(v->priv.exit.kind, EXIT_DEBUG);
        assert_int_equal(v->user.pc, at);
        assert_int_equal(v->user.x[10], i);
    }
}

static void breakpoint_behind_an_instruction_that_needs_the_core_is_met(void **state)
{
    static const uint32_t code[] = {0x10500073, 0x00150513}; /* wfi; addi a0, a0, 1 */
    const gva_t at = FIXTURE_RAM + 4;
    struct fixture *f = *state;
    struct vcpu *v = hart(state);

    memcpy(f->ram, code, sizeof(code));
    assert_int_equal(engine_interp.debug(v, false, &at, 1), 0);
    engine_interp.run(v);
    assert_int_equal(v->priv.exit.kind, EXIT_WFI);
    engine_interp.run(v);
    assert_int_equal(v->priv.exit.kind, EXIT_DEBUG);
    assert_int_equal(v->user.pc, at);
    assert_int_equal(v->user.x[10], 0);
}

static void a_stop_of_long_ago_hides_no_breakpoint(void **state)
{
    /* addi a0, a0, 1; wfi; j to the first */
    static const uint32_t code[] = {0x00150513, 0x10500073, 0xff9ff06f};
    const gva_t at = FIXTURE_RAM + 8;
    struct fixture *f = *state;
    struct vcpu *v = hart(state);

    memcpy(f->ram, code, sizeof(code));
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(engine_interp.debug(v, false, NULL, 0), 0);
        engine_interp.run(v);
        assert_int_equal(v->priv.exit.kind, EXIT_WFI);
        assert_int_equal(engine_interp.debug(v, false, &at, 1), 0);
        engine_interp.run(v);
        assert_int_equal(v->priv.exit.kind, EXIT_DEBUG);
        assert_int_equal(v->user.pc, at);
        assert_int_equal(v->user.x[10], i);
    }
}

static void without_either_the_guest_runs_on(void **state)
{
    const gva_t at = FIXTURE_RAM + 8;
    struct vcpu *v = hart(state);

    assert_int_equal(engine_interp.debug(v, true, &at, 1), 0);
    assert_int_equal(engine_interp.debug(v, false, NULL, 0), 0);
    v->run_limit = 100;
    engine_interp.run(v);
    assert_int_equal(v->priv.exit.kind, EXIT_HOST);
    assert_true(v->priv.instret >= 100);
}

static void more_breakpoints_than_there_is_room_for_are_refused(void **state)
{
    static const gva_t at[INTERP_BREAKPOINTS + 1];

    assert_int_equal(engine_interp.debug(hart(state), false, at, INTERP_BREAKPOINTS), 0);
    assert_int_equal(engine_interp.debug(hart(state), false, at, INTERP_BREAKPOINTS + 1),
                     ERR_NO_MEMORY);
}

static void a_vcpu_whose_instret_is_at_its_end_still_runs(void **state)
{
    struct vcpu *v = hart(state);

    v->priv.instret = UINT64_MAX;
    assert_int_equal(engine_interp.debug(v, true, NULL, 0), 0);
    engine_interp.run(v);
    assert_int_equal(v->priv.exit.kind, EXIT_DEBUG);
    assert_int_equal(v->user.pc, FIXTURE_RAM + 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(step_ends_after_one_instruction),
        TEST(breakpoint_ends_before_its_instruction_and_can_be_left),
        TEST(breakpoint_where_run_begins_ends_it_once_before_anything_is_executed),
        TEST(breakpoint_behind_an_instruction_that_needs_the_core_is_met),
        TEST(a_stop_of_long_ago_hides_no_breakpoint),
        TEST(without_either_the_guest_runs_on),
        TEST(more_breakpoints_than_there_is_room_for_are_refused),
        TEST(a_vcpu_whose_instret_is_at_its_end_still_runs),
    };

    return cmocka_run_group_tests_name("interp_debug", tests, NULL, NULL);
}
