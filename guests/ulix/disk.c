/* SPDX-License-Identifier: MIT */
/*
 * The driver: one queue, one request in it at a time, of three descriptors: what to do, the data,
 * how it went. The data lie in a buffer of the driver, as archives put files at any multiple of 4.
 */
#include "guests/ulix/disk.h"

#include <string.h>

#include "guests/lib/print.h"
#include "guests/ulix/devicetree.h"
#include "guests/ulix/interrupt.h"
#include "guests/ulix/memory.h"
#include "guests/ulix/schedule.h"
#include "guests/ulix/table.h"

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038,
    GUEST_PAGE_SIZE = 0x028,
    QUEUE_ALIGN = 0x03c,
    QUEUE_PFN = 0x040,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC = 0x080,
    QUEUE_DRIVER = 0x090,
    QUEUE_DEVICE = 0x0a0,
    CONFIG_CAPACITY = 0x100,
};

#define VIRTIO_MAGIC 0x74726976
#define BLOCK_DEVICE 2
#define ACKNOWLEDGE  1
#define DRIVER       2
#define DRIVER_OK    4
#define FEATURES_OK  8
#define VERSION_1    1 /* bit 32: the first of the second word */

#define DESC_F_NEXT  1
#define DESC_F_WRITE 2 /* by the device */
#define BLK_T_IN     0
#define BLK_T_OUT    1
#define BLK_S_OK     0

#define NUM          4
#define SECTOR       512UL
#define BUFFER_SIZE  (PAGE_SIZE + 2 * SECTOR)

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

/* The rings of both versions of the transport: the older one wants the used ring on a page of its
 * own. */
static struct {
    struct desc desc[NUM];
    uint16_t avail_flags;
    _Atomic uint16_t avail_idx;
    uint16_t avail_ring[NUM], used_event;
    _Alignas(4096) uint16_t used_flags;
    _Atomic uint16_t used_idx;
    struct {
        uint32_t id, len;
    } used_ring[NUM];
} _Alignas(4096) queue;

static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static uint8_t buffer[BUFFER_SIZE];
static volatile uint8_t status;

static uint64_t registers, sectors;
static uint16_t made; /* requests so far */
static struct lock lock;
static struct queue waiting;

static volatile uint32_t *reg(uint64_t offset)
{
    return (volatile uint32_t *)(registers + offset);
}

static void place(uint64_t offset, const volatile void *part)
{
    *reg(offset) = (uint32_t)(uint64_t)part;
    *reg(offset + 4) = (uint32_t)((uint64_t)part >> 32);
}

static void place_queue(bool legacy)
{
    *reg(QUEUE_SEL) = 0;
    require(*reg(QUEUE_NUM_MAX) >= NUM);
    *reg(QUEUE_NUM) = NUM;
    if (legacy) {
        *reg(QUEUE_ALIGN) = PAGE_SIZE;
        *reg(QUEUE_PFN) = (uint32_t)((uint64_t)&queue / PAGE_SIZE);
        return;
    }
    place(QUEUE_DESC, queue.desc);
    place(QUEUE_DRIVER, &queue.avail_flags);
    place(QUEUE_DEVICE, &queue.used_flags);
    *reg(QUEUE_READY) = 1;
}

/* No feature is asked for but the version itself. */
static void start_device(void)
{
    bool legacy = *reg(VERSION) == 1;
    uint32_t state = ACKNOWLEDGE | DRIVER;

    *reg(STATUS) = 0;
    *reg(STATUS) = state;
    *reg(DRIVER_FEATURES_SEL) = 0;
    *reg(DRIVER_FEATURES) = 0;
    if (legacy) {
        *reg(GUEST_PAGE_SIZE) = PAGE_SIZE;
    } else {
        *reg(DRIVER_FEATURES_SEL) = 1;
        *reg(DRIVER_FEATURES) = VERSION_1;
        *reg(STATUS) = state |= FEATURES_OK;
        require(*reg(STATUS) & FEATURES_OK);
    }
    place_queue(legacy);
    *reg(STATUS) = state | DRIVER_OK;
    sectors = (uint64_t)*reg(CONFIG_CAPACITY + 4) << 32 | *reg(CONFIG_CAPACITY);
}

static bool done(void)
{
    return atomic_load(&queue.used_idx) == made;
}

static void on_interrupt(void)
{
    *reg(INTERRUPT_ACK) = *reg(INTERRUPT_STATUS) & 3;
    lock_acquire(&lock);
    if (done())
        schedule_wake(&waiting);
    lock_release(&lock);
}

void disk_init(void)
{
    struct dt_node node;
    uint64_t size;
    uint32_t length;
    const uint32_t *line;

    for (unsigned i = 0; dt_find_compatible(&node, "virtio,mmio", i); i++) {
        require(dt_reg(&node, &registers, &size));
        table_map_device(registers, size);
        if (*reg(MAGIC) != VIRTIO_MAGIC || *reg(DEVICE_ID) != BLOCK_DEVICE)
            continue;
        line = dt_property(&node, "interrupts", &length);
        require(line != NULL && interrupt_enable(dt_cell(line), on_interrupt));
        start_device();
        return;
    }
}

uint64_t disk_sectors(void)
{
    return sectors;
}

static bool transfer(uint64_t sector, uint64_t size, bool write)
{
    if (sector + size / SECTOR > sectors)
        return false;
    header.type = write ? BLK_T_OUT : BLK_T_IN;
    header.sector = sector;
    status = (uint8_t)~BLK_S_OK;
    queue.desc[0] = (struct desc){(uint64_t)&header, sizeof header, DESC_F_NEXT, 1};
    queue.desc[1] = (struct desc){(uint64_t)buffer, (uint32_t)size,
                                  write ? DESC_F_NEXT : DESC_F_NEXT | DESC_F_WRITE, 2};
    queue.desc[2] = (struct desc){(uint64_t)&status, 1, DESC_F_WRITE, 0};
    queue.avail_ring[made % NUM] = 0;
    lock_acquire(&lock);
    atomic_store(&queue.avail_idx, ++made);
    __asm__ volatile("fence w, o" : : : "memory");
    *reg(QUEUE_NOTIFY) = 0;
    while (!done())
        schedule_sleep(&waiting, &lock);
    lock_release(&lock);
    return status == BLK_S_OK;
}

/* Reads the whole sectors around a piece of at most a page into the buffer; *size becomes theirs.
 */
static bool read_around(uint64_t offset, uint64_t *size)
{
    *size = (offset % SECTOR + *size + SECTOR - 1) & -SECTOR;
    return transfer(offset / SECTOR, *size, false);
}

bool disk_read(uint64_t offset, void *to, uint64_t size)
{
    uint64_t around = size;

    require(size <= PAGE_SIZE);
    if (!read_around(offset, &around))
        return false;
    memcpy(to, buffer + offset % SECTOR, size);
    return true;
}

bool disk_write(uint64_t offset, const void *from, uint64_t size)
{
    uint64_t around = size;

    require(size <= PAGE_SIZE);
    if (!read_around(offset, &around))
        return false;
    memcpy(buffer + offset % SECTOR, from, size);
    return transfer(offset / SECTOR, around, true);
}
