/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio transport: registers, status, interrupt; virtio_mmio_queue.c has the registers of
 * the queues. VIRTIO 1.2, 4.2.2 (version 2) and 4.2.4 (legacy, version 1), and the habits of the
 * drivers that exist: some set status bits one at a time instead of adding them, set DRIVER_OK
 * before the queues, or write GuestPageSize before the reset.
 */
#include "core/dev/virtio_mmio.h"

#include <string.h>

#include "core/vm.h"

#define STATUS_DRIVER_BITS                                                                         \
    (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |                  \
     VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

/* Until a legacy driver says otherwise. */
#define LEGACY_PAGE 4096

/* What the driver may accept: legacy ends before VERSION_1. */
static uint64_t offered(const struct virtio_mmio *slot)
{
    return slot->legacy ? (uint32_t)slot->backend->offered : slot->backend->offered;
}

static void interrupt(void *transport, bool config)
{
    struct virtio_mmio *slot = transport;

    /* 2.1.2: of a failure the driver hears once it has set DRIVER_OK */
    if (config && !(slot->status & VIRTIO_STATUS_DRIVER_OK))
        return;
    slot->interrupt_status |= config ? VIRTIO_MMIO_INT_CONFIG : VIRTIO_MMIO_INT_USED;
    device_irq_anew(&slot->dev);
}

static void acknowledge(struct virtio_mmio *slot, uint32_t events)
{
    slot->interrupt_status &= ~events;
    device_irq(&slot->dev, slot->interrupt_status != 0);
}

/* What writing 0 to Status does. GuestPageSize stays: Linux writes it before. */
static void reset_status(struct virtio_mmio *slot)
{
    slot->status = 0;
    slot->driver_features = 0;
    slot->device_features_sel = slot->driver_features_sel = slot->queue_sel = 0;
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
        slot->queue_align[i] = LEGACY_PAGE;
        slot->queue_pfn[i] = 0;
    }
    acknowledge(slot, UINT32_MAX);
    if (slot->backend != NULL)
        virtio_reset(slot->backend);
}

static void reset(struct device *dev)
{
    struct virtio_mmio *slot = CONTAINER_OF(dev, struct virtio_mmio, dev);

    slot->guest_page_size = LEGACY_PAGE;
    reset_status(slot);
}

/*
 * Ends feature negotiation, once (3.1.1): what a driver accepts later has no effect. A legacy
 * driver may accept too much, which then counts for nothing. In version 2 it must not, but
 * VERSION_1 is not insisted on (6.2 allows either): the driver of xv6 never looks at the second
 * word of features.
 */
static bool negotiate(struct virtio_mmio *slot)
{
    uint64_t features = slot->driver_features;

    if (slot->backend->negotiated)
        return true;
    if (slot->legacy)
        features &= offered(slot);
    return virtio_negotiate(slot->backend, features);
}

static void write_status(struct virtio_mmio *slot, uint32_t value)
{
    const uint32_t negotiated = VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK;

    if (value == 0) {
        reset_status(slot);
        return;
    }
    value &= STATUS_DRIVER_BITS;
    if ((value & negotiated) && !negotiate(slot))
        value &= ~negotiated;
    /* bits only ever add up (2.1.1): some drivers write just the new one */
    slot->status |= value;
    if ((slot->status & VIRTIO_STATUS_DRIVER_OK) && !slot->backend->live)
        virtio_go_live(slot->backend);
}

static uint32_t read_status(struct virtio_mmio *slot)
{
    if (slot->backend->broken)
        return slot->status | VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    /* a reset is complete when Status reads 0 (2.4.2): not while the host still works on buffers */
    if (slot->status == 0 && !virtio_quiesced(slot->backend))
        return VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    return slot->status;
}

static void notify(struct virtio_mmio *slot, uint32_t queue)
{
    if (queue >= slot->backend->ops->nqueues)
        return;
    /* 3.1.2: a legacy driver may use the device before DRIVER_OK, which ends its negotiation */
    if (slot->legacy && slot->backend->queue[queue].ready && negotiate(slot))
        slot->backend->live = true;
    virtio_queue_run(slot->backend, queue);
}

static void write_driver_features(struct virtio_mmio *slot, uint32_t value)
{
    unsigned shift = 32 * slot->driver_features_sel;

    /* no feature has a number of 64 or more */
    if (slot->driver_features_sel > 1)
        return;
    slot->driver_features &= ~(UINT64_C(0xffffffff) << shift);
    slot->driver_features |= (uint64_t)value << shift;
}

static uint32_t read_device_features(const struct virtio_mmio *slot)
{
    if (slot->device_features_sel > 1)
        return 0;
    return (uint32_t)(offered(slot) >> (32 * slot->device_features_sel));
}

static void write_register(struct virtio_mmio *slot, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        slot->device_features_sel = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        write_driver_features(slot, value);
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        slot->driver_features_sel = value;
        break;
    case VIRTIO_MMIO_GUEST_PAGE_SIZE:
        if (virtio_power_of_two(value))
            slot->guest_page_size = value;
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        slot->queue_sel = value;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        notify(slot, value);
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        acknowledge(slot, value);
        break;
    case VIRTIO_MMIO_STATUS:
        write_status(slot, value);
        break;
    default:
        virtio_mmio_write_queue(slot, offset, value);
        break;
    }
}

static uint32_t read_register(struct virtio_mmio *slot, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return VIRTIO_MMIO_MAGIC;
    case VIRTIO_MMIO_VERSION:
        return slot->legacy ? 1 : 2;
    case VIRTIO_MMIO_VENDOR_ID:
        return VIRTIO_MMIO_VENDOR;
    }
    if (slot->backend == NULL)
        return 0;
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_ID:
        return slot->backend->ops->device_id;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return read_device_features(slot);
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return slot->interrupt_status;
    case VIRTIO_MMIO_STATUS:
        return read_status(slot);
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        /* there is no shared memory region of any number */
        return slot->legacy ? 0 : UINT32_MAX;
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return 0; /* no device changes a field that a driver reads in two accesses */
    default:
        return virtio_mmio_read_queue(slot, offset);
    }
}

/* How much of an access to the configuration space meets fields of the device. */
static uint32_t config_length(const struct virtio_ops *ops, uint64_t offset, unsigned size)
{
    if (offset >= ops->config_size)
        return 0;
    return ops->config_size - offset < size ? (uint32_t)(ops->config_size - offset) : size;
}

static uint64_t read_config(struct virtio_mmio *slot, uint64_t offset, unsigned size)
{
    uint8_t bytes[8] = {0};
    uint64_t value;

    if (slot->backend != NULL && slot->backend->ops->config_read != NULL) {
        uint32_t length = config_length(slot->backend->ops, offset, size);
        if (length != 0)
            slot->backend->ops->config_read(slot->backend, (uint32_t)offset, bytes, length);
    }
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void write_config(struct virtio_mmio *slot, uint64_t offset, unsigned size, uint64_t value)
{
    uint8_t bytes[8];

    memcpy(bytes, &value, sizeof(value));
    if (slot->backend != NULL && slot->backend->ops->config_write != NULL) {
        uint32_t length = config_length(slot->backend->ops, offset, size);
        if (length != 0)
            slot->backend->ops->config_write(slot->backend, (uint32_t)offset, bytes, length);
    }
}

/* 4.2.2.2: control registers take 32-bit accesses only. */
static int mmio_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio_mmio *slot = ctx;

    if (offset >= VIRTIO_MMIO_CONFIG) {
        *value = read_config(slot, offset - VIRTIO_MMIO_CONFIG, size);
        return 0;
    }
    if (size != 4)
        return ERR_UNSUPPORTED;
    *value = read_register(slot, (uint32_t)offset);
    return 0;
}

static int mmio_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_mmio *slot = ctx;

    if (offset >= VIRTIO_MMIO_CONFIG) {
        write_config(slot, offset - VIRTIO_MMIO_CONFIG, size, value);
        return 0;
    }
    if (size != 4)
        return ERR_UNSUPPORTED;
    if (slot->backend != NULL)
        write_register(slot, (uint32_t)offset, (uint32_t)value);
    return 0;
}

static bool quiesced(const struct device *dev)
{
    const struct virtio_mmio *slot = CONTAINER_OF(dev, const struct virtio_mmio, dev);

    return slot->backend == NULL || virtio_quiesced(slot->backend);
}

static void describe(const struct device *dev, struct device_node *node)
{
    (void)dev;
    node->name = "virtio_mmio";
    node->compatible[0] = "virtio,mmio";
}

static uint32_t device_id(const struct virtio_mmio *slot)
{
    return slot->backend != NULL ? slot->backend->ops->device_id : 0;
}

static int save(struct device *dev, struct stream *out)
{
    struct virtio_mmio *slot = CONTAINER_OF(dev, struct virtio_mmio, dev);

    stream_put_u32(out, device_id(slot));
    stream_put_u32(out, slot->legacy);
    if (slot->backend == NULL)
        return out->error;
    stream_put_u32(out, slot->status);
    stream_put_u32(out, slot->device_features_sel);
    stream_put_u32(out, slot->driver_features_sel);
    stream_put_u32(out, slot->queue_sel);
    stream_put_u32(out, slot->interrupt_status);
    stream_put_u64(out, slot->driver_features);
    stream_put_u32(out, slot->guest_page_size);
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
        stream_put_u32(out, slot->queue_align[i]);
        stream_put_u32(out, slot->queue_pfn[i]);
    }
    return virtio_save(slot->backend, out);
}

static int restore_registers(struct virtio_mmio *slot, struct stream *in)
{
    bool valid = true;

    stream_get_u32(in, &slot->status);
    stream_get_u32(in, &slot->device_features_sel);
    stream_get_u32(in, &slot->driver_features_sel);
    stream_get_u32(in, &slot->queue_sel);
    stream_get_u32(in, &slot->interrupt_status);
    stream_get_u64(in, &slot->driver_features);
    stream_get_u32(in, &slot->guest_page_size);
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
        stream_get_u32(in, &slot->queue_align[i]);
        stream_get_u32(in, &slot->queue_pfn[i]);
        valid = valid && virtio_power_of_two(slot->queue_align[i]);
    }
    if (in->error != 0)
        return in->error;
    valid = valid && (slot->status & ~(uint32_t)STATUS_DRIVER_BITS) == 0 &&
            slot->interrupt_status <= (VIRTIO_MMIO_INT_USED | VIRTIO_MMIO_INT_CONFIG) &&
            virtio_power_of_two(slot->guest_page_size);
    return valid ? 0 : ERR_INVALID;
}

static bool restored_state_valid(struct virtio_mmio *slot)
{
    const struct virtio_device *backend = slot->backend;
    bool driver_ok = (slot->status & VIRTIO_STATUS_DRIVER_OK) != 0;

    if (((slot->status & VIRTIO_STATUS_FEATURES_OK) && !backend->negotiated) ||
        (driver_ok && !backend->live) || (backend->live && !driver_ok && !slot->legacy) ||
        (backend->accepted & ~offered(slot)) != 0)
        return false;
    for (unsigned i = 0; i < backend->ops->nqueues; i++) {
        if (!virtio_mmio_queue_restored(slot, i))
            return false;
    }
    return true;
}

static int restore(struct device *dev, struct stream *in)
{
    struct virtio_mmio *slot = CONTAINER_OF(dev, struct virtio_mmio, dev);
    uint32_t id, legacy;

    stream_get_u32(in, &id);
    if (stream_get_u32(in, &legacy) != 0)
        return in->error;
    if (id != device_id(slot) || legacy != slot->legacy)
        return ERR_INVALID;
    if (slot->backend == NULL)
        return 0;
    int error = restore_registers(slot, in);
    if (error == 0)
        error = virtio_restore(slot->backend, in);
    if (error == 0 && !restored_state_valid(slot))
        error = ERR_INVALID;
    if (error == 0)
        device_irq(dev, slot->interrupt_status != 0);
    return error;
}

static const struct device_ops mmio_ops = {
    .reset = reset,
    .save = save,
    .restore = restore,
    .describe = describe,
    .quiesced = quiesced,
};

void virtio_mmio_init(struct virtio_mmio *slot, struct vm *vm, gpa_t base, irq_t irq)
{
    memset(slot, 0, sizeof(*slot));
    slot->dev = (struct device){
        .ops = &mmio_ops,
        .region = {base, VIRTIO_MMIO_SIZE, BUS_ANY, "virtio_mmio", slot, mmio_read, mmio_write},
        .irq = irq,
        .vm = vm,
    };
    reset(&slot->dev);
}

void virtio_mmio_attach(struct virtio_mmio *slot, struct virtio_device *device, bool legacy)
{
    slot->backend = device;
    slot->legacy = legacy;
    device->transport = slot;
    device->interrupt = interrupt;
}
