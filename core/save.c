/* SPDX-License-Identifier: MIT */
/* Save and load of a whole VM: the order of its parts, their frames, and what must agree. */
#include "core/save.h"

#include <string.h>

#include "core/save_codec.h"
#include "core/vm.h"

#define SAVE_MAGIC     UINT64_C(0x455a455041525401) /* "\1TRAPEZE" */
#define SAVE_VERSION   1
#define ISA_STRING_MAX 512
#define RAM_END        UINT64_MAX /* in place of a page's address: no more pages */

/* What the parts are about. */
struct save {
    struct vm *vm;
    uint64_t time;
};

/* A part: framed by tag and length, `index` of count(vm). */
struct section {
    uint32_t tag;
    unsigned (*count)(const struct vm *vm);
    int (*fields)(struct save *save, unsigned index, struct codec *c);
};

static unsigned count_one(const struct vm *vm)
{
    (void)vm;
    return 1;
}

static unsigned count_vcpus(const struct vm *vm)
{
    return vm->nvcpus;
}

static unsigned count_irqchips(const struct vm *vm)
{
    return vm->irqchip != NULL;
}

static unsigned count_devices(const struct vm *vm)
{
    return vm->ndevices;
}

/* What has to be the same in the VM that is loaded into. */
static int shape_fields(struct save *save, unsigned index, struct codec *c)
{
    const struct vm *vm = save->vm;
    char isa[ISA_STRING_MAX];

    (void)index;
    if (vm->isa.vlenb > VCPU_VLENB_MAX)
        return ERR_UNSUPPORTED;
    if (isa_string(&vm->isa, isa, sizeof(isa)) < 0)
        return ERR_INVALID;
    codec_same_u64(c, vm->nvcpus);
    codec_same_u64(c, count_irqchips(vm));
    codec_same_u64(c, vm->ndevices);
    codec_same_u64(c, vm->timebase_hz);
    codec_same_text(c, isa);
    codec_same_u64(c, vm->isa.satp_modes);
    codec_same_u64(c, vm->isa.asid_bits);
    codec_same_u64(c, vm->isa.cbo_block);
    codec_same_u64(c, vm->isa.vlenb);
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        codec_same_u64(c, vm->mem.slots[i].gpa);
        codec_same_u64(c, vm->mem.slots[i].size);
        codec_same_u64(c, vm->mem.slots[i].flags & GMEM_READ_ONLY);
    }
    return 0;
}

/* A guest whose clock ran backwards would wait for deadlines that it has seen pass. */
static int time_fields(struct save *save, unsigned index, struct codec *c)
{
    struct vm *vm = save->vm;
    uint64_t now = vm_time(vm);

    (void)index;
    codec_u64(c, &save->time);
    if (!c->load || c->stream->error != 0 || !vm->time_fixed || save->time <= now)
        return 0;
    uint64_t seconds = (save->time - now) / vm->timebase_hz + 1;
    vm_log(vm, NULL, LOG_ERROR, "save",
           "the guest's clock is %llu s ahead of this machine's, which the engine cannot offset: "
           "take --engine bt or interp, or resume it that much later",
           (unsigned long long)seconds);
    return ERR_RANGE;
}

static int vcpu_fields(struct save *save, unsigned index, struct codec *c)
{
    codec_vcpu(c, save->vm->vcpu[index]);
    return 0;
}

static int console_fields(struct save *save, unsigned index, struct codec *c)
{
    struct console *console = &save->vm->console;

    (void)index;
    codec_u32(c, &console->count);
    if (c->load)
        console->head = 0;
    if (console->count > CONSOLE_RING) {
        console->count = 0;
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < console->count; i++)
        codec_bytes(c, &console->rx[(console->head + i) % CONSOLE_RING], 1);
    return 0;
}

static int irqchip_fields(struct save *save, unsigned index, struct codec *c)
{
    struct irqchip *chip = save->vm->irqchip;

    (void)index;
    return c->load ? chip->ops->restore(chip, c->stream) : chip->ops->save(chip, c->stream);
}

static int device_fields(struct save *save, unsigned index, struct codec *c)
{
    struct device *dev = save->vm->device[index];

    codec_same_text(c, dev->region.name != NULL ? dev->region.name : "");
    codec_same_u64(c, dev->region.base);
    codec_same_u64(c, dev->region.size);
    codec_same_u64(c, dev->irq);
    if (c->stream->error != 0)
        return c->stream->error;
    return c->load ? dev->ops->restore(dev, c->stream) : dev->ops->save(dev, c->stream);
}

static bool is_zero(const uint8_t *page)
{
    uint64_t word, any = 0;

    for (size_t i = 0; i < PAGE_SIZE; i += sizeof(word)) {
        memcpy(&word, page + i, sizeof(word));
        any |= word;
    }
    return any == 0;
}

static void ram_save(const struct gmem *mem, struct stream *out)
{
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        const struct gmem_slot *slot = &mem->slots[i];
        if ((slot->flags & GMEM_READ_ONLY) != 0)
            continue;
        for (uint64_t at = 0; at < slot->size && out->error == 0; at += PAGE_SIZE) {
            if (is_zero(slot->host + at))
                continue;
            stream_put_u64(out, slot->gpa + at);
            stream_put(out, slot->host + at, PAGE_SIZE);
        }
    }
    stream_put_u64(out, RAM_END);
}

static int ram_load(struct gmem *mem, struct stream *in)
{
    gpa_t gpa;

    while (stream_get_u64(in, &gpa) == 0 && gpa != RAM_END) {
        void *page = gmem_ptr(mem, gpa, PAGE_SIZE, GMEM_WRITE);
        if (page == NULL || (gpa & ~PAGE_MASK) != 0)
            return ERR_INVALID;
        stream_get(in, page, PAGE_SIZE);
    }
    return in->error;
}

static int ram_fields(struct save *save, unsigned index, struct codec *c)
{
    (void)index;
    if (c->load)
        return ram_load(&save->vm->mem, c->stream);
    ram_save(&save->vm->mem, c->stream);
    return 0;
}

/* In this order: what a restore may look at comes before it. A device drives its line at the
 * irqchip, which drives the harts; a UART looks at the console, a virtio device at RAM. */
static const struct section sections[] = {
    {0x50414853 /* SHAP */, count_one, shape_fields},
    {0x454d4954 /* TIME */, count_one, time_fields},
    {0x204d4152 /* RAM  */, count_one, ram_fields},
    {0x55504356 /* VCPU */, count_vcpus, vcpu_fields},
    {0x534e4f43 /* CONS */, count_one, console_fields},
    {0x43515249 /* IRQC */, count_irqchips, irqchip_fields},
    {0x49564544 /* DEVI */, count_devices, device_fields},
};

static int count_write(void *ctx, const void *data, size_t length)
{
    (void)data;
    *(uint64_t *)ctx += length;
    return 0;
}

/* Runs a part's fields over a stream; an error that only the stream knows counts too. */
static int run_fields(struct save *save, const struct section *section, unsigned index,
                      struct stream *stream, bool load)
{
    struct codec c = {stream, load};
    int error = section->fields(save, index, &c);

    return error != 0 ? error : stream->error;
}

/* Twice over the part: its length stands in front of it. */
static int section_save(struct save *save, const struct section *section, unsigned index,
                        struct stream *out)
{
    uint64_t length = 0;
    struct stream counter = {.ctx = &length, .write = count_write};

    int error = run_fields(save, section, index, &counter, false);
    if (error != 0)
        return error;
    stream_put_u32(out, section->tag);
    stream_put_u64(out, length);
    return run_fields(save, section, index, out, false);
}

/* A stream that ends where a section ends. */
struct bounded {
    struct stream *in;
    uint64_t left;
};

static int bounded_read(void *ctx, void *data, size_t length)
{
    struct bounded *bounded = ctx;

    if (length > bounded->left)
        return ERR_FORMAT;
    bounded->left -= length;
    return stream_get(bounded->in, data, length);
}

static int section_load(struct save *save, const struct section *section, unsigned index,
                        struct stream *in)
{
    struct bounded bounded = {.in = in};
    struct stream part = {.ctx = &bounded, .read = bounded_read};
    uint32_t tag;

    stream_get_u32(in, &tag);
    if (stream_get_u64(in, &bounded.left) != 0)
        return in->error;
    if (tag != section->tag)
        return ERR_FORMAT;
    int error = run_fields(save, section, index, &part, true);
    if (error == 0 && bounded.left != 0)
        error = ERR_FORMAT;
    return error;
}

static int all_sections(struct save *save, struct stream *stream, bool load)
{
    for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
        for (unsigned n = 0; n < sections[i].count(save->vm); n++) {
            int error = load ? section_load(save, &sections[i], n, stream)
                             : section_save(save, &sections[i], n, stream);
            if (error != 0)
                return error;
        }
    }
    return 0;
}

static bool quiesced(const struct vm *vm)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (atomic_load(&vm->vcpu[i]->running) != 0)
            return false;
    }
    for (unsigned i = 0; i < vm->ndevices; i++) {
        const struct device *dev = vm->device[i];
        if (dev->ops->quiesced != NULL && !dev->ops->quiesced(dev))
            return false;
    }
    return true;
}

/* The guest itself has ended the VM: there is nothing to go on with. */
static bool ended(struct vm *vm)
{
    uint32_t stop = atomic_load(&vm->stop);

    return stop != VM_RUNNING && stop != VM_PARKED && stop != VM_HOST;
}

/* Moves the harts' state between their records and an engine that keeps it elsewhere. */
static int sync_engine(struct vm *vm, bool load)
{
    const struct engine_ops *ops = vm->engine;
    int (*move)(struct vcpu *, unsigned) =
        ops == NULL ? NULL : (load ? ops->state_put : ops->state_get);
    int error = 0;

    for (unsigned i = 0; move != NULL && error == 0 && i < vm->nvcpus; i++)
        error = move(vm->vcpu[i], STATE_ALL);
    return error;
}

static int save_locked(struct vm *vm, struct stream *out)
{
    struct save save = {.vm = vm, .time = vm_time(vm)};

    if (!quiesced(vm))
        return ERR_BUSY;
    stream_put_u64(out, SAVE_MAGIC);
    stream_put_u32(out, SAVE_VERSION);
    return all_sections(&save, out, false);
}

int vm_save(struct vm *vm, struct stream *out)
{
    if (ended(vm))
        return ERR_INVALID;
    int error = sync_engine(vm, false);
    if (error != 0)
        return error;
    vm_lock(vm);
    error = save_locked(vm, out);
    vm_unlock(vm);
    return error;
}

static int load_locked(struct save *save, struct stream *in)
{
    uint64_t magic;
    uint32_t version;

    if (!quiesced(save->vm))
        return ERR_BUSY;
    stream_get_u64(in, &magic);
    if (in->error == 0 && magic != SAVE_MAGIC)
        return ERR_FORMAT;
    if (stream_get_u32(in, &version) != 0)
        return in->error;
    if (version != SAVE_VERSION)
        return ERR_VERSION;
    return all_sections(save, in, true);
}

int vm_load(struct vm *vm, struct stream *in, uint64_t *guest_time)
{
    struct save save = {.vm = vm};

    vm_lock(vm);
    int error = load_locked(&save, in);
    vm_unlock(vm);
    *guest_time = save.time;
    return error != 0 ? error : sync_engine(vm, true);
}

void vm_load_timers(struct vm *vm)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        vm->host->vcpu_timer(vm->vcpu[i], vm->vcpu[i]->priv.stimecmp);
        vcpu_request(vm->vcpu[i], VCPU_REQ_TIMER);
    }
    vm_lock(vm);
    for (unsigned i = 0; i < vm->ndevices; i++)
        vm_device_timer(vm, i);
    vm_unlock(vm);
}
