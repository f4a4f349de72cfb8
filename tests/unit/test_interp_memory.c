/* SPDX-License-Identifier: MIT */
/* The engine contract about guest RAM: the dirty log, and slots that change. */
#include "core/csr.h"
#include "core/mmu.h"
#include "core/trap.h"
#include "engine/interp/interp.h"
#include "tests/unit/encode.h"
#include "tests/unit/twins.h"

#define CODE  (FIXTURE_RAM + 0x4000)
#define DATA  (FIXTURE_RAM + 0x100000)
#define WORDS (FIXTURE_RAM_SIZE / PAGE_SIZE / 64)
#define WFI   (insn_info(INSN_wfi)->match)

static struct vm *vm_of(void **state)
{
    return &((struct twins *)*state)->leader->vm;
}

/* Runs `word` with x12 = va and x11 = a value that memory does not hold. */
static void execute(void **state, uint32_t word, gva_t va)
{
    struct twins *twins = *state;

    twins_write_u32(twins, CODE, word);
    twins_write_u32(twins, CODE + 4, WFI);
    atomic_fetch_or(&twins_leader(twins)->requests, VCPU_REQ_CODE);
    twins_leader(twins)->user.pc = twins_oracle(twins)->user.pc = CODE;
    twins_set_x(twins, 11, twins_leader(twins)->priv.instret + 1);
    twins_set_x(twins, 12, va);
    twins_run_to_wfi(twins, 100);
}

static void fetch(void **state, uint64_t *bits)
{
    assert_int_equal(engine_interp.dirty_fetch(vm_of(state), 0), 0);
    assert_int_equal(gmem_dirty_fetch(&vm_of(state)->mem, 0, bits), 0);
}

/* Fetches, and checks that just the pages from `first` on are dirty. */
static void assert_dirty(void **state, gpa_t first, unsigned count)
{
    uint64_t bits[WORDS];

    fetch(state, bits);
    for (uint64_t page = 0; page < FIXTURE_RAM_SIZE / PAGE_SIZE; page++) {
        bool expected = page - (first - FIXTURE_RAM) / PAGE_SIZE < count;
        assert_int_equal((bits[page / 64] >> (page % 64)) & 1, expected);
    }
}

static int setup(void **state)
{
    uint64_t bits[WORDS];

    twins_setup(state);
    twins_leader(*state)->priv.sstatus |= SSTATUS_FS;
    twins_oracle(*state)->priv.sstatus |= SSTATUS_FS;
    fetch(state, bits);
    return 0;
}

static void every_kind_of_store_marks_its_page(void **state)
{
    const uint32_t stores[] = {
        encode_s(INSN_sb, 12, 11, 0),      encode_s(INSN_sd, 12, 11, 0),
        encode_s(INSN_fsd, 12, 11, 0),     encode_r(INSN_amoadd_w, 10, 12, 11),
        encode_r(INSN_cbo_zero, 0, 12, 0),
    };

    for (unsigned i = 0; i < ARRAY_SIZE(stores); i++) {
        execute(state, stores[i], DATA + i * PAGE_SIZE);
        assert_dirty(state, DATA + i * PAGE_SIZE, 1);
    }
}

static void a_store_across_pages_marks_both(void **state)
{
    execute(state, encode_s(INSN_sd, 12, 11, 0), DATA - 3);
    assert_dirty(state, DATA - PAGE_SIZE, 2);
}

static void loads_and_fetches_mark_nothing(void **state)
{
    execute(state, encode_i(INSN_ld, 10, 12, 0), DATA);
    execute(state, encode_r(INSN_lr_d, 10, 12, 0), DATA);
    assert_dirty(state, DATA, 0);
}

/* The page's translation is still cached from the store before. */
static void a_page_is_marked_again_after_each_fetch(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        execute(state, encode_s(INSN_sd, 12, 11, 0), DATA);
        execute(state, encode_s(INSN_sd, 12, 11, 8), DATA);
        assert_dirty(state, DATA, 1);
    }
    assert_dirty(state, DATA, 0);
}

/* Svadu writes the PTE (Priv. 12.3.2). */
static void setting_a_and_d_marks_the_tables_page(void **state)
{
    struct twins *twins = *state;
    struct vcpu *const harts[] = {twins_leader(twins), twins_oracle(twins)};

    twins_map(twins, 0, 0, CODE, PTE_V | PTE_R | PTE_X | PTE_A);
    twins_map(twins, 0, 1, DATA, PTE_V | PTE_R);
    for (unsigned i = 0; i < 2; i++)
        harts[i]->priv.satp = twins_satp(0, 0);
    twins_write_u32(twins, CODE, encode_i(INSN_ld, 10, 12, 0));
    twins_write_u32(twins, CODE + 4, WFI);
    harts[0]->user.pc = harts[1]->user.pc = TWINS_VIRTUAL;
    twins_set_x(twins, 12, TWINS_VIRTUAL + PAGE_SIZE);
    twins_run_to_wfi(twins, 100);
    assert_dirty(state, twins_pte(0, 0), 1);
}

static void a_slot_that_becomes_read_only_refuses_stores(void **state)
{
    struct vm *vm = vm_of(state);
    struct vcpu *vcpu = twins_leader(*state);

    execute(state, encode_s(INSN_sd, 12, 11, 0), DATA);
    assert_int_equal(engine_interp.mem_protect(vm, 0, GMEM_READ_ONLY), 0);
    vcpu->user.pc = CODE;
    vcpu->priv.stvec = CODE + 4;
    vcpu->run_limit = vcpu->priv.instret + 10;
    engine_interp.run(vcpu);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_WFI);
    assert_int_equal(vcpu->priv.scause, CAUSE_STORE_ACCESS);
    assert_int_equal(vcpu->priv.stval, DATA);
}

static void logging_can_be_switched_on_while_translations_are_cached(void **state)
{
    assert_int_equal(engine_interp.mem_protect(vm_of(state), 0, 0), 0);
    execute(state, encode_s(INSN_sd, 12, 11, 0), DATA);
    assert_dirty(state, DATA, 0);
    assert_int_equal(engine_interp.mem_protect(vm_of(state), 0, GMEM_LOG), 0);
    execute(state, encode_s(INSN_sd, 12, 11, 0), DATA);
    assert_dirty(state, DATA, 1);
}

static void a_slot_without_a_bitmap_cannot_log(void **state)
{
    vm_of(state)->mem.slots[0].dirty = NULL;
    assert_int_equal(engine_interp.mem_protect(vm_of(state), 0, GMEM_LOG), ERR_INVALID);
    assert_int_equal(vm_of(state)->mem.slots[0].flags, GMEM_LOG); /* as it was */
}

static void only_slots_that_exist_can_be_protected(void **state)
{
    assert_int_equal(engine_interp.mem_protect(vm_of(state), GMEM_MAX_SLOTS, 0), ERR_RANGE);
    assert_int_equal(engine_interp.mem_protect(vm_of(state), 1, 0), ERR_NOT_FOUND);
}

/* The host address of a page changes: neither data nor code comes from the old one. */
static void a_slot_replaced_by_another_is_seen_at_once(void **state)
{
    struct vm *vm = vm_of(state);
    struct vcpu *vcpu = twins_leader(*state);
    uint8_t *other = aligned_alloc(PAGE_SIZE, FIXTURE_RAM_SIZE);
    const uint32_t code[] = {encode_i(INSN_ld, 10, 12, 8), WFI};

    assert_non_null(other);
    memset(other, 0x5a, FIXTURE_RAM_SIZE);
    memcpy(other + (CODE - FIXTURE_RAM), code, sizeof(code));
    execute(state, encode_i(INSN_ld, 10, 12, 0), DATA);
    assert_int_equal(vcpu->user.x[10], 0);

    assert_int_equal(gmem_remove(&vm->mem, 0), 0);
    assert_int_equal(engine_interp.mem_remove(vm, 0), 0);
    assert_int_equal(gmem_add(&vm->mem, FIXTURE_RAM, FIXTURE_RAM_SIZE, other, 0, NULL), 0);
    assert_int_equal(engine_interp.mem_add(vm, 0), 0);
    vcpu->user.pc = CODE;
    vcpu->run_limit = vcpu->priv.instret + 10;
    engine_interp.run(vcpu);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_WFI);
    assert_int_equal(vcpu->user.x[10], UINT64_C(0x5a5a5a5a5a5a5a5a));
    free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, twins_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_store_marks_its_page),
        TEST(a_store_across_pages_marks_both),
        TEST(loads_and_fetches_mark_nothing),
        TEST(a_page_is_marked_again_after_each_fetch),
        TEST(setting_a_and_d_marks_the_tables_page),
        TEST(a_slot_that_becomes_read_only_refuses_stores),
        TEST(logging_can_be_switched_on_while_translations_are_cached),
        TEST(a_slot_without_a_bitmap_cannot_log),
        TEST(only_slots_that_exist_can_be_protected),
        TEST(a_slot_replaced_by_another_is_seen_at_once),
    };

    return cmocka_run_group_tests_name("interp_memory", tests, NULL, NULL);
}
