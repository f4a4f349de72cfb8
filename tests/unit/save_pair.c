/* SPDX-License-Identifier: MIT */
/* Two VMs of the same shape and the file between them. */
#include "tests/unit/save_pair.h"

#include "core/csr.h"
#include "core/trap.h"

const struct exit_mmio load_word = {.gpa = 0x10000000,
                                    .gva = 0xffff0000,
                                    .data = 0x1234,
                                    .size = 4,
                                    .sign = 1,
                                    .reg = 10,
                                    .insn_len = 4};

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

int pair_setup(void **state)
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

int pair_teardown(void **state)
{
    struct pair *p = *state;

    rig_free(p->a);
    rig_free(p->b);
    memory_stream_free(&p->file);
    free(p);
    return 0;
}

uint64_t pair_random(struct pair *p)
{
    p->seed ^= p->seed << 13;
    p->seed ^= p->seed >> 7;
    p->seed ^= p->seed << 17;
    return p->seed;
}

void pair_random_bytes(struct pair *p, void *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)out)[i] = (uint8_t)pair_random(p);
}

struct vm *vm_a(struct pair *p)
{
    return &p->a->f->vm;
}

struct vm *vm_b(struct pair *p)
{
    return &p->b->f->vm;
}

void pair_save(struct pair *p)
{
    memory_stream_free(&p->file);
    memory_stream_init(&p->file);
    assert_int_equal(vm_save(vm_a(p), &p->file.stream), 0);
}

int pair_load(struct pair *p)
{
    memory_stream_rewind(&p->file);
    return vm_load(vm_b(p), &p->file.stream, &p->guest_time);
}

void pair_save_and_load(struct pair *p)
{
    pair_save(p);
    assert_int_equal(pair_load(p), 0);
    assert_int_equal(p->file.position, p->file.length);
}

uint64_t pair_field(struct pair *p, size_t at, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)p->file.data[at + i] << (8 * i);
    return value;
}

void pair_set_field(struct pair *p, size_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p->file.data[at + i] = (uint8_t)(value >> (8 * i));
}

size_t pair_section(struct pair *p, uint32_t tag, unsigned n)
{
    size_t at = 12;

    while (at < p->file.length) {
        if (pair_field(p, at, 4) == tag && n-- == 0)
            return at;
        at += 12 + pair_field(p, at + 4, 8);
    }
    fail_msg("no section 0x%x", tag);
    return 0;
}

size_t pair_fields(struct pair *p, uint32_t tag, unsigned n)
{
    return pair_section(p, tag, n) + 12;
}

void pair_randomise(struct pair *p, struct vcpu *vcpu)
{
    pair_random_bytes(p, &vcpu->user, sizeof(vcpu->user));
    pair_random_bytes(p, &vcpu->priv, sizeof(vcpu->priv));
    pair_random_bytes(p, &vcpu->vec, sizeof(vcpu->vec));
    vcpu->priv.version = VCPU_RECORD_VERSION;
    csr_sanitize(vcpu);
    memset(&vcpu->priv.exit, 0, sizeof(vcpu->priv.exit));
    atomic_store(&vcpu->hsm, vcpu->priv.hsm);
    atomic_store(&vcpu->pending, vcpu->priv.sip & SIP_SSIP);
}
