/* SPDX-License-Identifier: MIT */
/* Writes a pattern all over the disk, and looks whether it is still there (VIRTIO 1.2, 5.2). */
#include "guests/lib/print.h"
#include "guests/remote/remote.h"

#define SLOT            0
#define ID_BLOCK        2
#define F_FLUSH         (1U << 9)
#define T_IN            0
#define T_OUT           1
#define T_FLUSH         4
#define S_OK            0
#define CONFIG_CAPACITY (0x100 / 4)
#define SECTOR          512
#define PIECE           (64 * 1024UL)

static struct virtio disk;
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static uint64_t data[PIECE / 8];
static volatile uint8_t status;

static uint64_t word_at(uint64_t sector, uint64_t i)
{
    return (sector * (SECTOR / 8) + i) * 0x9e3779b97f4a7c15UL;
}

static void build(uint32_t type, uint64_t sector, uint32_t length)
{
    uint16_t device_writes = type == T_IN ? VIRTQ_DESC_F_WRITE : 0;

    header.type = type;
    header.sector = sector;
    status = 0xff;
    disk.desc[0] = (struct virtq_desc){(uint64_t)&header, 16, VIRTQ_DESC_F_NEXT, 1};
    disk.desc[1] = (struct virtq_desc){(uint64_t)data, length,
                                       (uint16_t)(device_writes | VIRTQ_DESC_F_NEXT), 2};
    disk.desc[2] = (struct virtq_desc){(uint64_t)&status, 1, VIRTQ_DESC_F_WRITE, 0};
    if (length == 0)
        disk.desc[0].next = 2;
}

static bool transfer(uint32_t type, uint64_t sector, uint32_t length)
{
    build(type, sector, length);
    virtio_submit(&disk);
    return status == S_OK;
}

static bool start(void)
{
    if (virtio_start(&disk, SLOT, ID_BLOCK, F_FLUSH))
        return true;
    print("remote: no disk\n");
    return false;
}

/* Does `type` for each piece; returns how many sectors there are. */
static void each_piece(uint32_t type, const char *name)
{
    uint64_t sectors, done = 0, failed = 0, wrong = 0;

    if (!start())
        return;
    sectors = disk.reg[CONFIG_CAPACITY] | (uint64_t)disk.reg[CONFIG_CAPACITY + 1] << 32;
    for (uint64_t at = 0; at < sectors; at += PIECE / SECTOR) {
        uint64_t count = sectors - at < PIECE / SECTOR ? sectors - at : PIECE / SECTOR;
        for (uint64_t i = 0; i < count * SECTOR / 8; i++)
            data[i] = type == T_OUT ? word_at(at, i) : 0;
        if (transfer(type, at, (uint32_t)(count * SECTOR)))
            done++;
        else
            failed++;
        for (uint64_t i = 0; status == S_OK && i < count * SECTOR / 8; i++)
            wrong += data[i] != word_at(at, i);
    }
    print("remote: %s %lu done, %lu failed, %lu wrong\n", name, done, failed, wrong);
}

void disk_write(void)
{
    each_piece(T_OUT, "write");
}

void disk_read(void)
{
    each_piece(T_IN, "read");
}

void disk_flush(void)
{
    if (start())
        print("remote: flush %s\n", transfer(T_FLUSH, 0, 0) ? "done" : "failed");
}

void disk_read_ahead(void)
{
    if (!start())
        return;
    build(T_IN, 0, PIECE);
    virtio_offer(&disk, 0);
}
