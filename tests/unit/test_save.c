/* SPDX-License-Identifier: MIT */
/* Save and load: everything comes back, another shape is refused, a hostile file does no harm. */
#include "core/save.h"

#include "core/csr.h"
#include "core/trap.h"
#include "tests/unit/fixture.h"

/* Sections as they stand in the file. */
#define TAG_SHAPE   0x50414853
#define TAG_TIME    0x454d4954
#define TAG_RAM     0x204d4152
#define TAG_VCPU    0x55504356
#define TAG_CONSOLE 0x534e4f43
#define TAG_IRQCHIP 0x43515249
#define TAG_DEVICE  0x49564544

/* ---- a VM with an irqchip and two devices that hold one word each ---- */

struct word_device {
    struct device dev;
    uint32_t word; /* 0xbad is an illegal value */
    bool busy;
    unsigned alarms;
};

struct rig {
    struct fixture *f;
    struct irqchip chip;
    uint32_t chip_word;
    struct word_device device[2];
};

static int word_restore(struct stream *in, uint32_t *word)
{
    uint32_t value;

    if (stream_get_u32(in, &value) != 0)
        return in->error;
    if (value == 0xbad)
        return ERR_INVALID;
    *word = value;
    return 0;
}

static int chip_save(struct irqchip *chip, struct stream *out)
{
    return stream_put_u32(out, CONTAINER_OF(chip, struct rig, chip)->chip_word);
}

static int chip_restore(struct irqchip *chip, struct stream *in)
{
    return word_restore(in, &CONTAINER_OF(chip, struct rig, chip)->chip_word);
}

static struct word_device *of(const struct device *dev)
{
    return CONTAINER_OF(dev, struct word_device, dev);
}

static int device_save(struct device *dev, struct stream *out)
{
    return stream_put_u32(out, of(dev)->word);
}

static int device_restore(struct device *dev, struct stream *in)
{
    return word_restore(in, &of(dev)->word);
}

static bool device_quiesced(const struct device *dev)
{
    return !of(dev)->busy;
}

static void device_timer(struct device *dev)
{
    of(dev)->alarms++;
}

static int no_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

static int no_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

static const struct irqchip_ops chip_ops = {.save = chip_save, .restore = chip_restore};
static const struct device_ops plain_ops = {.save = device_save, .restore = device_restore};
static const struct device_ops quiesced_ops = {.save = device_save,
                                               .restore = device_restore,
                                               .quiesced = device_quiesced,
                                               .timer = device_timer};

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    void *fixture;

    assert_non_null(r);
    fixture_setup(&fixture);
    r->f = fixture;
    r->chip.ops = &chip_ops;
    r->f->vm.irqchip = &r->chip;
    for (unsigned i = 0; i < ARRAY_SIZE(r->device); i++) {
        struct device *dev = &r->device[i].dev;
        dev->ops = i == 0 ? &plain_ops : &quiesced_ops;
        dev->region = (struct bus_region){.base = 0x10000000 + i * 0x1000,
                                          .size = 0x1000,
                                          .widths = BUS_32,
                                          .name = "word",
                                          .read = no_read,
                                          .write = no_write};
        dev->irq = 1 + i;
        assert_int_equal(vm_add_device(&r->f->vm, dev), 0);
    }
    return r;
}

static void rig_free(struct rig *r)
{
    void *fixture = r->f;

    fixture_teardown(&fixture);
    free(r);
}

/* Two of a kind: what `a` saves goes into `b`. */
struct pair {
    struct rig *a, *b;
    struct memory_stream file;
    uint64_t guest_time;
    uint64_t seed;
};

static int setup(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->a = rig_new();
    p->b = rig_new();
    p->seed = 88172645463325252u;
    memory_stream_init(&p->file);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    rig_free(p->a);
    rig_free(p->b);
    memory_stream_free(&p->file);
    free(p);
    return 0;
}

static uint64_t random_u64(struct pair *p)
{
    p->seed ^= p->seed << 13;
    p->seed ^= p->seed >> 7;
    p->seed ^= p->seed << 17;
    return p->seed;
}

static void random_bytes(struct pair *p, void *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)out)[i] = (uint8_t)random_u64(p);
}

static struct vm *vm_a(struct pair *p)
{
    return &p->a->f->vm;
}

static struct vm *vm_b(struct pair *p)
{
    return &p->b->f->vm;
}

static void save(struct pair *p)
{
    memory_stream_free(&p->file);
    memory_stream_init(&p->file);
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), 0);
}

static int load(struct pair *p)
{
    memory_stream_rewind(&p->file);
    return vm_load(vm_b(p), &p->file.stream, &p->guest_time);
}

static void save_and_load(struct pair *p)
{
    save(p);
    assert_int_equal(load(p), 0);
    assert_int_equal(p->file.position, p->file.length);
}

/* ---- the file ---- */

static uint64_t field(struct pair *p, size_t at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)p->file.data[at + i] << (8 * i);
    return value;
}

static void set_field(struct pair *p, size_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p->file.data[at + i] = (uint8_t)(value >> (8 * i));
}

/* Where the n-th section with this tag starts: tag, length (8 bytes), fields. */
static size_t section(struct pair *p, uint32_t tag, unsigned n)
{
    size_t at = 12;

    while (at < p->file.length) {
        if (field(p, at, 4) == tag && n-- == 0)
            return at;
        at += 12 + field(p, at + 4, 8);
    }
    fail_msg("no section 0x%x", tag);
    return 0;
}

static size_t fields(struct pair *p, uint32_t tag, unsigned n)
{
    return section(p, tag, n) + 12;
}

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

/* ---- what comes back ---- */

static void randomise(struct pair *p, struct vcpu *vcpu)
{
    random_bytes(p, &vcpu->user, sizeof(vcpu->user));
    random_bytes(p, &vcpu->priv, sizeof(vcpu->priv));
    random_bytes(p, &vcpu->vec, sizeof(vcpu->vec));
    vcpu->priv.version = VCPU_RECORD_VERSION;
    csr_sanitize(vcpu);
    memset(&vcpu->priv.exit, 0, sizeof(vcpu->priv.exit));
    atomic_store(&vcpu->hsm, vcpu->priv.hsm);
    atomic_store(&vcpu->pending, vcpu->priv.sip & SIP_SSIP);
}

static void every_register_of_every_hart_comes_back(void **state)
{
    struct pair *p = *state;

    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < FIXTURE_HARTS; i++)
            randomise(p, &p->a->f->vcpu[i]);
        save_and_load(p);
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
    randomise(p, a);
    save_and_load(p);
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
    save_and_load(p);
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
    save_and_load(p);
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
    save_and_load(p);
    assert_false(b->reservation.valid);
    assert_int_equal(atomic_load(&b->requests) & (VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER),
                     VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER);
}

static const struct exit_mmio load_word = {.gpa = 0x10000000,
                                           .gva = 0xffff0000,
                                           .data = 0x1234,
                                           .size = 4,
                                           .sign = 1,
                                           .reg = 10,
                                           .insn_len = 4};

static void access_that_took_place_is_completed_after_the_load(void **state)
{
    struct pair *p = *state;
    struct exit_record *a = &p->a->f->vcpu[0].priv.exit, *b = &p->b->f->vcpu[0].priv.exit;

    a->kind = EXIT_MMIO;
    a->mmio = load_word;
    a->mmio.done = 1;
    save_and_load(p);
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
    save_and_load(p);
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
        save_and_load(p);
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
    save_and_load(p);
    assert_memory_equal(a, b, sizeof(*a));
}

static void ram_comes_back(void **state)
{
    struct pair *p = *state;
    static const uint64_t pages[] = {0, 1, 77, FIXTURE_RAM_SIZE / PAGE_SIZE - 1};

    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
        random_bytes(p, p->a->f->ram + pages[i] * PAGE_SIZE, PAGE_SIZE);
    p->a->f->ram[500 * PAGE_SIZE + PAGE_SIZE - 1] = 1; /* a page zero but for its last byte */
    save_and_load(p);
    assert_memory_equal(p->a->f->ram, p->b->f->ram, FIXTURE_RAM_SIZE);
}

static void page_of_zeros_takes_no_room(void **state)
{
    struct pair *p = *state;

    save(p);
    size_t empty = p->file.length;
    p->a->f->ram[5 * PAGE_SIZE] = 1;
    save(p);
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
    save_and_load(p);
    assert_true(p->file.length < KIB(8));
}

static void loaded_pages_are_dirty(void **state)
{
    struct pair *p = *state;
    uint64_t dirty[FIXTURE_RAM_SIZE / PAGE_SIZE / 64];

    p->a->f->ram[5 * PAGE_SIZE] = 1;
    save_and_load(p);
    assert_int_equal(gmem_dirty_fetch(&vm_b(p)->mem, 0, dirty), 0);
    assert_int_equal(dirty[0], 1 << 5);
}

static void console_input_comes_back_in_order(void **state)
{
    struct pair *p = *state;
    uint8_t bytes[CONSOLE_RING];

    random_bytes(p, bytes, sizeof(bytes));
    assert_int_equal(console_push(&vm_a(p)->console, bytes, 700), 700);
    assert_int_equal(console_pull(&vm_a(p)->console, bytes, 600), 600);
    random_bytes(p, bytes, sizeof(bytes));
    uint8_t before[100], got[CONSOLE_RING];
    memcpy(before, vm_a(p)->console.rx + 600, 100);
    assert_int_equal(console_push(&vm_a(p)->console, bytes, CONSOLE_RING - 100),
                     CONSOLE_RING - 100);
    assert_int_equal(console_push(&vm_b(p)->console, (const uint8_t *)"other", 5), 5);
    assert_int_equal(console_pull(&vm_b(p)->console, got, 3), 3);
    save_and_load(p);
    assert_int_equal(console_pull(&vm_b(p)->console, got, sizeof(got)), CONSOLE_RING);
    assert_memory_equal(got, before, 100);
    assert_memory_equal(got + 100, bytes, CONSOLE_RING - 100);
}

static void guest_time_is_that_of_the_save(void **state)
{
    struct pair *p = *state;

    p->a->f->now = UINT64_C(0x123456789abcdef0);
    save_and_load(p);
    assert_int_equal(p->guest_time, UINT64_C(0x123456789abcdef0));
}

static void irqchip_and_devices_get_their_own_state_back(void **state)
{
    struct pair *p = *state;

    p->a->chip_word = 1111;
    p->a->device[0].word = 2222;
    p->a->device[1].word = 3333;
    save_and_load(p);
    assert_int_equal(p->b->chip_word, 1111);
    assert_int_equal(p->b->device[0].word, 2222);
    assert_int_equal(p->b->device[1].word, 3333);
}

static void deadlines_and_alarms_are_set_anew_when_the_clock_is_right(void **state)
{
    struct pair *p = *state;

    p->a->f->vcpu[1].priv.stimecmp = 5000;
    save_and_load(p);
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
    save_and_load(p);
    assert_int_equal(state_gets, FIXTURE_HARTS);
    assert_int_equal(state_puts, FIXTURE_HARTS);
    vm_b(p)->engine = &failing;
    assert_int_equal(load(p), ERR_IO);
    vm_a(p)->engine = &failing;
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_IO);
}

/* ---- what cannot be saved ---- */

static void running_hart_makes_the_vm_busy(void **state)
{
    struct pair *p = *state;

    save(p);
    atomic_store(&p->a->f->vcpu[3].running, 1);
    atomic_store(&p->b->f->vcpu[3].running, 1);
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), ERR_BUSY);
    assert_int_equal(load(p), ERR_BUSY);
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
    save(p);
    for (size_t size = 0; size < p->file.length; size++) {
        uint64_t room = size;
        struct stream full = {.ctx = &room, .write = full_write};
        assert_int_equal(vm_save(vm_a(p), &full), ERR_IO);
    }
}

/* ---- another shape ---- */

static void assert_other_shape(struct pair *p)
{
    save(p);
    assert_int_equal(load(p), ERR_INVALID);
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

static void dirty_logging_is_not_part_of_the_shape(void **state)
{
    struct pair *p = *state;

    vm_b(p)->mem.slots[0].flags &= ~(uint32_t)GMEM_LOG;
    save_and_load(p);
}

/* ---- a hostile file ---- */

static void another_magic_number_is_another_format(void **state)
{
    struct pair *p = *state;

    save(p);
    p->file.data[3] ^= 1;
    assert_int_equal(load(p), ERR_FORMAT);
}

static void another_version_is_refused(void **state)
{
    struct pair *p = *state;

    save(p);
    set_field(p, 8, field(p, 8, 4) + 1, 4);
    assert_int_equal(load(p), ERR_VERSION);
}

static void another_version_of_the_hart_record_is_refused(void **state)
{
    struct pair *p = *state;

    save(p);
    set_field(p, fields(p, TAG_VCPU, 1), VCPU_RECORD_VERSION + 1, 4);
    assert_int_equal(load(p), ERR_VERSION);
}

static void file_cut_anywhere_is_truncated(void **state)
{
    struct pair *p = *state;
    size_t length;

    random_bytes(p, p->a->f->ram + 9 * PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(console_push(&vm_a(p)->console, (const uint8_t *)"abc", 3), 3);
    save(p);
    length = p->file.length;
    for (size_t cut = 0; cut < length; cut++) {
        p->file.length = cut;
        assert_int_equal(load(p), ERR_TRUNCATED);
    }
}

static const uint32_t all_tags[] = {TAG_SHAPE,   TAG_TIME,    TAG_RAM,   TAG_VCPU,
                                    TAG_CONSOLE, TAG_IRQCHIP, TAG_DEVICE};

static void section_with_another_tag_is_refused(void **state)
{
    struct pair *p = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(all_tags); i++) {
        save(p);
        set_field(p, section(p, all_tags[i], 0), all_tags[i] ^ 1, 4);
        assert_int_equal(load(p), ERR_FORMAT);
    }
}

static void section_that_is_longer_or_shorter_than_its_fields_is_refused(void **state)
{
    struct pair *p = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(all_tags); i++) {
        for (int by = -1; by <= 1; by += 2) {
            save(p);
            size_t at = section(p, all_tags[i], 0) + 4;
            set_field(p, at, field(p, at, 8) + (uint64_t)by, 8);
            assert_int_equal(load(p), ERR_FORMAT);
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
        save(p);
        set_field(p, fields(p, TAG_RAM, 0), outside[i], 8);
        assert_int_equal(load(p), ERR_INVALID);
    }
}

static void ram_page_at_no_pages_address_is_refused(void **state)
{
    struct pair *p = *state;

    p->a->f->ram[0] = 1;
    save(p);
    set_field(p, fields(p, TAG_RAM, 0), FIXTURE_RAM + 8, 8);
    assert_int_equal(load(p), ERR_INVALID);
}

static void console_input_longer_than_its_ring_is_refused(void **state)
{
    struct pair *p = *state;

    save(p);
    set_field(p, fields(p, TAG_CONSOLE, 0), CONSOLE_RING + 1, 4);
    assert_int_equal(load(p), ERR_INVALID);
    assert_true(vm_b(p)->console.count <= CONSOLE_RING);
}

static void device_and_irqchip_may_refuse_their_values(void **state)
{
    struct pair *p = *state;

    p->a->device[0].word = 0xbad;
    save(p);
    assert_int_equal(load(p), ERR_INVALID);
    p->a->device[0].word = 0;
    p->a->chip_word = 0xbad;
    save(p);
    assert_int_equal(load(p), ERR_INVALID);
}

static void byte_with_more_than_8_bits_is_refused(void **state)
{
    struct pair *p = *state;

    save(p);
    set_field(p, fields(p, TAG_VCPU, 0) + VCPU_MODE, 0x101, 4);
    assert_int_equal(load(p), ERR_INVALID);
}

static void exit_that_is_never_saved_is_refused(void **state)
{
    struct pair *p = *state;

    for (uint32_t kind = 0; kind < EXIT_COUNT + 2; kind++) {
        save(p);
        set_field(p, fields(p, TAG_VCPU, 0) + VCPU_EXIT, kind, 4);
        assert_int_equal(load(p), kind == EXIT_NONE || kind == EXIT_ERROR ? 0 : ERR_INVALID);
    }
}

static void illegal_access_record_is_not_completed(void **state)
{
    struct pair *p = *state;
    struct exit_record *a = &p->a->f->vcpu[0].priv.exit;

    a->kind = EXIT_MMIO;
    a->mmio = load_word;
    a->mmio.done = 1;
    save(p);
    size_t at = fields(p, TAG_VCPU, 0);
    assert_int_equal(field(p, at + VCPU_MMIO_SIZE, 4), 4);
    assert_int_equal(field(p, at + VCPU_MMIO_DONE, 4), 1);
    set_field(p, at + VCPU_MMIO_SIZE, 200, 4);
    assert_int_equal(load(p), 0);
    assert_int_equal(p->b->f->vcpu[0].priv.exit.kind, EXIT_NONE);
}

static void illegal_register_values_become_legal_ones(void **state)
{
    struct pair *p = *state;
    const struct vcpu *b = &p->b->f->vcpu[0];

    vm_a(p)->isa.satp_modes = vm_b(p)->isa.satp_modes = SATP_MODES_SV39;
    save(p);
    size_t at = fields(p, TAG_VCPU, 0);
    assert_int_equal(field(p, at + VCPU_MODE, 4), PRIV_S);
    set_field(p, at + VCPU_MODE, PRIV_M, 4);
    set_field(p, at + VCPU_HSM, 99, 4);
    set_field(p, at + VCPU_SATP, SATP_MODE_SV57 << SATP_MODE_SHIFT | 0x80000, 8);
    assert_int_equal(load(p), 0);
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
        randomise(p, &p->a->f->vcpu[i]);
    p->a->f->ram[3 * PAGE_SIZE] = 3;
    save(p);
    for (unsigned round = 0; round < 20000; round++) {
        size_t at = (size_t)(random_u64(p) % p->file.length);
        uint8_t was = p->file.data[at];
        p->file.data[at] ^= (uint8_t)(1 << (random_u64(p) % 8));
        if (load(p) == 0) {
            for (unsigned i = 0; i < FIXTURE_HARTS; i++)
                assert_legal(&p->b->f->vcpu[i]);
        }
        p->file.data[at] = was;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(fewer_or_more_harts_are_another_shape),
        TEST(fewer_devices_are_another_shape),
        TEST(no_irqchip_is_another_shape),
        TEST(device_of_another_name_is_another_shape),
        TEST(device_at_another_place_or_line_is_another_shape),
        TEST(ram_of_another_size_or_place_is_another_shape),
        TEST(another_isa_is_another_shape),
        TEST(another_timebase_is_another_shape),
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

    return cmocka_run_group_tests_name("save", tests, NULL, NULL);
}
