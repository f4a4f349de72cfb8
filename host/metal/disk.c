/* SPDX-License-Identifier: MIT */
/* virtio-blk from the driver's side. */
#include "host/metal/disk.h"

#include <string.h>

#include "core/dev/virtio.h"
#include "core/dev/virtio_mmio.h"
#include "host/metal/board/mmio.h"

#define SECTOR                    512
#define DEVICE_ID_BLOCK           2
#define RING_ALIGN                4096

#define VIRTIO_BLK_F_SEG_MAX      2
#define VIRTIO_BLK_F_RO           5
#define VIRTIO_BLK_F_FLUSH        9
#define VIRTIO_BLK_F_DISCARD      13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

/* Offsets in the configuration space (5.2.4). */
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_MAX_DISCARD = 36,
    CONFIG_MAX_WRITE_ZEROES = 48,
};

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_UNSUPP = 2 };
#define RANGE_UNMAP 1

static uint32_t get(const struct disk *disk, unsigned reg)
{
    return mmio_read32(disk->base + reg);
}

static void set(const struct disk *disk, unsigned reg, uint32_t value)
{
    mmio_write32(disk->base + reg, value);
}

static uint32_t config32(const struct disk *disk, unsigned offset)
{
    return get(disk, VIRTIO_MMIO_CONFIG + offset);
}

/* Memory and device registers in the order of the program. */
static void fence(void)
{
    __asm__ volatile("fence iorw, iorw" : : : "memory");
}

bool disk_present(const struct board_virtio *virtio)
{
    const struct disk disk = {.base = virtio->base};

    return get(&disk, VIRTIO_MMIO_MAGIC_VALUE) == VIRTIO_MMIO_MAGIC &&
           get(&disk, VIRTIO_MMIO_DEVICE_ID) == DEVICE_ID_BLOCK;
}

static uint64_t offered(const struct disk *disk)
{
    set(disk, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    uint64_t high = get(disk, VIRTIO_MMIO_DEVICE_FEATURES);
    set(disk, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    return high << 32 | get(disk, VIRTIO_MMIO_DEVICE_FEATURES);
}

static bool negotiate(struct disk *disk)
{
    uint64_t wanted = VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_RO) |
                      VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) |
                      VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);

    if (!disk->legacy)
        wanted |= VIRTIO_BIT(VIRTIO_F_VERSION_1);
    disk->features = offered(disk) & wanted;
    set(disk, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    set(disk, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(disk->features >> 32));
    set(disk, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    set(disk, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)disk->features);
    if (disk->legacy)
        return true;
    uint32_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK;
    set(disk, VIRTIO_MMIO_STATUS, status);
    return (get(disk, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK) != 0 &&
           (disk->features & VIRTIO_BIT(VIRTIO_F_VERSION_1)) != 0;
}

static bool has(const struct disk *disk, unsigned feature)
{
    return (disk->features & VIRTIO_BIT(feature)) != 0;
}

static void read_config(struct disk *disk)
{
    uint64_t sectors =
        config32(disk, CONFIG_CAPACITY) | (uint64_t)config32(disk, CONFIG_CAPACITY + 4) << 32;

    disk->info.capacity = sectors > UINT64_MAX / SECTOR ? 0 : sectors * SECTOR;
    disk->info.read_only = has(disk, VIRTIO_BLK_F_RO);
    disk->seg_max = 1;
    if (has(disk, VIRTIO_BLK_F_SEG_MAX))
        disk->seg_max = config32(disk, CONFIG_SEG_MAX);
    if (disk->seg_max > disk->size - 2u)
        disk->seg_max = disk->size - 2u;
    if (disk->seg_max == 0)
        disk->seg_max = 1;
    if (has(disk, VIRTIO_BLK_F_DISCARD))
        disk->max_discard = config32(disk, CONFIG_MAX_DISCARD);
    if (has(disk, VIRTIO_BLK_F_WRITE_ZEROES))
        disk->max_write_zeroes = config32(disk, CONFIG_MAX_WRITE_ZEROES);
}

static void set64(const struct disk *disk, unsigned low, const volatile void *address)
{
    set(disk, low, (uint32_t)(uintptr_t)address);
    set(disk, low + 4, (uint32_t)((uintptr_t)address >> 32));
}

/* Descriptors, then the available ring, then on its own page the used ring: what legacy devices
 * derive from one address, and as good as any for the others. */
static int prepare_queue(struct disk *disk, uint8_t *rings)
{
    set(disk, VIRTIO_MMIO_QUEUE_SEL, 0);
    uint32_t most = get(disk, VIRTIO_MMIO_QUEUE_NUM_MAX);
    disk->size = most < DISK_QUEUE ? (uint16_t)most : DISK_QUEUE;
    if (disk->size < 4)
        return ERR_UNSUPPORTED;
    size_t before_used = disk->size * sizeof(struct virtq_desc) + 4 + 2u * disk->size + 2;
    disk->desc = (struct virtq_desc *)rings;
    disk->avail = (uint16_t *)(rings + disk->size * sizeof(struct virtq_desc));
    disk->used = (uint16_t *)(rings + (before_used + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN);
    disk->nfree = disk->size;
    for (uint16_t i = 0; i < disk->size; i++)
        disk->desc[i].next = (uint16_t)(i + 1);
    set(disk, VIRTIO_MMIO_QUEUE_NUM, disk->size);
    if (disk->legacy) {
        set(disk, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
        set(disk, VIRTIO_MMIO_QUEUE_ALIGN, RING_ALIGN);
        set(disk, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)((uintptr_t)rings >> PAGE_SHIFT));
        return 0;
    }
    set64(disk, VIRTIO_MMIO_QUEUE_DESC_LOW, disk->desc);
    set64(disk, VIRTIO_MMIO_QUEUE_DRIVER_LOW, disk->avail);
    set64(disk, VIRTIO_MMIO_QUEUE_DEVICE_LOW, disk->used);
    set(disk, VIRTIO_MMIO_QUEUE_READY, 1);
    return 0;
}

int disk_open(struct disk *disk, const struct board_virtio *virtio, void *rings)
{
    memset(disk, 0, sizeof(*disk));
    disk->base = virtio->base;
    disk->irq = virtio->irq;
    uint32_t version = get(disk, VIRTIO_MMIO_VERSION);
    if (!disk_present(virtio) || version == 0 || version > 2)
        return ERR_UNSUPPORTED;
    disk->legacy = version == 1;
    set(disk, VIRTIO_MMIO_STATUS, 0);
    set(disk, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    if (!negotiate(disk) || prepare_queue(disk, rings) != 0) {
        set(disk, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_FAILED);
        return ERR_UNSUPPORTED;
    }
    read_config(disk);
    set(disk, VIRTIO_MMIO_STATUS, get(disk, VIRTIO_MMIO_STATUS) | VIRTIO_STATUS_DRIVER_OK);
    return 0;
}

/* Appends a descriptor to the chain that ends in *last. */
static void chain(struct disk *disk, uint16_t *last, const void *data, uint64_t length,
                  uint16_t flags)
{
    uint16_t at = disk->free_head;
    struct virtq_desc *desc = &disk->desc[at];

    disk->free_head = desc->next;
    disk->nfree--;
    desc->addr = (uintptr_t)data;
    desc->len = (uint32_t)length;
    desc->flags = flags;
    if (*last != DISK_QUEUE) {
        disk->desc[*last].flags |= VIRTQ_DESC_F_NEXT;
        disk->desc[*last].next = at;
    }
    *last = at;
}

static void free_chain(struct disk *disk, uint16_t head)
{
    uint16_t at = head, count = 1;

    while ((disk->desc[at].flags & VIRTQ_DESC_F_NEXT) != 0) {
        at = disk->desc[at].next;
        count++;
    }
    disk->desc[at].next = disk->free_head;
    disk->free_head = head;
    disk->nfree = (uint16_t)(disk->nfree + count);
}

static void notify(struct disk *disk, uint16_t head)
{
    uint16_t idx = disk->avail[1];

    disk->avail[2 + idx % disk->size] = head;
    fence();
    disk->avail[1] = (uint16_t)(idx + 1);
    fence();
    set(disk, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static unsigned min_u(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool moves_data(const struct blk_request *request)
{
    return request->op == BLK_READ || request->op == BLK_WRITE;
}

static bool supported(const struct disk *disk, enum blk_op op)
{
    switch (op) {
    case BLK_FLUSH:
        return has(disk, VIRTIO_BLK_F_FLUSH);
    case BLK_DISCARD:
        return disk->max_discard != 0;
    case BLK_WRITE_ZEROES:
        return disk->max_write_zeroes != 0;
    default:
        return true;
    }
}

/* Descriptors that the next part of a request takes. */
static unsigned wanted(const struct disk *disk, const struct disk_slot *slot)
{
    const struct blk_request *request = slot->request;

    if (moves_data(request))
        return 2 + min_u(disk->seg_max, request->nsegments - slot->segment);
    return request->op == BLK_FLUSH && !slot->idle ? 2 : 3;
}

static uint16_t put_segments(struct disk *disk, struct disk_slot *slot, uint16_t last)
{
    const struct blk_request *request = slot->request;
    unsigned count = min_u(disk->seg_max, request->nsegments - slot->segment);

    slot->part = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct blk_segment *segment = &request->segment[slot->segment++];
        chain(disk, &last, segment->base, segment->length,
              request->op == BLK_READ ? VIRTQ_DESC_F_WRITE : 0);
        slot->part += segment->length;
    }
    return last;
}

static uint16_t put_range(struct disk *disk, struct disk_slot *slot, uint16_t last)
{
    const struct blk_request *request = slot->request;
    bool zero = request->op == BLK_WRITE_ZEROES;
    uint64_t most = (uint64_t)(zero ? disk->max_write_zeroes : disk->max_discard) * SECTOR;
    uint64_t left = request->length - slot->done;

    slot->part = left < most ? left : most;
    slot->range = (struct disk_range){
        .sector = (request->offset + slot->done) / SECTOR,
        .num_sectors = (uint32_t)(slot->part / SECTOR),
        .flags = zero && request->unmap ? RANGE_UNMAP : 0,
    };
    chain(disk, &last, &slot->range, sizeof(slot->range), 0);
    return last;
}

/* What is not needed is done by a request that changes nothing, so that it ends as all do. */
static uint32_t type_of(const struct disk_slot *slot)
{
    static const uint8_t types[] = {
        [BLK_READ] = T_IN,
        [BLK_WRITE] = T_OUT,
        [BLK_FLUSH] = T_FLUSH,
        [BLK_DISCARD] = T_DISCARD,
        [BLK_WRITE_ZEROES] = T_WRITE_ZEROES,
    };

    return slot->idle ? T_GET_ID : types[slot->request->op];
}

static void start_part(struct disk *disk, struct disk_slot *slot)
{
    const struct blk_request *request = slot->request;
    uint16_t last = DISK_QUEUE;

    slot->header = (struct disk_header){.type = type_of(slot)};
    if (moves_data(request))
        slot->header.sector = (request->offset + slot->done) / SECTOR;
    chain(disk, &last, &slot->header, sizeof(slot->header), 0);
    slot->head = last;
    slot->part = 0;
    if (slot->idle)
        chain(disk, &last, slot->id, sizeof(slot->id), VIRTQ_DESC_F_WRITE);
    else if (moves_data(request))
        last = put_segments(disk, slot, last);
    else if (request->op != BLK_FLUSH)
        last = put_range(disk, slot, last);
    slot->status = 0xff;
    chain(disk, &last, &slot->status, sizeof(slot->status), VIRTQ_DESC_F_WRITE);
    disk->slot_of[slot->head] = (uint8_t)(slot - disk->slot);
    notify(disk, slot->head);
}

static struct disk_slot *free_slot(struct disk *disk)
{
    for (unsigned i = 0; i < DISK_SLOTS; i++) {
        if (disk->slot[i].request == NULL)
            return &disk->slot[i];
    }
    return NULL;
}

/* Starts waiting requests as long as there is room, in order. */
static void start_waiting(struct disk *disk)
{
    struct disk_slot *slot;

    while (disk->waiting != NULL && (slot = free_slot(disk)) != NULL) {
        *slot = (struct disk_slot){.request = disk->waiting,
                                   .idle = !supported(disk, disk->waiting->op)};
        if (wanted(disk, slot) > disk->nfree) {
            slot->request = NULL;
            return;
        }
        disk->waiting = slot->request->host;
        start_part(disk, slot);
    }
}

int disk_submit(struct disk *disk, struct blk_request *request)
{
    if (request->op == BLK_WRITE_ZEROES && !supported(disk, request->op))
        return ERR_UNSUPPORTED;
    request->host = NULL;
    if (disk->waiting == NULL)
        disk->waiting = request;
    else
        disk->waiting_last->host = request;
    disk->waiting_last = request;
    start_waiting(disk);
    return 0;
}

static bool is_done(const struct disk_slot *slot)
{
    const struct blk_request *request = slot->request;

    if (slot->idle || request->op == BLK_FLUSH)
        return true;
    return moves_data(request) ? slot->segment == request->nsegments
                               : slot->done >= request->length;
}

/* A part of a request has ended. */
static void part_ended(struct disk *disk, struct disk_slot *slot)
{
    struct blk_request *request = slot->request;
    int error = 0;

    free_chain(disk, slot->head);
    slot->done += slot->part;
    if (slot->status != S_OK && !slot->idle)
        error = slot->status == S_UNSUPP ? ERR_UNSUPPORTED : ERR_IO;
    else if (!is_done(slot)) {
        start_part(disk, slot); /* no larger than the one that has just gone */
        return;
    }
    slot->request = NULL;
    request->complete(request, error);
}

void disk_service(struct disk *disk)
{
    set(disk, VIRTIO_MMIO_INTERRUPT_ACK, get(disk, VIRTIO_MMIO_INTERRUPT_STATUS));
    fence();
    while (disk->used_seen != disk->used[1]) {
        fence();
        /* An element of the used ring is two words: the chain's first descriptor, and a length. */
        uint16_t head = disk->used[2 + disk->used_seen % disk->size * 4];
        disk->used_seen++;
        struct disk_slot *slot = &disk->slot[disk->slot_of[head % disk->size]];
        if (slot->request != NULL && slot->head == head)
            part_ended(disk, slot);
    }
    start_waiting(disk);
}

bool disk_busy(const struct disk *disk)
{
    bool busy = disk->waiting != NULL;

    for (unsigned i = 0; i < DISK_SLOTS; i++)
        busy |= disk->slot[i].request != NULL;
    return busy;
}

struct sync_read {
    bool done;
    int status;
};

static void sync_complete(struct blk_request *request, int status)
{
    struct sync_read *read = request->owner;

    read->done = true;
    read->status = status;
}

int disk_read(struct disk *disk, uint64_t offset, void *out, size_t length)
{
    static struct blk_request request; /* too large for the stack */
    static struct sync_read read;      /* lives as long as what points to it */

    read = (struct sync_read){.done = false};
    if (offset > disk->info.capacity || length > disk->info.capacity - offset)
        return ERR_RANGE;
    request = (struct blk_request){
        .op = BLK_READ,
        .offset = offset,
        .length = length,
        .nsegments = 1,
        .segment[0] = {out, length},
        .complete = sync_complete,
        .owner = &read,
    };
    int error = disk_submit(disk, &request);
    while (error == 0 && !read.done)
        disk_service(disk);
    return error != 0 ? error : read.status;
}
