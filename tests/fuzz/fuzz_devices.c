/* SPDX-License-Identifier: MIT */
/*
 * Random accesses, lines, input, time and snapshots on UART, PLIC, power device and clock. The
 * PLIC is compared with a model that follows the specification source by source and shares nothing
 * with the implementation; SEIP of every hart must be what the model says after every step.
 */
#include <stdlib.h>
#include <string.h>

#include "core/dev/goldfish_rtc.h"
#include "core/dev/plic.h"
#include "core/dev/power.h"
#include "core/dev/uart16550.h"
#include "core/trap.h"

#define HARTS      3
#define CONTEXTS   (2 * HARTS)
#define MAX_STATE  4096

#define POWER_BASE UINT64_C(0x00100000)
#define RTC_BASE   UINT64_C(0x00101000)
#define PLIC_BASE  UINT64_C(0x0c000000)
#define UART_BASE  UINT64_C(0x10000000)

struct model {
    bool level[PLIC_SOURCES], pending[PLIC_SOURCES], claimed[PLIC_SOURCES];
    bool repeated[PLIC_SOURCES]; /* see core/dev/plic.h */
    uint32_t priority[PLIC_SOURCES];
    bool enable[CONTEXTS][PLIC_SOURCES];
    uint32_t threshold[CONTEXTS];
};

struct world {
    struct vm vm;
    struct vcpu vcpu[HARTS];
    struct plic plic;
    struct uart16550 uart;
    struct power power;
    struct goldfish_rtc rtc;
    struct irqchip tap; /* sees every line before the PLIC does */
    struct model model;
    uint64_t now, wall_ns, deadline;
    uint64_t accesses; /* writes to the console, so that the bytes are read */
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

static uint64_t host_time(struct vm *vm)
{
    return of(vm)->now;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    require(id == of(vm)->rtc.dev.index);
    of(vm)->deadline = deadline;
}

static void host_kick(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        of(vm)->accesses += data[i];
}

static uint64_t host_wall_ns(struct vm *vm)
{
    return of(vm)->wall_ns;
}

static const struct host_ops host = {
    .time = host_time,
    .device_timer = host_device_timer,
    .kick = host_kick,
    .console_write = host_console_write,
    .wall_ns = host_wall_ns,
};

static void model_line(struct model *m, irq_t irq, bool level)
{
    if (irq == 0 || irq >= PLIC_SOURCES)
        return;
    if (m->level[irq] == level)
        return;
    m->level[irq] = level;
    m->repeated[irq] = false;
    if (level && !m->claimed[irq])
        m->pending[irq] = true;
}

static void model_complete(struct model *m, uint32_t irq)
{
    if (!m->claimed[irq])
        return;
    m->claimed[irq] = false;
    if (m->level[irq] && !m->repeated[irq])
        m->pending[irq] = m->repeated[irq] = true;
}

static unsigned model_best(const struct model *m, unsigned context, uint32_t floor)
{
    unsigned found = 0;

    for (unsigned irq = PLIC_SOURCES - 1; irq > 0; irq--) {
        bool candidate = m->pending[irq] && m->enable[context][irq] && m->priority[irq] > floor;
        if (candidate && (found == 0 || m->priority[irq] >= m->priority[found]))
            found = irq;
    }
    return found;
}

static uint32_t model_bits(const bool *bits, uint64_t word)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 32 && word * 32 + i < PLIC_SOURCES; i++)
        value |= (uint32_t)bits[word * 32 + i] << i;
    return value;
}

static uint32_t model_read(struct model *m, uint64_t offset)
{
    if (offset < 0x1000)
        return offset / 4 < PLIC_SOURCES ? m->priority[offset / 4] : 0;
    if (offset < 0x1080)
        return model_bits(m->pending, (offset - 0x1000) / 4);
    if (offset >= 0x2000 && offset < 0x2000 + 0x80 * CONTEXTS)
        return model_bits(m->enable[(offset - 0x2000) / 0x80], offset % 0x80 / 4);
    if (offset < 0x200000 || offset >= 0x200000 + 0x1000 * CONTEXTS)
        return 0;
    uint64_t context = (offset - 0x200000) / 0x1000;
    if (offset % 0x1000 == 0)
        return m->threshold[context];
    if (offset % 0x1000 != 4 || context % 2 == 0)
        return 0;
    unsigned irq = model_best(m, (unsigned)context, 0);
    m->claimed[irq] = irq != 0;
    m->pending[irq] = false;
    return irq;
}

static void model_write(struct model *m, uint64_t offset, uint32_t value)
{
    if (offset >= 4 && offset < 4 * PLIC_SOURCES)
        m->priority[offset / 4] = value % 8;
    if (offset >= 0x2000 && offset < 0x2000 + 0x80 * CONTEXTS) {
        for (unsigned i = 0; i < 32; i++) {
            uint64_t irq = offset % 0x80 / 4 * 32 + i;
            if (irq > 0 && irq < PLIC_SOURCES)
                m->enable[(offset - 0x2000) / 0x80][irq] = (value >> i & 1) != 0;
        }
    }
    if (offset < 0x200000 || offset >= 0x200000 + 0x1000 * CONTEXTS)
        return;
    uint64_t context = (offset - 0x200000) / 0x1000;
    if (offset % 0x1000 == 0)
        m->threshold[context] = value % 8;
    if (offset % 0x1000 == 4 && context % 2 == 1 && value > 0 && value < PLIC_SOURCES &&
        m->enable[context][value])
        model_complete(m, value);
}

/* After a restore: what the PLIC took over. */
static void model_adopt(struct model *m, const struct plic *plic)
{
    for (unsigned irq = 0; irq < PLIC_SOURCES; irq++) {
        m->priority[irq] = plic->priority[irq];
        m->level[irq] = (plic->level[irq / 32] >> irq % 32 & 1) != 0;
        m->pending[irq] = (plic->pending[irq / 32] >> irq % 32 & 1) != 0;
        m->claimed[irq] = (plic->claimed[irq / 32] >> irq % 32 & 1) != 0;
        m->repeated[irq] = (plic->repeated[irq / 32] >> irq % 32 & 1) != 0;
        for (unsigned c = 0; c < CONTEXTS; c++)
            m->enable[c][irq] = (plic->context[c].enable[irq / 32] >> irq % 32 & 1) != 0;
    }
    for (unsigned c = 0; c < CONTEXTS; c++)
        m->threshold[c] = plic->context[c].threshold;
}

static void check(struct world *w)
{
    for (unsigned hart = 0; hart < HARTS; hart++) {
        unsigned context = 2 * hart + 1;
        bool seip = (atomic_load(&w->vcpu[hart].pending) & SIP_SEIP) != 0;
        require(seip == (model_best(&w->model, context, w->model.threshold[context]) != 0));
        require(seip == w->plic.chip.ops->claimable(&w->plic.chip, hart));
    }
    require(w->uart.loop_count <= UART16550_FIFO);
    require(w->vm.console.count <= CONSOLE_RING && w->vm.console.head < CONSOLE_RING);
    require(w->rtc.alarm_running || w->deadline == UINT64_MAX);
}

static void tap_set_line(struct irqchip *chip, irq_t irq, bool level)
{
    struct world *w = CONTAINER_OF(chip, struct world, tap);

    model_line(&w->model, irq, level);
    w->plic.chip.ops->set_line(&w->plic.chip, irq, level);
}

static const struct irqchip_ops tap_ops = {.set_line = tap_set_line};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->left--)
        value |= (uint64_t)*in->data++ << (8 * i);
    return value;
}

static void access_bus(struct world *w, gpa_t gpa, unsigned size, bool write, uint64_t value)
{
    if (write)
        (void)!bus_write(&w->vm.bus, gpa, size, value);
    else
        (void)!bus_read(&w->vm.bus, gpa, size, &value);
}

/* An offset near something that exists, most of the time. */
static uint64_t plic_offset(struct input *in)
{
    static const uint32_t base[] = {0, 0x1000, 0x2000, 0x200000, 0x200000, 0x200000};
    static const uint32_t stride[] = {4, 4, 4, 0x1000, 0x1000, 4};
    unsigned kind = (unsigned)take(in, 1) % 7;

    if (kind == 6)
        return take(in, 3) % PLIC_SIZE & ~UINT64_C(3);
    uint64_t offset = base[kind] + stride[kind] * take(in, 1);
    return kind == 4 ? offset + 4 : offset;
}

static void access_plic(struct world *w, struct input *in, bool write)
{
    uint64_t offset = plic_offset(in), value = 0;

    if (write) {
        value = take(in, 4);
        require(bus_write(&w->vm.bus, PLIC_BASE + offset, 4, value) == 0);
        model_write(&w->model, offset, (uint32_t)value);
    } else {
        require(bus_read(&w->vm.bus, PLIC_BASE + offset, 4, &value) == 0);
        require(value == model_read(&w->model, offset));
    }
}

static void advance(struct world *w, uint64_t ticks)
{
    w->now += ticks;
    w->wall_ns += ticks * 100;
    if (w->now >= w->deadline)
        vm_device_timer(&w->vm, w->rtc.dev.index);
}

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

/* Saves, changes a few bytes (or none) and restores. A snapshot that was left alone is accepted. */
static void snapshot(struct world *w, struct input *in)
{
    struct buffer b = {.length = 0};
    struct stream out = {.ctx = &b, .write = buffer_write};
    struct stream from = {.ctx = &b, .read = buffer_read};
    struct device *dev = take(in, 1) % 2 != 0 ? &w->uart.dev : &w->rtc.dev;
    bool chip = take(in, 1) % 2 != 0;
    unsigned changes = (unsigned)take(in, 1) % 4;

    require((chip ? w->plic.chip.ops->save(&w->plic.chip, &out) : dev->ops->save(dev, &out)) == 0);
    for (unsigned i = 0; i < changes; i++)
        b.bytes[take(in, 2) % b.length] = (uint8_t)take(in, 1);
    int error =
        chip ? w->plic.chip.ops->restore(&w->plic.chip, &from) : dev->ops->restore(dev, &from);
    require(error == 0 || changes > 0);
    if (chip && error != 0)
        w->plic.chip.ops->reset(&w->plic.chip);
    if (chip)
        model_adopt(&w->model, &w->plic);
}

static void step(struct world *w, struct input *in)
{
    unsigned op = (unsigned)take(in, 1);
    unsigned size = 1u << (op >> 4 & 3);
    bool write = (op & 0x80) != 0;
    uint8_t byte;

    switch (op % 8) {
    case 0:
    case 1:
        access_plic(w, in, write);
        break;
    case 2:
        access_bus(w, UART_BASE + take(in, 1) % 16, size, write, take(in, 1));
        break;
    case 3:
        access_bus(w, RTC_BASE + take(in, 1) % 0x30, size, write, take(in, 8));
        break;
    case 4:
        access_bus(w, POWER_BASE + take(in, 1) % 8, size, write, take(in, 4));
        break;
    case 5:
        tap_set_line(&w->tap, (irq_t)take(in, 1), write);
        break;
    case 6:
        byte = (uint8_t)take(in, 1);
        (void)console_push(&w->vm.console, &byte, 1);
        advance(w, take(in, 2));
        break;
    case 7:
        snapshot(w, in);
        break;
    }
    check(w);
}

static void build(struct world *w)
{
    static const struct isa isa;

    vm_init(&w->vm, "fuzz", &host, w, &isa, 10000000);
    for (unsigned i = 0; i < HARTS; i++)
        require(vm_add_vcpu(&w->vm, &w->vcpu[i]) == 0);
    plic_init(&w->plic, &w->vm, PLIC_BASE, HARTS);
    w->tap = (struct irqchip){.ops = &tap_ops, .vm = &w->vm};
    w->vm.irqchip = &w->tap;
    uart16550_init(&w->uart, &w->vm, UART_BASE, 10);
    power_init(&w->power, &w->vm, POWER_BASE);
    goldfish_rtc_init(&w->rtc, &w->vm, RTC_BASE, 11);
    require(vm_add_device(&w->vm, &w->plic.dev) == 0);
    require(vm_add_device(&w->vm, &w->uart.dev) == 0);
    require(vm_add_device(&w->vm, &w->power.dev) == 0);
    require(vm_add_device(&w->vm, &w->rtc.dev) == 0);
    w->deadline = UINT64_MAX;
    w->wall_ns = UINT64_C(1700000000000000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof(*w));
    struct input in = {.data = data, .left = size};

    require(w != NULL);
    build(w);
    while (in.left > 0)
        step(w, &in);
    free(w);
    return 0;
}
