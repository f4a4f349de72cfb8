/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver: random register accesses, rings, descriptors and requests for disks and an
 * entropy source on both transports; a host that completes in any order; snapshots with wrong
 * bytes. Whatever reaches the host must be sound, and nothing may keep the device for long.
 */
#include <stdlib.h>
#include <string.h>

#include "core/dev/virtio_blk.h"
#include "core/dev/virtio_mmio.h"
#include "core/dev/virtio_rng.h"
#include "core/vm.h"

#define RAM       UINT64_C(0x80000000)
#define RAM_SIZE  KIB(64)
#define BASE      UINT64_C(0x10001000)
#define DISKS     3 /* version 2, legacy, read-only */
#define SLOTS     (DISKS + 1)
#define CAPACITY  UINT64_C(100) /* sectors */
#define MAX_HELD  (DISKS * VIRTIO_BLK_INFLIGHT)
#define MAX_STATE 512
/* What one access may make the host do: two long rings of long chains. */
#define WORK_LIMIT (2 * VIRTIO_QUEUE_NUM_MAX * VIRTIO_CHAIN_MAX)

/* Rings of slot s lie at RAM + s * 8 KiB, buffers behind all of them. */
#define RINGS(s) (RAM + (s)*KIB(8))
#define BUFFERS  (RAM + KIB(32))

struct held {
    struct blk_request *request;
    struct blk_request copy; /* as submitted: it must stay so */
};

struct world {
    struct vm vm;
    struct irqchip chip;
    bool line[SLOTS + 1];
    struct virtio_mmio slot[SLOTS];
    struct virtio_blk disk[DISKS];
    struct virtio_rng rng;
    uint8_t *ram;
    _Atomic uint64_t dirty[RAM_SIZE / PAGE_SIZE / 64 + 1];
    struct held held[MAX_HELD];
    unsigned nheld, work;
    bool locked, failing;
    bool rude; /* another hart offers the chain again as soon as it is taken */
    void (*deferred)(void *arg);
    void *deferred_arg;
};

struct input {
    const uint8_t *data;
    size_t left;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct world *of(struct vm *vm)
{
    return vm->host_data;
}

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->left--)
        value |= (uint64_t)*in->data++ << (8 * i);
    return value;
}

/* ---- the host ---- */

static void host_lock(struct vm *vm)
{
    require(!of(vm)->locked);
    of(vm)->locked = true;
}

static void host_unlock(struct vm *vm)
{
    require(of(vm)->locked);
    of(vm)->locked = false;
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    of(vm)->deferred = work;
    of(vm)->deferred_arg = arg;
}

static void check_request(struct world *w, unsigned disk, const struct blk_request *r)
{
    uint64_t sum = 0;

    require(disk < DISKS && r->complete != NULL && r->nsegments <= BLK_MAX_SEGMENTS);
    require(r->offset <= CAPACITY * 512 && r->length <= CAPACITY * 512 - r->offset);
    require(r->offset % 512 == 0 && r->length % 512 == 0);
    for (unsigned i = 0; i < r->nsegments; i++) {
        const uint8_t *base = r->segment[i].base;
        require(base >= w->ram && r->segment[i].length > 0);
        require(r->segment[i].length <= RAM_SIZE - (size_t)(base - w->ram));
        sum += r->segment[i].length;
    }
    require(r->op == BLK_READ || r->op == BLK_WRITE ? sum == r->length : r->nsegments == 0);
    require(r->op != BLK_FLUSH || r->length == 0);
    require(!w->disk[disk].info.read_only || r->op == BLK_READ || r->op == BLK_FLUSH);
}

static int host_blk_submit(struct vm *vm, unsigned disk, struct blk_request *request)
{
    struct world *w = of(vm);

    check_request(w, disk, request);
    w->work++;
    if (w->failing)
        return ERR_IO;
    for (unsigned i = 0; i < w->nheld; i++)
        require(w->held[i].request != request);
    require(w->nheld < MAX_HELD);
    w->held[w->nheld++] = (struct held){request, *request};
    return 0;
}

static void host_entropy(struct vm *vm, void *out, size_t length)
{
    struct world *w = of(vm);
    const struct virtio_queue *queue = &w->rng.virtio.queue[0];
    uint16_t idx = queue->last_avail;

    memset(out, 0x5a, length);
    w->work++;
    if (w->rude && gmem_write_u16(&vm->mem, queue->avail + 2, ++idx) != 0)
        w->rude = false;
}

static void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    (void)vm;
    (void)vcpu;
    (void)level;
    (void)subsystem;
    (void)format;
    (void)args;
}

static const struct host_ops host = {
    .lock = host_lock,
    .unlock = host_unlock,
    .defer = host_defer,
    .blk_submit = host_blk_submit,
    .entropy = host_entropy,
    .log = host_log,
};

static void set_line(struct irqchip *chip, irq_t irq, bool level)
{
    require(irq >= 1 && irq <= SLOTS);
    of(chip->vm)->line[irq] = level;
}

static const struct irqchip_ops chip_ops = {.set_line = set_line};

/* Ends a request, with the data moved so that the sanitizer sees every byte of it. */
static void complete_one(struct world *w, unsigned which, int status)
{
    if (w->nheld == 0)
        return;
    which %= w->nheld;
    struct held held = w->held[which];
    w->nheld--;
    w->held[which] = w->held[w->nheld];
    struct blk_request *r = held.request;
    require(r->op == held.copy.op && r->offset == held.copy.offset &&
            r->length == held.copy.length && r->nsegments == held.copy.nsegments);
    for (unsigned i = 0; i < r->nsegments; i++) {
        require(r->segment[i].base == held.copy.segment[i].base);
        require(r->segment[i].length == held.copy.segment[i].length);
        if (r->op == BLK_READ)
            memset(r->segment[i].base, 0xa5, r->segment[i].length);
    }
    r->complete(r, status);
}

static void run_deferred(struct world *w)
{
    void (*work)(void *arg) = w->deferred;

    w->deferred = NULL;
    if (work != NULL)
        work(w->deferred_arg);
}

/* ---- the driver ---- */

static void write_register(struct world *w, unsigned slot, uint32_t offset, uint32_t value)
{
    require(bus_write(&w->vm.bus, BASE + slot * VIRTIO_MMIO_SIZE + offset, 4, value) == 0);
}

static void write_address(struct world *w, unsigned slot, uint32_t low, uint64_t value)
{
    write_register(w, slot, low, (uint32_t)value);
    write_register(w, slot, low + 4, (uint32_t)(value >> 32));
}

static void access_any(struct world *w, unsigned slot, struct input *in)
{
    unsigned op = (unsigned)take(in, 1);
    uint64_t offset = take(in, 1) * 2, value;

    if (op & 0x40)
        offset *= 8;
    if (op & 0x80)
        (void)!bus_write(&w->vm.bus, BASE + slot * VIRTIO_MMIO_SIZE + offset, 1u << (op & 3),
                         take(in, (op >> 2 & 1) ? 4 : 1));
    else
        (void)!bus_read(&w->vm.bus, BASE + slot * VIRTIO_MMIO_SIZE + offset, 1u << (op & 3),
                        &value);
}

/* All of a driver's start, so that the rest has something to work on. */
static void start(struct world *w, unsigned slot, struct input *in)
{
    uint32_t features = (uint32_t)take(in, 1) << 24 | (uint32_t)take(in, 2);
    uint32_t num = 1u << take(in, 1) % 9;
    gpa_t desc = RINGS(slot), avail = desc + KIB(4), used = avail + KIB(1);

    write_register(w, slot, VIRTIO_MMIO_STATUS, 0);
    write_register(w, slot, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    features &= (uint32_t)w->slot[slot].backend->offered;
    write_register(w, slot, VIRTIO_MMIO_DRIVER_FEATURES, features);
    write_register(w, slot, VIRTIO_MMIO_STATUS, 11);
    memset(w->ram + (desc - RAM), 0, KIB(8));
    write_register(w, slot, VIRTIO_MMIO_QUEUE_NUM, num);
    write_address(w, slot, VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
    write_address(w, slot, VIRTIO_MMIO_QUEUE_DRIVER_LOW, avail);
    write_address(w, slot, VIRTIO_MMIO_QUEUE_DEVICE_LOW, used);
    write_register(w, slot, VIRTIO_MMIO_QUEUE_READY, 1);
    write_register(w, slot, VIRTIO_MMIO_QUEUE_ALIGN, 1024);
    write_register(w, slot, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(desc / PAGE_SIZE));
    write_register(w, slot, VIRTIO_MMIO_STATUS, 15);
}

/* A descriptor of the queue's table or of an indirect one among the buffers. */
static void write_desc(struct world *w, unsigned slot, struct input *in)
{
    struct virtq_desc desc;
    unsigned where = (unsigned)take(in, 1);
    gpa_t table = (where & 0x80) ? BUFFERS : RINGS(slot);

    desc.addr = BUFFERS + take(in, 1) * 128;
    desc.len = (uint32_t)take(in, 1);
    desc.flags = (uint16_t)take(in, 1);
    desc.next = (uint16_t)take(in, 1);
    if (desc.flags & 0x10)
        desc.len *= 16;
    if (desc.flags & 0x20)
        desc.len *= 512;
    if (desc.flags & 0x40)
        desc.addr ^= take(in, 8);
    memcpy(w->ram + (table - RAM) + (where & 0x7f) * sizeof(desc), &desc, sizeof(desc));
}

static void offer_chain(struct world *w, unsigned slot, uint16_t head, uint16_t count)
{
    struct virtio_queue *queue = &w->slot[slot].backend->queue[0];
    uint16_t idx;

    if (!queue->ready)
        return;
    uint8_t *avail = gmem_ptr(&w->vm.mem, queue->avail, 6 + 2 * queue->num, GMEM_READ);
    memcpy(&idx, avail + 2, sizeof(idx));
    for (; count > 0; count--, idx++)
        memcpy(avail + 4 + 2 * (idx % queue->num), &head, sizeof(head));
    memcpy(avail + 2, &idx, sizeof(idx));
    write_register(w, slot, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

/* A request that a disk may well accept: header, up to 7 pieces of data, status. It lies in the
 * queue's own table or in an indirect one; what write_desc and poke_ram do to it comes on top. */
static void write_chain(struct world *w, unsigned slot, struct input *in)
{
    unsigned shape = (unsigned)take(in, 1), pieces = shape & 7, at = (unsigned)take(in, 1) % 16;
    bool indirect = (shape & 0x08) != 0;
    uint16_t direction = (shape & 0x10) ? VIRTQ_DESC_F_WRITE : 0;
    uint8_t *table = w->ram + ((indirect ? BUFFERS : RINGS(slot)) - RAM);
    unsigned first = indirect ? 0 : at;
    struct virtq_desc desc = {BUFFERS + KIB(16) + take(in, 1) * 16, 16, VIRTQ_DESC_F_NEXT, 0};

    uint32_t type = (shape & 0x20) ? (uint32_t)take(in, 1) % 16 : !direction;
    uint64_t sector = take(in, 1);
    memcpy(w->ram + (desc.addr - RAM), &type, sizeof(type));
    memcpy(w->ram + (desc.addr - RAM) + 8, &sector, sizeof(sector));
    for (unsigned i = first; i < first + pieces + 2; i++) {
        desc.next = (uint16_t)(i + 1);
        memcpy(table + i * sizeof(desc), &desc, sizeof(desc));
        desc.addr = BUFFERS + KIB(8) + (shape & 0x40 ? take(in, 1) * 16 : i * 1024);
        desc.len = (shape & 0x20) ? 16 : (shape & 0x80) ? (uint32_t)take(in, 1) * 4 : 512;
        desc.flags = VIRTQ_DESC_F_NEXT | direction;
        if (i == first + pieces)
            desc = (struct virtq_desc){desc.addr, 1, VIRTQ_DESC_F_WRITE, 0};
    }
    desc = (struct virtq_desc){BUFFERS, 16 * (pieces + 2), VIRTQ_DESC_F_INDIRECT, 0};
    if (indirect)
        memcpy(w->ram + (RINGS(slot) - RAM) + at * sizeof(desc), &desc, sizeof(desc));
    if ((shape & 0x20) && !direction) {
        uint64_t range[2] = {take(in, 1), take(in, 1) | take(in, 1) << 32};
        memcpy(w->ram + (BUFFERS + KIB(8) - RAM) + first * 1024, range, sizeof(range));
    }
    offer_chain(w, slot, (uint16_t)at, 1);
}

static void poke_ram(struct world *w, struct input *in)
{
    uint64_t at = take(in, 2) % RAM_SIZE;

    w->ram[at] = (uint8_t)take(in, 1);
}

/* ---- snapshots ---- */

struct buffer {
    uint8_t bytes[MAX_STATE];
    size_t length, position;
};

static int buffer_write(void *ctx, const void *data, size_t length)
{
    struct buffer *b = ctx;

    require(length <= sizeof(b->bytes) - b->length);
    memcpy(b->bytes + b->length, data, length);
    b->length += length;
    return 0;
}

static int buffer_read(void *ctx, void *data, size_t length)
{
    struct buffer *b = ctx;

    if (length > b->length - b->position)
        return ERR_TRUNCATED;
    memcpy(data, b->bytes + b->position, length);
    b->position += length;
    return 0;
}

/* A snapshot that was left alone is accepted; after a refused one comes a reset. */
static void snapshot(struct world *w, unsigned slot, struct input *in)
{
    struct buffer b = {.length = 0};
    struct stream out = {.ctx = &b, .write = buffer_write};
    struct stream from = {.ctx = &b, .read = buffer_read};
    struct device *dev = &w->slot[slot].dev;
    unsigned changes = (unsigned)take(in, 1) % 4;

    if (!dev->ops->quiesced(dev))
        return;
    require(dev->ops->save(dev, &out) == 0);
    for (unsigned i = 0; i < changes; i++)
        b.bytes[take(in, 2) % b.length] = (uint8_t)take(in, 1);
    int error = dev->ops->restore(dev, &from);
    require(error == 0 || changes > 0);
    if (error != 0)
        dev->ops->reset(dev);
}

/* ---- one input ---- */

static void check(struct world *w)
{
    require(w->work <= WORK_LIMIT && !w->locked);
    w->work = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct virtio_device *dev = w->slot[i].backend;
        require(w->line[i + 1] == (w->slot[i].interrupt_status != 0));
        require((dev->accepted & ~dev->offered) == 0);
        require(!dev->live || dev->negotiated);
    }
}

static void step(struct world *w, struct input *in)
{
    static const int status[] = {0, 0, ERR_IO, ERR_UNSUPPORTED};
    unsigned op = (unsigned)take(in, 1);
    unsigned slot = (op >> 4) % SLOTS;

    switch (op % 16) {
    case 0:
    case 1:
        access_any(w, slot, in);
        break;
    case 2:
        start(w, slot, in);
        break;
    case 3:
    case 4:
        write_desc(w, slot, in);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        write_chain(w, slot, in);
        break;
    case 9:
        offer_chain(w, slot, (uint16_t)take(in, 1), (uint16_t)(1 + take(in, 1) % 32));
        break;
    case 10:
    case 11:
        complete_one(w, (unsigned)take(in, 1), status[slot]);
        break;
    case 12:
        poke_ram(w, in);
        break;
    case 13:
        snapshot(w, slot, in);
        break;
    case 14:
        run_deferred(w);
        break;
    case 15:
        w->failing = slot == 0;
        w->rude = slot == 1;
        break;
    }
    check(w);
}

static void build(struct world *w)
{
    static const struct isa isa;

    vm_init(&w->vm, "fuzz", &host, w, &isa, 10000000);
    w->ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
    require(w->ram != NULL);
    memset(w->ram, 0, RAM_SIZE);
    require(gmem_add(&w->vm.mem, RAM, RAM_SIZE, w->ram, GMEM_LOG, w->dirty) == 0);
    w->chip = (struct irqchip){.ops = &chip_ops, .vm = &w->vm};
    w->vm.irqchip = &w->chip;
    for (unsigned i = 0; i < SLOTS; i++) {
        virtio_mmio_init(&w->slot[i], &w->vm, BASE + i * VIRTIO_MMIO_SIZE, i + 1);
        require(vm_add_device(&w->vm, &w->slot[i].dev) == 0);
    }
    for (unsigned i = 0; i < DISKS; i++) {
        struct blk_info info = {.capacity = CAPACITY * 512, .read_only = i == 2};
        virtio_blk_init(&w->disk[i], &w->vm, i, &info);
        virtio_mmio_attach(&w->slot[i], &w->disk[i].virtio, i == 1);
    }
    virtio_rng_init(&w->rng, &w->vm);
    virtio_mmio_attach(&w->slot[DISKS], &w->rng.virtio, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof(*w));
    struct input in = {.data = data, .left = size};

    require(w != NULL);
    build(w);
    while (in.left > 0)
        step(w, &in);
    while (w->nheld > 0) { /* the host always finishes */
        complete_one(w, 0, 0);
        check(w);
    }
    free(w->ram);
    free(w);
    return 0;
}
