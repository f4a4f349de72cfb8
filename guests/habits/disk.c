/* SPDX-License-Identifier: MIT */
/*
 * The disk in the first virtio slot on both transports: what version 2 wants, in the order of
 * teaching kernels, or version 1 with its page number; by polling, then by interrupts. Whoever
 * starts this guest with a disk gives it sectors full of 'a'; two of them are 'b' afterwards.
 */
#include <stddef.h>

#include "guests/habits/habits.h"

enum {
    MAGIC = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DRIVER_FEATURES = 0x020,
    GUEST_PAGE_SIZE = 0x028,
    QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038,
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
};

#define QEMU_VENDOR 0x554d4551U
#define NUM         8U
#define BLOCK       1024U
#define NEXT        1
#define WRITE       2

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

/* As version 1 lays it out: the used ring begins a page. */
static struct {
    struct desc desc[NUM];
    uint16_t avail_flags, avail_idx, avail_ring[NUM], used_event;
    _Alignas(4096) volatile uint16_t used_flags;
    volatile uint16_t used_idx;
    volatile struct {
        uint32_t id, len;
    } used_ring[NUM];
} _Alignas(4096) queue;

static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static uint8_t data[BLOCK];
static volatile uint8_t status;

static volatile uint32_t *reg(uint64_t offset)
{
    return reg32(VIRTIO + offset);
}

/* Only the first word of features exists for it; VERSION_1 is in the second. */
static void negotiate(void)
{
    uint32_t features = *reg(DEVICE_FEATURES);

    features &= ~(1U << 5 | 1U << 7 | 1U << 11 | 1U << 12 | 1U << 27 | 1U << 28 | 1U << 29);
    *reg(DRIVER_FEATURES) = features;
}

static void place_queue(uint64_t offset, const volatile void *part)
{
    *reg(offset) = (uint32_t)(uint64_t)part;
    *reg(offset + 4) = (uint32_t)((uint64_t)part >> 32);
}

static void setup_modern(void)
{
    uint32_t state = 0;

    *reg(STATUS) = state;
    *reg(STATUS) = state |= 1;
    *reg(STATUS) = state |= 2;
    negotiate();
    *reg(STATUS) = state |= 8;
    expect((*reg(STATUS) & 8) != 0);
    *reg(QUEUE_SEL) = 0;
    expect(*reg(QUEUE_READY) == 0);
    expect(*reg(QUEUE_NUM_MAX) >= NUM);
    *reg(QUEUE_NUM) = NUM;
    place_queue(QUEUE_DESC, queue.desc);
    place_queue(QUEUE_DRIVER, &queue.avail_flags);
    place_queue(QUEUE_DEVICE, &queue.used_flags);
    *reg(QUEUE_READY) = 1;
    *reg(STATUS) = state | 4;
}

static void setup_legacy(void)
{
    *reg(STATUS) = 0;
    *reg(STATUS) = 1;
    *reg(STATUS) = 2;
    negotiate();
    *reg(GUEST_PAGE_SIZE) = 4096;
    *reg(QUEUE_SEL) = 0;
    expect(*reg(QUEUE_PFN) == 0);
    expect(*reg(QUEUE_NUM_MAX) >= NUM);
    *reg(QUEUE_NUM) = NUM;
    *reg(QUEUE_ALIGN) = 4096;
    *reg(QUEUE_PFN) = (uint32_t)((uint64_t)&queue >> 12);
    *reg(STATUS) = 4;
}

static bool present;
static volatile uint64_t interrupts;

static void start(uint64_t sector, bool write)
{
    header.type = write;
    header.sector = sector;
    status = 0xff;
    queue.desc[0] = (struct desc){(uint64_t)&header, sizeof(header), NEXT, 1};
    queue.desc[1] = (struct desc){(uint64_t)data, BLOCK, write ? NEXT : NEXT | WRITE, 2};
    queue.desc[2] = (struct desc){(uint64_t)&status, 1, WRITE, 0};
    queue.avail_ring[queue.avail_idx % NUM] = 0;
    __sync_synchronize();
    queue.avail_idx++;
    __sync_synchronize();
    *reg(QUEUE_NOTIFY) = 0;
}

static void transfer(uint64_t sector, bool write)
{
    start(sector, write);
    while (queue.used_idx != queue.avail_idx)
        ;
    __sync_synchronize();
    expect(status == 0);
    *reg(INTERRUPT_ACK) = *reg(INTERRUPT_STATUS) & 3;
    expect(queue.used_ring[(uint16_t)(queue.used_idx - 1) % NUM].id == 0);
}

static void fill(uint8_t byte)
{
    for (unsigned i = 0; i < BLOCK; i++)
        data[i] = byte;
}

static bool full_of(uint8_t byte)
{
    for (unsigned i = 0; i < BLOCK; i++) {
        if (data[i] != byte)
            return false;
    }
    return true;
}

void disk_check(void)
{
    uint32_t version = *reg(VERSION);

    expect(*reg(MAGIC) == 0x74726976);
    expect(*reg(VENDOR_ID) == QEMU_VENDOR);
    if (*reg(DEVICE_ID) != 2) {
        uart_text("habits: no disk\n");
        return;
    }
    present = true;
    if (version == 2)
        setup_modern();
    else
        setup_legacy();
    transfer(4, false);
    expect(full_of('a'));
    fill('b');
    transfer(4, true);
    fill('c');
    transfer(4, false);
    expect(full_of('b'));
    uart_text(version == 2 ? "habits: disk, version 2\n" : "habits: disk, legacy\n");
}

/* Nothing is acknowledged at the device. */
void disk_handle(void)
{
    interrupts++;
}

/* Each completion interrupts, though the device was never told that the last one was seen. */
void disk_check_interrupts(void)
{
    if (!present)
        return;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = interrupts;

        start(4, false);
        while (interrupts == before || queue.used_idx != queue.avail_idx)
            ;
        expect(status == 0 && full_of('b'));
    }
    uart_text("habits: disk, by interrupts\n");
}
