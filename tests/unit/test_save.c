/* SPDX-License-Identifier: MIT */
/* Save and load: everything comes back; what cannot be saved is refused. */
#include "core/trap.h"
#include "tests/unit/save_pair.h"

static void every_register_of_every_hart_comes_back(void **state)
{
    struct pair *p = *state;

    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < FIXTURE_HARTS; i++)
            pair_randomise(p, &p->a->f->vcpu[i]);
        pair_save_and_load(p);
        for (unsigned i = 0; i < FIXTURE_HARTS; i++) {
            const struct vcpu *a = &p->a->f->vcpu[i], *b = &p->b->f->vcpu[i];
            assert_memory_equal(&a->user, &b->user, sizeof(a->user));
            assert_memory_equal(&a->priv, &b->priv, sizeof(a->priv));
            assert_int_equal(atomic_load(&b->hsm), a->priv.hsm);
        }
    }
}

static void vector_registers_come_back_when_the_isa_has_them(void **state)
{
    struct pair *p = *state;

    vm_a(p)->isa.ext |= UINT64_C(1) << ISA_V;
    vm_a(p)->isa.vlenb = 16;
    vm_b(p)->isa = vm_a(p)->isa;
    struct vcpu *a = &p->a->f->vcpu[1], *b = &p->b->f->vcpu[1];
    pair_randomise(p, a);
    pair_save_and_load(p);
    assert_int_equal(a->vec.vtype, b->vec.vtype);
    assert_int_equal(a->vec.vcsr, b->vec.vcsr);
    for (unsigned i = 0; i < 32; i++)
        assert_memory_equal(a->vec.v[i], b->vec.v[i], 16);
}

static void ssip_comes_back_and_the_other_lines_follow_from_their_sources(void **state)
{
    struct pair *p = *state;

    atomic_store(&p->a->f->vcpu[0].pending, SIP_SSIP | SIP_STIP);
    atomic_store(&p->a->f->vcpu[1].pending, SIP_SEIP);
    atomic_store(&p->b->f->vcpu[1].pending, SIP_SSIP);
    pair_save_and_load(p);
    assert_int_equal(atomic_load(&p->b->f->vcpu[0].pending), SIP_SSIP);
    assert_int_equal(atomic_load(&p->b->f->vcpu[1].pending), 0);
}

static void hart_that_is_being_started_goes_on_starting(void **state)
{
    struct pair *p = *state;
    struct vcpu *a = &p->a->f->vcpu[2];

    atomic_store(&a->hsm, HSM_START_PENDING);
    a->priv.hsm_start = 0x80001000;
    a->priv.hsm_opaque = 77;
    pair_save_and_load(p);
    assert_int_equal(atomic_load(&p->b->f->vcpu[2].hsm), HSM_START_PENDING);
    assert_int_equal(p->b->f->vcpu[2].priv.hsm_start, 0x80001000);
    assert_int_equal(p->b->f->vcpu[2].priv.hsm_opaque, 77);
}

static void loaded_harts_drop_reservation_translations_and_code(void **state)
{
    struct pair *p = *state;
    struct vcpu *b = &p->b->f->vcpu[0];

    b->reservation.valid = true;
    atomic_store(&b->requests, 0);
    pair_save_and_load(p);
    assert_false(b->reservation.valid);
    assert_int_equal(atomic_load(&b->requests) & (VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER),
                     VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER);
}

static void access_that_took_place_is_completed_after_the_load(void **state)
{
    struct pair *p = *state;
    struct exit_record *a = &p->a->f->vcpu[0].priv.exit, *b = &p->b->f->vcpu[0].priv.exit;

    a->kind = EXIT_MMIO;
    a->mmio = load_word;
    a->mmio.done = 1;
    pair_save_and_load(p);
    assert_int_equal(b->kind, EXIT_MMIO);
    assert_memory_equal(&b->mmio, &a->mmio, sizeof(b->mmio));
}

static void access_that_is_decoded_only_is_done_again_from_its_instruction(void **state)
{
    struct pair *p = *state;
    struct vcpu *a = &p->a->f->vcpu[0], *b = &p->b->f->vcpu[0];

    a->user.pc = 0x80000ffe;
    a->priv.exit.kind = EXIT_MMIO;
    a->priv.exit.mmio = load_word;
    pair_save_and_load(p);
    assert_int_equal(b->priv.exit.kind, EXIT_NONE);
    assert_int_equal(b->user.pc, 0x80000ffe);
    assert_int_equal(a->priv.exit.kind, EXIT_MMIO); /* the saved VM itself can go on */
}

static void exit_that_comes_again_is_not_saved(void **state)
{
    struct pair *p = *state;
    static const enum exit_kind again[] = {EXIT_SBI,        EXIT_CSR,  EXIT_PAGE_FAULT, EXIT_WFI,
                                           EXIT_IRQ_WINDOW, EXIT_HOST, EXIT_DEBUG};

    for (unsigned i = 0; i < ARRAY_SIZE(again); i++) {
        p->a->f->vcpu[0].priv.exit.kind = again[i];
        pair_save_and_load(p);
        assert_int_equal(p->b->f->vcpu[0].priv.exit.kind, EXIT_NONE);
    }
}

static void parked_hart_stays_parked(void **state)
{
    struct pair *p = *state;
    struct exit_record *a = &p->a->f->vcpu[0].priv.exit, *b = &p->b->f->vcpu[0].priv.exit;

    *a = (struct exit_record){
        .kind = EXIT_ERROR, .reason = PARK_TRAP_LOOP, .addr = 0x80001234, .insn = 0x73};
    atomic_store(&vm_a(p)->stop, VM_PARKED);
    pair_save_and_load(p);
    assert_memory_equal(a, b, sizeof(*a));
}

static void ram_comes_back(void **state)
{
    struct pair *p = *state;
    static const uint64_t pages[] = {0, 1, 77, FIXTURE_RAM_SIZE / PAGE_SIZE - 1};

    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
        pair_random_bytes(p, p->a->f->ram + pages[i] * PAGE_SIZE, PAGE_SIZE);
    p->a->f->ram[500 * PAGE_SIZE + PAGE_SIZE - 1] = 1; /* a page zero but for its last byte */
    pair_save_and_load(p);
    assert_memory_equal(p->a->f->ram, p->b->f->ram, FIXTURE_RAM_SIZE);
}

static void page_of_zeros_takes_no_room(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    size_t empty = p->file.length;
    p->a->f->ram[5 * PAGE_SIZE] = 1;
    pair_save(p);
    assert_int_equal(p->file.length, empty + 8 + PAGE_SIZE);
    assert_true(empty < KIB(8));
}

static void read_only_memory_is_the_makers_not_the_snapshots(void **state)
{
    struct pair *p = *state;
    static _Alignas(4096) uint8_t rom[2][PAGE_SIZE];

    rom[0][0] = rom[1][0] = 1;
    assert_true(gmem_add(&vm_a(p)->mem, 0x20000000, PAGE_SIZE, rom[0], GMEM_READ_ONLY, NULL) > 0);
    assert_true(gmem_add(&vm_b(p)->mem, 0x20000000, PAGE_SIZE, rom[1], GMEM_READ_ONLY, NULL) > 0);
    pair_save_and_load(p);
    assert_true(p->file.length < KIB(8));
}

static void loaded_pages_are_dirty(void **state)
{
    struct pair *p = *state;
    uint64_t dirty[FIXTURE_RAM_SIZE / PAGE_SIZE / 64];

    p->a->f->ram[5 * PAGE_SIZE] = 1;
    pair_save_and_load(p);
    assert_int_equal(gmem_dirty_fetch(&vm_b(p)->mem, 0, dirty), 0);
    assert_int_equal(dirty[0], 1 << 5);
}

static void console_input_comes_back_in_order(void **state)
{
    struct pair *p = *state;
    uint8_t bytes[CONSOLE_RING];

    pair_random_bytes(p, bytes, sizeof(bytes));
    assert_int_equal(console_push(&vm_a(p)->console, bytes, 700), 700);
    assert_int_equal(console_pull(&vm_a(p)->console, bytes, 600), 600);
    pair_random_bytes(p, bytes, sizeof(bytes));
    uint8_t before[100], got[CONSOLE_RING];
    memcpy(before, vm_a(p)->console.rx + 600, 100);
    assert_int_equal(console_push(&vm_a(p)->console, bytes, CONSOLE_RING - 100),
                     CONSOLE_RING - 100);
    assert_int_equal(console_push(&vm_b(p)->console, (const uint8_t *)"other", 5), 5);
    assert_int_equal(console_pull(&vm_b(p)->console, got, 3), 3);
    pair_save_and_load(p);
    assert_int_equal(console_pull(&vm_b(p)->console, got, sizeof(got)), CONSOLE_RING);
    assert_memory_equal(got, before, 100);
    assert_memory_equal(got + 100, bytes, CONSOLE_RING - 100);
}

static void guest_time_is_that_of_the_save(void **state)
{
    struct pair *p = *state;

    p->a->f->now = UINT64_C(0x123456789abcdef0);
    pair_save_and_load(p);
    assert_int_equal(p->guest_time, UINT64_C(0x123456789abcdef0));
}

static void irqchip_and_devices_get_their_own_state_back(void **state)
{
    struct pair *p = *state;

    p->a->chip_word = 1111;
    p->a->device[0].word = 2222;
    p->a->device[1].word = 3333;
    pair_save_and_load(p);
    assert_int_equal(p->b->chip_word, 1111);
    assert_int_equal(p->b->device[0].word, 2222);
    assert_int_equal(p->b->device[1].word, 3333);
}

static void deadlines_and_alarms_are_set_anew_when_the_clock_is_right(void **state)
{
    struct pair *p = *state;

    p->a->f->vcpu[1].priv.stimecmp = 5000;
    pair_save_and_load(p);
    p->b->f->now = p->guest_time;
    vm_load_timers(vm_b(p));
    assert_int_equal(p->b->f->vcpu_deadline[1], 5000);
    assert_int_equal(p->b->f->vcpu_deadline[0], UINT64_MAX);
    assert_int_equal(p->b->device[1].alarms, 1);
}

static unsigned state_gets, state_puts;

static int engine_get(struct vcpu *vcpu, unsigned classes)
{
    assert_int_equal(classes, STATE_ALL);
    vcpu->user.x[5] = 4242; /* what only the engine knew */
    state_gets++;
    return 0;
}

static int engine_put(struct vcpu *vcpu, unsigned classes)
{
    assert_int_equal(classes, STATE_ALL);
    assert_int_equal(vcpu->user.x[5], 4242);
    state_puts++;
    return 0;
}

static int engine_fails(struct vcpu *vcpu, unsigned classes)
{
    (void)vcpu;
    (void)classes;
    return ERR_IO;
}

static void engine_hands_out_its_state_before_and_takes_it_after(void **state)
{
    struct pair *p = *state;
    static const struct engine_ops engine = {.state_get = engine_get, .state_put = engine_put};
    static const struct engine_ops failing = {.state_get = engine_fails, .state_put = engine_fails};

    state_gets = state_puts = 0;
    vm_a(p)->engine = &engine;
    vm_b(p)->engine = &engine;
    pair_save_and_load(p);
    assert_int_equal(state_gets, FIXTURE_HARTS);
    assert_int_equal(state_puts, FIXTURE_HARTS);
    vm_b(p)->engine = &failing;
    assert_int_equal(pair_load(p), ERR_IO);
    vm_a(p)->engine = &failing;
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_IO);
}

/* ---- what cannot be saved ---- */

static void running_hart_makes_the_vm_busy(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    atomic_store(&p->a->f->vcpu[3].running, 1);
    atomic_store(&p->b->f->vcpu[3].running, 1);
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_BUSY);
    assert_int_equal(pair_load(p), ERR_BUSY);
}

static void device_with_a_request_under_way_makes_the_vm_busy(void **state)
{
    struct pair *p = *state;

    p->a->device[1].busy = true;
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_BUSY);
}

static void vm_that_its_guest_has_ended_is_not_saved(void **state)
{
    struct pair *p = *state;
    static const enum vm_stop ends[] = {VM_OFF, VM_FAILED, VM_RESET_COLD, VM_RESET_WARM};

    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        atomic_store(&vm_a(p)->stop, ends[i]);
        assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_INVALID);
    }
    atomic_store(&vm_a(p)->stop, VM_HOST);
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), 0);
}

static void vector_registers_wider_than_the_record_are_not_saved(void **state)
{
    struct pair *p = *state;

    vm_a(p)->isa.vlenb = 2 * VCPU_VLENB_MAX;
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_UNSUPPORTED);
}

static int full_write(void *ctx, const void *data, size_t length)
{
    uint64_t *room = ctx;

    (void)data;
    if (length > *room)
        return ERR_IO;
    *room -= length;
    return 0;
}

static void error_of_the_file_ends_the_save_wherever_it_happens(void **state)
{
    struct pair *p = *state;

    vm_a(p)->mem.slots[0].size = 4 * PAGE_SIZE; /* many saves: little to look through */
    pair_save(p);
    for (size_t size = 0; size < p->file.length; size++) {
        uint64_t room = size;
        struct stream full = {.ctx = &room, .write = full_write};
        assert_int_equal(vm_save(vm_a(p), &full), ERR_IO);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_register_of_every_hart_comes_back),
        TEST(vector_registers_come_back_when_the_isa_has_them),
        TEST(ssip_comes_back_and_the_other_lines_follow_from_their_sources),
        TEST(hart_that_is_being_started_goes_on_starting),
        TEST(loaded_harts_drop_reservation_translations_and_code),
        TEST(access_that_took_place_is_completed_after_the_load),
        TEST(access_that_is_decoded_only_is_done_again_from_its_instruction),
        TEST(exit_that_comes_again_is_not_saved),
        TEST(parked_hart_stays_parked),
        TEST(ram_comes_back),
        TEST(page_of_zeros_takes_no_room),
        TEST(read_only_memory_is_the_makers_not_the_snapshots),
        TEST(loaded_pages_are_dirty),
        TEST(console_input_comes_back_in_order),
        TEST(guest_time_is_that_of_the_save),
        TEST(irqchip_and_devices_get_their_own_state_back),
        TEST(deadlines_and_alarms_are_set_anew_when_the_clock_is_right),
        TEST(engine_hands_out_its_state_before_and_takes_it_after),
        TEST(running_hart_makes_the_vm_busy),
        TEST(device_with_a_request_under_way_makes_the_vm_busy),
        TEST(vm_that_its_guest_has_ended_is_not_saved),
        TEST(vector_registers_wider_than_the_record_are_not_saved),
        TEST(error_of_the_file_ends_the_save_wherever_it_happens),
    };

    return cmocka_run_group_tests_name("save", tests, NULL, NULL);
}
