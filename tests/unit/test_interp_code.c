/* SPDX-License-Identifier: MIT */
/*
 * Code under the interpreter: when it changes, where it lies, and how long a slice is. Each guest
 * here also runs under exec_step, with the same end. Where the specification leaves old or new code
 * open (no fence.i), the guest does not look.
 */
#include "core/csr.h"
#include "core/mmu.h"
#include "engine/interp/interp.h"
#include "tests/unit/encode.h"
#include "tests/unit/lockstep.h"
#include "tests/unit/twins.h"

#define CODE     FIXTURE_RAM
#define PATCH    (FIXTURE_RAM + 0x800) /* the same page as CODE */
#define FAR      (FIXTURE_RAM + 0x8000)
#define PAGE_END (FIXTURE_RAM + 0x3000)
#define SLICE    20000

#define WFI      (insn_info(INSN_wfi)->match)
#define FENCE_I  (insn_info(INSN_fence_i)->match)
#define RET      encode_i(INSN_jalr, 0, 1, 0)
#define C_NOP    UINT32_C(0x0001)

/* addi x10, x10, n */
static uint32_t add(int32_t n)
{
    return encode_i(INSN_addi, 10, 10, n);
}

/* jal x1 from `at` to `to` */
static uint32_t call(gpa_t at, gpa_t to)
{
    return encode_j(1, (int32_t)((int64_t)to - (int64_t)at));
}

static void assemble(struct twins *twins, gpa_t at, const uint32_t *words, size_t count)
{
    twins_write(twins, at, words, count * sizeof(*words));
}

static void new_code(struct twins *twins)
{
    atomic_fetch_or(&twins_leader(twins)->requests, VCPU_REQ_CODE);
}

static uint64_t x10(struct twins *twins)
{
    return twins_leader(twins)->user.x[10];
}

static void start(struct twins *twins, gpa_t pc)
{
    twins_leader(twins)->user.pc = twins_oracle(twins)->user.pc = pc;
    twins_set_x(twins, 10, 0);
    new_code(twins);
}

/* Calls `function` at `at`, stores x11 as a `size`-byte word at x12, fence.i, and calls again. */
static void call_patch_call(struct twins *twins, gpa_t function, enum insn_id store, gpa_t patched,
                            uint64_t patch)
{
    const uint32_t code[] = {
        call(CODE, function), encode_s(store, 12, 11, 0), FENCE_I, call(CODE + 12, function), WFI,
    };

    assemble(twins, CODE, code, ARRAY_SIZE(code));
    twins_set_x(twins, 11, patch);
    twins_set_x(twins, 12, patched);
    start(twins, CODE);
    twins_run_to_wfi(twins, SLICE);
}

static void code_stored_before_fence_i_is_executed_after_it(void **state)
{
    static const gpa_t places[] = {PATCH, FAR};

    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        const uint32_t function[] = {add(1), RET};
        assemble(*state, places[i], function, 2);
        call_patch_call(*state, places[i], INSN_sw, places[i], add(16));
        assert_int_equal(x10(*state), 17);
    }
}

static void either_half_of_an_instruction_may_change(void **state)
{
    const uint32_t before[] = {add(1), RET};

    assemble(*state, FAR, before, 2);
    call_patch_call(*state, FAR, INSN_sh, FAR + 2, add(16) >> 16);
    assert_int_equal(x10(*state), 17);

    /* The lower half tells rd: x10 += 1 becomes x9 = x10 + 1. */
    assemble(*state, FAR, before, 2);
    twins_set_x(*state, 9, 0);
    call_patch_call(*state, FAR, INSN_sh, FAR, encode_i(INSN_addi, 9, 10, 1) & 0xffff);
    assert_int_equal(x10(*state), 1);
    assert_int_equal(twins_leader(*state)->user.x[9], 2);
}

static void a_long_instruction_may_become_two_short_ones(void **state)
{
    const uint32_t before[] = {add(1), RET};

    assemble(*state, FAR, before, 2);
    call_patch_call(*state, FAR, INSN_sw, FAR, C_NOP << 16 | 0x0541 /* c.addi a0, 16 */);
    assert_int_equal(x10(*state), 17);
}

static void the_second_half_behind_a_page_end_may_change(void **state)
{
    const uint32_t before[] = {add(1), RET};

    assemble(*state, PAGE_END - 2, before, 2);
    call_patch_call(*state, PAGE_END - 2, INSN_sh, PAGE_END, add(16) >> 16);
    assert_int_equal(x10(*state), 17);
}

/* All of the loop is decoded, and its second round changes the page below its feet. */
static void a_store_into_the_page_that_executes_leaves_the_rest_of_it_alone(void **state)
{
    const uint32_t code[] = {
        encode_i(INSN_addi, 13, 0, 100),   add(1),
        encode_s(INSN_sd, 12, 10, 0),      encode_i(INSN_addi, 13, 13, -1),
        encode_b(INSN_bne, 13, 0, -3 * 4), WFI,
    };

    assemble(*state, CODE, code, ARRAY_SIZE(code));
    twins_set_x(*state, 12, PATCH);
    start(*state, CODE);
    twins_run_to_wfi(*state, SLICE);
    assert_int_equal(x10(*state), 100);
    assert_int_equal(twins_read_u64(*state, PATCH), 100);
}

static void straight_code_goes_on_from_page_to_page(void **state)
{
    gpa_t at = FAR;

    /* Long instructions only, so placed that one lies across each page end. */
    twins_write_u32(*state, at, C_NOP);
    for (at += 2; at < FAR + 3 * PAGE_SIZE; at += 4)
        twins_write_u32(*state, at, add(1));
    twins_write_u32(*state, at, WFI);
    start(*state, FAR);
    twins_run_to_wfi(*state, SLICE);
    assert_int_equal(x10(*state), 3 * PAGE_SIZE / 4);
}

/* The second half's page is looked up for the sake of that half; it shares its place in the
 * software TLB with a page that was executed before. */
static void a_page_entered_by_half_an_instruction_is_not_taken_for_another(void **state)
{
    gpa_t other = PAGE_END + PAGE_SIZE + 2;
    const uint32_t first[] = {add(100), encode_i(INSN_jalr, 0, 12, 0)};
    const uint32_t second[] = {add(1), add(10), WFI};

    while (stlb_index(other) != stlb_index(PAGE_END))
        other += PAGE_SIZE;
    assemble(*state, other, first, ARRAY_SIZE(first));
    assemble(*state, PAGE_END - 2, second, ARRAY_SIZE(second));
    twins_set_x(*state, 12, PAGE_END - 2);
    start(*state, other);
    twins_run_to_wfi(*state, SLICE);
    assert_int_equal(x10(*state), 111);
}

static void a_short_instruction_at_a_page_end_is_one(void **state)
{
    const uint16_t code[] = {0x0541, 0x0541}; /* c.addi a0, 16 */

    twins_write(*state, PAGE_END - 2, code, sizeof(code));
    twins_write_u32(*state, PAGE_END + 2, WFI);
    start(*state, PAGE_END - 2);
    twins_run_to_wfi(*state, SLICE);
    assert_int_equal(x10(*state), 32);
}

/* A kick is answered, and a slice ends: here in one page of code more at the latest. */
static void assert_slices_end(struct twins *twins)
{
    struct vcpu *vcpu = twins_leader(twins);

    for (unsigned i = 0; i < 10; i++) {
        uint64_t before = vcpu->priv.instret;
        assert_int_equal(twins_run_once(twins, 1000, "a loop"), EXIT_HOST);
        assert_in_range(vcpu->priv.instret - before, 1000, 1000 + CODE_SLOTS);
    }
}

static void a_loop_ends_its_slice(void **state)
{
    const uint32_t code[] = {add(1), encode_j(0, -4)};

    assemble(*state, CODE, code, 2);
    start(*state, CODE);
    assert_slices_end(*state);
}

static void a_loop_closed_by_a_jump_across_a_page_end_ends_its_slice(void **state)
{
    const uint32_t jump[] = {add(1), encode_j(0, -4)};
    const uint32_t branch[] = {add(1), encode_b(INSN_beq, 0, 0, -4)};
    const uint32_t indirect[] = {add(1), encode_i(INSN_jalr, 0, 12, 0)};

    twins_set_x(*state, 12, PAGE_END - 6);
    assemble(*state, PAGE_END - 6, jump, 2);
    start(*state, PAGE_END - 6);
    assert_slices_end(*state);
    assemble(*state, PAGE_END - 6, branch, 2);
    start(*state, PAGE_END - 6);
    assert_slices_end(*state);
    assemble(*state, PAGE_END - 6, indirect, 2);
    start(*state, PAGE_END - 6);
    assert_slices_end(*state);
}

/* No instruction of the loop retires. */
static void a_loop_of_traps_ends_its_slice(void **state)
{
    struct vcpu *vcpu = twins_leader(*state);

    twins_write_u32(*state, CODE, insn_info(INSN_ecall)->match);
    twins_write_u32(*state, FAR, insn_info(INSN_sret)->match);
    start(*state, CODE);
    vcpu->priv.stvec = twins_oracle(*state)->priv.stvec = FAR;
    vcpu->priv.mode = twins_oracle(*state)->priv.mode = PRIV_U;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(twins_run_once(*state, 1000, "ecall and sret"), EXIT_HOST);
    assert_in_range(vcpu->traps, 1000, 10 * 2000);
}

static void a_request_of_the_host_ends_run(void **state)
{
    struct vcpu *vcpu = twins_leader(*state);

    twins_write_u32(*state, CODE, encode_j(0, 0));
    start(*state, CODE);
    vcpu->run_limit = UINT64_MAX;
    vcpu_request(vcpu, VCPU_REQ_EVENT);
    engine_interp.run(vcpu);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_HOST);
}

static void run_with_a_limit_in_the_past_executes_nothing(void **state)
{
    struct vcpu *vcpu = twins_leader(*state);

    start(*state, CODE);
    vcpu->priv.instret = 10;
    for (vcpu->run_limit = 9; vcpu->run_limit <= 10; vcpu->run_limit++) {
        engine_interp.run(vcpu);
        assert_int_equal(vcpu->priv.exit.kind, EXIT_HOST);
        assert_int_equal(vcpu->user.pc, CODE);
        assert_int_equal(vcpu->priv.instret, 10);
    }
}

/* More pages of code than the cache holds, each of them twice, the second time with other code. */
static void more_code_than_the_cache_holds_is_executed_all_the_same(void **state)
{
    const unsigned npages = CODE_PAGES_MAX + 50;

    for (int32_t round = 1; round <= 2; round++) {
        gpa_t at = FAR;
        for (unsigned i = 0; i < npages; i++, at += PAGE_SIZE) {
            const uint32_t code[] = {add(round), encode_j(0, (int32_t)PAGE_SIZE - 4)};
            assemble(*state, at, code, 2);
        }
        twins_write_u32(*state, at, WFI);
        start(*state, FAR);
        twins_run_to_wfi(*state, SLICE);
        assert_int_equal(x10(*state), npages * (unsigned)round);
    }
    assert_true(interp_of(twins_leader(*state))->evictions > 0);
}

/* The specification leaves it open; kernels that load one program after the other do not. */
static void without_paging_sret_enters_the_code_that_was_stored_before(void **state)
{
    struct twins *twins = *state;
    const uint32_t first[] = {add(1), WFI};
    const uint32_t loader[] = {encode_s(INSN_sw, 12, 11, 0), insn_info(INSN_sret)->match};

    assemble(twins, FAR, first, 2);
    assemble(twins, CODE, loader, 2);
    start(twins, FAR);
    twins_run_to_wfi(twins, SLICE);
    twins_leader(twins)->user.pc = twins_oracle(twins)->user.pc = CODE;
    twins_leader(twins)->priv.sepc = twins_oracle(twins)->priv.sepc = FAR;
    twins_leader(twins)->priv.sstatus |= SSTATUS_SPP;
    twins_oracle(twins)->priv.sstatus |= SSTATUS_SPP;
    twins_set_x(twins, 11, add(16));
    twins_set_x(twins, 12, FAR);
    twins_run_to_wfi(twins, SLICE);
    assert_int_equal(x10(twins), 17);
}

/* The other hart's fence reaches this one at its next entry. */
static void code_is_new_after_a_remote_fence(void **state)
{
    struct twins *twins = *state;
    struct hart_set first = {{1}};
    const uint32_t code[] = {add(1), WFI};

    assemble(twins, CODE, code, 2);
    start(twins, CODE);
    twins_run_to_wfi(twins, SLICE);
    twins_write_u32(twins, CODE, add(16));
    twins_leader(twins)->user.pc = twins_oracle(twins)->user.pc = CODE;
    engine_interp.code_flush(&twins->leader->vm, &twins->leader->vcpu[1], &first, 0, UINT64_MAX);
    twins_run_to_wfi(twins, SLICE);
    assert_int_equal(x10(twins), 17);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, twins_setup, twins_teardown)
    const struct CMUnitTest tests[] = {
        TEST(code_stored_before_fence_i_is_executed_after_it),
        TEST(either_half_of_an_instruction_may_change),
        TEST(a_long_instruction_may_become_two_short_ones),
        TEST(the_second_half_behind_a_page_end_may_change),
        TEST(a_store_into_the_page_that_executes_leaves_the_rest_of_it_alone),
        TEST(straight_code_goes_on_from_page_to_page),
        TEST(a_page_entered_by_half_an_instruction_is_not_taken_for_another),
        TEST(a_short_instruction_at_a_page_end_is_one),
        TEST(a_loop_ends_its_slice),
        TEST(a_loop_closed_by_a_jump_across_a_page_end_ends_its_slice),
        TEST(a_loop_of_traps_ends_its_slice),
        TEST(a_request_of_the_host_ends_run),
        TEST(run_with_a_limit_in_the_past_executes_nothing),
        TEST(more_code_than_the_cache_holds_is_executed_all_the_same),
        TEST(without_paging_sret_enters_the_code_that_was_stored_before),
        TEST(code_is_new_after_a_remote_fence),
    };

    return cmocka_run_group_tests_name("interp_code", tests, NULL, NULL);
}
