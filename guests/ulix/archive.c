/* SPDX-License-Identifier: MIT */
/* The archive and its pages in memory. */
#include "guests/ulix/archive.h"

#include <string.h>

#include "guests/lib/print.h"
#include "guests/ulix/disk.h"
#include "guests/ulix/memory.h"
#include "guests/ulix/schedule.h"

#define MAX_FILES 24
#define NAME_SIZE 32

/* The header of a file in the archive: 6 characters of magic and fields of 8 hexadecimal digits. */
#define HEADER_SIZE    110
#define FIELD_SIZE     6
#define FIELD_NAMESIZE 11
#define MAX_PAGES      PAGE_WORDS

struct file {
    char name[NAME_SIZE];
    uint64_t offset, size;      /* in the archive */
    _Atomic(uint64_t *) *pages; /* MAX_PAGES of them, NULL as long as they were not read */
};

extern uint8_t linked_archive[], linked_archive_end[];

static struct file files[MAX_FILES];
static unsigned file_count;

/* One process at a time reads or writes the archive. */
static struct lock lock;
static bool busy;
static struct queue waiting;

static void begin(void)
{
    lock_acquire(&lock);
    while (busy)
        schedule_sleep(&waiting, &lock);
    busy = true;
    lock_release(&lock);
}

static void end(void)
{
    lock_acquire(&lock);
    busy = false;
    schedule_wake(&waiting);
    lock_release(&lock);
}

static bool read_bytes(uint64_t offset, void *to, uint64_t size)
{
    if (disk_sectors() > 0)
        return disk_read(offset, to, size);
    if (offset + size > (uint64_t)(linked_archive_end - linked_archive))
        return false;
    memcpy(to, linked_archive + offset, size);
    return true;
}

static bool write_bytes(uint64_t offset, const void *from, uint64_t size)
{
    if (disk_sectors() > 0)
        return disk_write(offset, from, size);
    memcpy(linked_archive + offset, from, size);
    return true;
}

static uint64_t field(const char *header, unsigned index)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        char c = header[6 + 8 * index + i];

        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value & 0xffffffff;
}

static uint64_t align4(uint64_t value)
{
    return (value + 3) & -4UL;
}

/* Reads the header at the offset, steps over its file. False at the end of the archive. */
static bool next_file(uint64_t *offset)
{
    struct file *file = &files[file_count];
    char header[HEADER_SIZE];
    uint64_t name_size, name_offset = *offset + HEADER_SIZE;

    require(read_bytes(*offset, header, sizeof header));
    require(memcmp(header, "070701", 6) == 0);
    name_size = field(header, FIELD_NAMESIZE);
    require(name_size > 0 && name_size <= NAME_SIZE && file_count < MAX_FILES);
    require(read_bytes(name_offset, file->name, name_size) && file->name[name_size - 1] == 0);
    if (strcmp(file->name, "TRAILER!!!") == 0)
        return false;
    file->offset = align4(name_offset + name_size);
    file->size = field(header, FIELD_SIZE);
    require(file->size <= MAX_PAGES * PAGE_SIZE);
    *offset = align4(file->offset + file->size);
    file->pages = (_Atomic(uint64_t *) *)page_alloc_zeroed();
    require(file->pages != NULL);
    file_count++;
    return true;
}

void archive_init(void)
{
    uint64_t offset = 0;

    while (next_file(&offset))
        ;
}

struct file *archive_find(const char *name)
{
    for (unsigned i = 0; i < file_count; i++) {
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    }
    return NULL;
}

uint64_t file_size(const struct file *file)
{
    return file->size;
}

static uint64_t part_of_page(const struct file *file, uint64_t offset, uint64_t size)
{
    uint64_t part = PAGE_SIZE - offset % PAGE_SIZE;

    if (part > size)
        part = size;
    return part < file->size - offset ? part : file->size - offset;
}

/* The page may be mapped as code, which a hart must not have an older idea of. */
static void publish(struct file *file, uint64_t index, uint64_t *page)
{
    uint64_t harts = 0;

    for (uint64_t i = 0; i < hart_count(); i++)
        harts |= 1UL << hart_at(i)->id;
    require(sbi_remote_fence_i(harts, 0).error == 0);
    __asm__ volatile("fence.i" : : : "memory");
    atomic_store(&file->pages[index], page);
}

uint64_t *archive_page(struct file *file, uint64_t index)
{
    uint64_t offset = index * PAGE_SIZE;
    uint64_t *page;

    if (index >= MAX_PAGES || offset >= file->size)
        return NULL;
    page = atomic_load(&file->pages[index]);
    if (page != NULL)
        return page;
    begin();
    page = atomic_load(&file->pages[index]);
    if (page == NULL && (page = page_alloc_zeroed()) != NULL) {
        if (read_bytes(file->offset + offset, page, part_of_page(file, offset, PAGE_SIZE))) {
            publish(file, index, page);
        } else {
            page_drop(page);
            page = NULL;
        }
    }
    end();
    return page;
}

int64_t file_read(struct file *file, uint64_t offset, void *to, uint64_t size)
{
    uint64_t part, *page;

    if (offset >= file->size)
        return 0;
    page = archive_page(file, offset / PAGE_SIZE);
    if (page == NULL)
        return -1;
    part = part_of_page(file, offset, size);
    memcpy(to, (const uint8_t *)page + offset % PAGE_SIZE, part);
    return (int64_t)part;
}

int64_t file_write(struct file *file, uint64_t offset, const void *from, uint64_t size)
{
    uint64_t part, *page;
    bool good;

    if (offset >= file->size)
        return 0;
    page = archive_page(file, offset / PAGE_SIZE);
    if (page == NULL)
        return -1;
    part = part_of_page(file, offset, size);
    begin();
    memcpy((uint8_t *)page + offset % PAGE_SIZE, from, part);
    good = write_bytes(file->offset + offset, from, part);
    end();
    return good ? (int64_t)part : -1;
}
