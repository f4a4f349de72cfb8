/* SPDX-License-Identifier: MIT */
/*
 * The files: a cpio archive ("newc"), on the disk if there is one, else the one that is linked into
 * the kernel. Files neither grow nor shrink; their bytes can be written.
 */
#ifndef GUESTS_ULIX_ARCHIVE_H
#define GUESTS_ULIX_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

struct file;

/* Reads the list of files. In a process, as it waits for the disk. */
void archive_init(void);

struct file *archive_find(const char *name);
uint64_t file_size(const struct file *file);

/*
 * Page number `index` of a file, 0 beyond the end of the file: read once and kept for good, so all
 * who map it share it. NULL: there is no such page, or no memory, or the disk failed. May sleep.
 */
uint64_t *archive_page(struct file *file, uint64_t index);

/* Bytes from offset on, at most size: how many, or -1. May sleep. */
int64_t file_read(struct file *file, uint64_t offset, void *to, uint64_t size);

/* Changes bytes that the file has, in memory and on the disk: how many, or -1. May sleep. */
int64_t file_write(struct file *file, uint64_t offset, const void *from, uint64_t size);

#endif
