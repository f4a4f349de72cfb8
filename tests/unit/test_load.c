/* SPDX-License-Identifier: MIT */
/* Loading: another shape is refused, a hostile file does no harm. */
#include "core/csr.h"
#include "core/trap.h"
#include "tests/unit/save_pair.h"

/* Offsets in a vCPU's section: version, x1..x31, pc, f0..f31, fcsr, then the privileged part. */
enum {
    VCPU_X1 = 4,
    VCPU_MODE = VCPU_X1 + 31 * 8 + 8 + 32 * 8 + 8,
    VCPU_HSM = VCPU_MODE + 8,
    VCPU_SATP = VCPU_MODE + 16 + 8 * 8,
    VCPU_EXIT = VCPU_MODE + 16 + 16 * 8,
    VCPU_MMIO_SIZE = VCPU_EXIT + 16 + 24,
    VCPU_MMIO_DONE = VCPU_MMIO_SIZE + 6 * 4,
};

/* ---- another shape ---- */

static void assert_other_shape(struct pair *p)
{
    pair_save(p);
    assert_int_equal(pair_load(p), ERR_INVALID);
}

static void fewer_or_more_harts_are_another_shape(void **state)
{
    struct pair *p = *state;

    vm_b(p)->nvcpus = FIXTURE_HARTS - 1;
    assert_other_shape(p);
    vm_b(p)->nvcpus = FIXTURE_HARTS;
    vm_a(p)->nvcpus = FIXTURE_HARTS - 1;
    assert_other_shape(p);
}

static void fewer_devices_are_another_shape(void **state)
{
    struct pair *p = *state;

    vm_b(p)->ndevices = 1;
    assert_other_shape(p);
}

static void no_irqchip_is_another_shape(void **state)
{
    struct pair *p = *state;

    vm_b(p)->irqchip = NULL;
    assert_other_shape(p);
}

static void device_of_another_name_is_another_shape(void **state)
{
    struct pair *p = *state;

    p->b->device[1].dev.region.name = "werd";
    assert_other_shape(p);
    p->b->device[1].dev.region.name = "wor";
    assert_other_shape(p);
    p->b->device[1].dev.region.name = NULL;
    assert_other_shape(p);
}

static void device_at_another_place_or_line_is_another_shape(void **state)
{
    struct pair *p = *state;

    p->b->device[1].dev.region.base += 0x1000;
    assert_other_shape(p);
    p->b->device[1].dev.region.base -= 0x1000;
    p->b->device[1].dev.region.size += 0x1000;
    assert_other_shape(p);
    p->b->device[1].dev.region.size -= 0x1000;
    p->b->device[1].dev.irq++;
    assert_other_shape(p);
}

static void ram_of_another_size_or_place_is_another_shape(void **state)
{
    struct pair *p = *state;
    struct gmem_slot *slot = &vm_b(p)->mem.slots[0];

    slot->size -= PAGE_SIZE;
    assert_other_shape(p);
    slot->size += PAGE_SIZE;
    slot->gpa += PAGE_SIZE;
    assert_other_shape(p);
    slot->gpa -= PAGE_SIZE;
    slot->flags |= GMEM_READ_ONLY;
    assert_other_shape(p);
}

static void another_isa_is_another_shape(void **state)
{
    struct pair *p = *state;
    struct isa *isa = &vm_b(p)->isa;
    const struct isa same = *isa;

    isa->ext &= ~(UINT64_C(1) << ISA_ZBB);
    assert_other_shape(p);
    *isa = same;
    isa->satp_modes = SATP_MODES_SV39;
    assert_other_shape(p);
    *isa = same;
    isa->asid_bits = 8;
    assert_other_shape(p);
    *isa = same;
    isa->cbo_block = 128;
    assert_other_shape(p);
    *isa = same;
    isa->vlenb = 16;
    assert_other_shape(p);
}

static void another_timebase_is_another_shape(void **state)
{
    struct pair *p = *state;

    vm_b(p)->timebase_hz++;
    assert_other_shape(p);
}

static void guest_time_runs_backwards_only_where_it_can_be_set(void **state)
{
    struct pair *p = *state;
    const uint64_t now = 5000;

    p->b->f->now = now;
    p->a->f->now = now + 1;
    pair_save(p);
    assert_int_equal(pair_load(p), 0);
    assert_int_equal(p->guest_time, now + 1);
    vm_b(p)->time_fixed = true;
    assert_int_equal(pair_load(p), ERR_RANGE);
    p->b->f->now = now + 1;
    assert_int_equal(pair_load(p), 0);
}

static void dirty_logging_is_not_part_of_the_shape(void **state)
{
    struct pair *p = *state;

    vm_b(p)->mem.slots[0].flags &= ~(uint32_t)GMEM_LOG;
    pair_save_and_load(p);
}

/* ---- a hostile file ---- */

static void another_magic_number_is_another_format(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    p->file.data[3] ^= 1;
    assert_int_equal(pair_load(p), ERR_FORMAT);
}

static void another_version_is_refused(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    pair_set_field(p, 8, pair_field(p, 8, 4) + 1, 4);
    assert_int_equal(pair_load(p), ERR_VERSION);
}

static void another_version_of_the_hart_record_is_refused(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    pair_set_field(p, pair_fields(p, TAG_VCPU, 1), VCPU_RECORD_VERSION + 1, 4);
    assert_int_equal(pair_load(p), ERR_VERSION);
}

static void file_cut_anywhere_is_truncated(void **state)
{
    struct pair *p = *state;
    size_t length;

    pair_random_bytes(p, p->a->f->ram + 9 * PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(console_push(&vm_a(p)->console, (const uint8_t *)"abc", 3), 3);
    pair_save(p);
    length = p->file.length;
    for (size_t cut = 0; cut < length; cut++) {
        p->file.length = cut;
        assert_int_equal(pair_load(p), ERR_TRUNCATED);
    }
}

static const uint32_t all_tags[] = {TAG_SHAPE,   TAG_TIME,    TAG_RAM,   TAG_VCPU,
                                    TAG_CONSOLE, TAG_IRQCHIP, TAG_DEVICE};

static void section_with_another_tag_is_refused(void **state)
{
    struct pair *p = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(all_tags); i++) {
        pair_save(p);
        pair_set_field(p, pair_section(p, all_tags[i], 0), all_tags[i] ^ 1, 4);
        assert_int_equal(pair_load(p), ERR_FORMAT);
    }
}

static void section_that_is_longer_or_shorter_than_its_fields_is_refused(void **state)
{
    struct pair *p = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(all_tags); i++) {
        for (int by = -1; by <= 1; by += 2) {
            pair_save(p);
            size_t at = pair_section(p, all_tags[i], 0) + 4;
            pair_set_field(p, at, pair_field(p, at, 8) + (uint64_t)by, 8);
            assert_int_equal(pair_load(p), ERR_FORMAT);
        }
    }
}

static void ram_page_outside_ram_is_refused(void **state)
{
    struct pair *p = *state;
    static const gpa_t outside[] = {FIXTURE_RAM - PAGE_SIZE, FIXTURE_RAM + FIXTURE_RAM_SIZE, 0,
                                    UINT64_MAX - PAGE_SIZE + 1};

    p->a->f->ram[0] = 1;
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
        pair_save(p);
        pair_set_field(p, pair_fields(p, TAG_RAM, 0), outside[i], 8);
        assert_int_equal(pair_load(p), ERR_INVALID);
    }
}

static void ram_page_at_no_pages_address_is_refused(void **state)
{
    struct pair *p = *state;

    p->a->f->ram[0] = 1;
    pair_save(p);
    pair_set_field(p, pair_fields(p, TAG_RAM, 0), FIXTURE_RAM + 8, 8);
    assert_int_equal(pair_load(p), ERR_INVALID);
}

static void console_input_longer_than_its_ring_is_refused(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    pair_set_field(p, pair_fields(p, TAG_CONSOLE, 0), CONSOLE_RING + 1, 4);
    assert_int_equal(pair_load(p), ERR_INVALID);
    assert_true(vm_b(p)->console.count <= CONSOLE_RING);
}

static void device_and_irqchip_may_refuse_their_values(void **state)
{
    struct pair *p = *state;

    p->a->device[0].word = 0xbad;
    pair_save(p);
    assert_int_equal(pair_load(p), ERR_INVALID);
    p->a->device[0].word = 0;
    p->a->chip_word = 0xbad;
    pair_save(p);
    assert_int_equal(pair_load(p), ERR_INVALID);
}

static void byte_with_more_than_8_bits_is_refused(void **state)
{
    struct pair *p = *state;

    pair_save(p);
    pair_set_field(p, pair_fields(p, TAG_VCPU, 0) + VCPU_MODE, 0x101, 4);
    assert_int_equal(pair_load(p), ERR_INVALID);
}

static void exit_that_is_never_saved_is_refused(void **state)
{
    struct pair *p = *state;

    for (uint32_t kind = 0; kind < EXIT_COUNT + 2; kind++) {
        pair_save(p);
        pair_set_field(p, pair_fields(p, TAG_VCPU, 0) + VCPU_EXIT, kind, 4);
        assert_int_equal(pair_load(p), kind == EXIT_NONE || kind == EXIT_ERROR ? 0 : ERR_INVALID);
    }
}

static void illegal_access_record_is_not_completed(void **state)
{
    struct pair *p = *state;
    struct exit_record *a = &p->a->f->vcpu[0].priv.exit;

    a->kind = EXIT_MMIO;
    a->mmio = load_word;
    a->mmio.done = 1;
    pair_save(p);
    size_t at = pair_fields(p, TAG_VCPU, 0);
    assert_int_equal(pair_field(p, at + VCPU_MMIO_SIZE, 4), 4);
    assert_int_equal(pair_field(p, at + VCPU_MMIO_DONE, 4), 1);
    pair_set_field(p, at + VCPU_MMIO_SIZE, 200, 4);
    assert_int_equal(pair_load(p), 0);
    assert_int_equal(p->b->f->vcpu[0].priv.exit.kind, EXIT_NONE);
}

static void illegal_register_values_become_legal_ones(void **state)
{
    struct pair *p = *state;
    const struct vcpu *b = &p->b->f->vcpu[0];

    vm_a(p)->isa.satp_modes = vm_b(p)->isa.satp_modes = SATP_MODES_SV39;
    pair_save(p);
    size_t at = pair_fields(p, TAG_VCPU, 0);
    assert_int_equal(pair_field(p, at + VCPU_MODE, 4), PRIV_S);
    pair_set_field(p, at + VCPU_MODE, PRIV_M, 4);
    pair_set_field(p, at + VCPU_HSM, 99, 4);
    pair_set_field(p, at + VCPU_SATP, SATP_MODE_SV57 << SATP_MODE_SHIFT | 0x80000, 8);
    assert_int_equal(pair_load(p), 0);
    assert_int_equal(b->priv.mode, PRIV_S);
    assert_int_equal(b->priv.satp, 0);
    assert_int_equal(b->priv.hsm, HSM_STOPPED);
    assert_int_equal(atomic_load(&b->hsm), HSM_STOPPED);
}

/* What must hold of a hart whatever file it came from. */
static void assert_legal(const struct vcpu *vcpu)
{
    assert_int_equal(vcpu->user.x[0], 0);
    assert_true(vcpu->priv.mode == PRIV_U || vcpu->priv.mode == PRIV_S);
    assert_int_equal(vcpu->priv.hartid, vcpu - ((struct fixture *)vcpu->vm->host_data)->vcpu);
    assert_true(atomic_load(&vcpu->hsm) <= HSM_RESUME_PENDING);
    assert_int_equal(atomic_load(&vcpu->pending) & ~SIP_SSIP, 0);
    assert_true(vcpu->priv.exit.kind < EXIT_COUNT);
}

static void flipped_bits_do_no_harm(void **state)
{
    struct pair *p = *state;

    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        pair_randomise(p, &p->a->f->vcpu[i]);
    p->a->f->ram[3 * PAGE_SIZE] = 3;
    pair_save(p);
    for (unsigned round = 0; round < 20000; round++) {
        size_t at = (size_t)(pair_random(p) % p->file.length);
        uint8_t was = p->file.data[at];
        p->file.data[at] ^= (uint8_t)(1 << (pair_random(p) % 8));
        if (pair_load(p) == 0) {
            for (unsigned i = 0; i < FIXTURE_HARTS; i++)
                assert_legal(&p->b->f->vcpu[i]);
        }
        p->file.data[at] = was;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fewer_or_more_harts_are_another_shape),
        TEST(fewer_devices_are_another_shape),
        TEST(no_irqchip_is_another_shape),
        TEST(device_of_another_name_is_another_shape),
        TEST(device_at_another_place_or_line_is_another_shape),
        TEST(ram_of_another_size_or_place_is_another_shape),
        TEST(another_isa_is_another_shape),
        TEST(another_timebase_is_another_shape),
        TEST(guest_time_runs_backwards_only_where_it_can_be_set),
        TEST(dirty_logging_is_not_part_of_the_shape),
        TEST(another_magic_number_is_another_format),
        TEST(another_version_is_refused),
        TEST(another_version_of_the_hart_record_is_refused),
        TEST(file_cut_anywhere_is_truncated),
        TEST(section_with_another_tag_is_refused),
        TEST(section_that_is_longer_or_shorter_than_its_fields_is_refused),
        TEST(ram_page_outside_ram_is_refused),
        TEST(ram_page_at_no_pages_address_is_refused),
        TEST(console_input_longer_than_its_ring_is_refused),
        TEST(device_and_irqchip_may_refuse_their_values),
        TEST(byte_with_more_than_8_bits_is_refused),
        TEST(exit_that_is_never_saved_is_refused),
        TEST(illegal_access_record_is_not_completed),
        TEST(illegal_register_values_become_legal_ones),
        TEST(flipped_bits_do_no_harm),
    };

    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
