/* SPDX-License-Identifier: MIT */
/*
 * Raw disk images: opened and locked at the start, read and written by one thread a disk, in the
 * order of the requests, so that a flush covers everything before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "host/linux/host.h"

#define SECTOR 512

static int open_and_lock(const struct run_disk *option)
{
    int fd = open(option->path, (option->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

    if (fd < 0) {
        message("cannot open disk %s: %s%s", option->path, strerror(errno),
                errno == EACCES || errno == EROFS ? " (add ,ro to use it without writing)" : "");
        return ERR_IO;
    }
    if (flock(fd, (option->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        message("disk %s is in use by another process: end that one first", option->path);
        close(fd);
        return ERR_BUSY;
    }
    return fd;
}

static int check_size(const struct run_disk *option, int fd, uint64_t *size)
{
    struct stat st;
    off_t end = lseek(fd, 0, SEEK_END);

    if (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) || end < 0) {
        message("disk %s is neither a file nor a block device: name a raw image", option->path);
        return ERR_INVALID;
    }
    if (end == 0 || end % SECTOR != 0) {
        message("disk %s has %lld bytes, which is not a positive multiple of 512: "
                "truncate -s %lld %s",
                option->path, (long long)end,
                (long long)(end == 0 ? 1 << 20 : (end + SECTOR - 1) / SECTOR * SECTOR),
                option->path);
        return ERR_INVALID;
    }
    *size = (uint64_t)end;
    return 0;
}

int disk_open(struct linux_host *host, const struct run_disk *option, struct blk_info *info)
{
    struct disk *disk = &host->disk[host->ndisks];
    const char *base = strrchr(option->path, '/');
    int fd = open_and_lock(option);

    if (fd < 0)
        return fd;
    memset(info, 0, sizeof(*info));
    int error = check_size(option, fd, &info->capacity);
    if (error != 0) {
        close(fd);
        return error;
    }
    info->read_only = option->read_only;
    base = base != NULL ? base + 1 : option->path;
    memcpy(info->id, base, strnlen(base, sizeof(info->id)));
    disk->host = host;
    disk->path = option->path;
    disk->read_only = option->read_only;
    disk->fd = fd;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->change, NULL);
    host->ndisks++;
    return 0;
}

/* preadv or pwritev until all is moved. A read behind the file's end (it shrank) is an error. */
static int transfer(struct disk *disk, const struct blk_request *request)
{
    struct iovec iov[BLK_MAX_SEGMENTS];
    unsigned first = 0, count = request->nsegments;
    off_t offset = (off_t)request->offset;

    for (unsigned i = 0; i < count; i++)
        iov[i] = (struct iovec){request->segment[i].base, request->segment[i].length};
    while (first < count) {
        ssize_t n = request->op == BLK_READ
                        ? preadv(disk->fd, iov + first, (int)(count - first), offset)
                        : pwritev(disk->fd, iov + first, (int)(count - first), offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        offset += n;
        while (first < count && (size_t)n >= iov[first].iov_len)
            n -= (ssize_t)iov[first++].iov_len;
        if (first < count) {
            iov[first].iov_base = (char *)iov[first].iov_base + n;
            iov[first].iov_len -= (size_t)n;
        }
    }
    return 0;
}

static int write_zeroes(struct disk *disk, uint64_t offset, uint64_t length)
{
    static const uint8_t zeroes[65536];

    while (length > 0) {
        size_t n = length < sizeof(zeroes) ? (size_t)length : sizeof(zeroes);
        ssize_t done = pwrite(disk->fd, zeroes, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return ERR_IO;
        offset += (uint64_t)done;
        length -= (uint64_t)done;
    }
    return 0;
}

static int punch(struct disk *disk, const struct blk_request *request)
{
    return fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)request->offset,
                     (off_t)request->length);
}

int disk_perform(struct disk *disk, const struct blk_request *request)
{
    int error = ERR_UNSUPPORTED;

    switch (request->op) {
    case BLK_READ:
        return transfer(disk, request);
    case BLK_FLUSH:
        return !disk->dirty || fdatasync(disk->fd) == 0 ? 0 : ERR_IO;
    case BLK_WRITE:
        error = transfer(disk, request);
        break;
    case BLK_DISCARD:
        error = 0; /* a hint: what the file system cannot do is no error */
        (void)!punch(disk, request);
        break;
    case BLK_WRITE_ZEROES:
        error = request->unmap && punch(disk, request) == 0
                    ? 0
                    : write_zeroes(disk, request->offset, request->length);
        break;
    }
    disk->dirty = true;
    return error;
}

static void complete(struct disk *disk, struct blk_request *request, int status)
{
    struct vm *vm = &disk->host->machine.vm;

    if (status != 0)
        vm_log_guest(vm, NULL, LOG_WARN, "disk", "%s: a request failed: %s", disk->path,
                     error_text(status));
    vm_lock(vm);
    request->complete(request, status);
    vm_unlock(vm);
}

static void *disk_thread(void *arg)
{
    struct disk *disk = arg;

    pthread_mutex_lock(&disk->lock);
    for (;;) {
        while (disk->count == 0 && !disk->stopping)
            pthread_cond_wait(&disk->change, &disk->lock);
        if (disk->count == 0)
            break;
        struct blk_request *request = disk->queue[disk->head];
        disk->head = (disk->head + 1) % DISK_QUEUE;
        disk->count--;
        pthread_mutex_unlock(&disk->lock);
        complete(disk, request, disk_perform(disk, request));
        pthread_mutex_lock(&disk->lock);
    }
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

int disk_submit(struct vm *vm, unsigned number, struct blk_request *request)
{
    struct disk *disk = &host_of(vm)->disk[number];
    int error = 0;

    pthread_mutex_lock(&disk->lock);
    if (disk->count == DISK_QUEUE) {
        error = ERR_BUSY;
    } else {
        disk->queue[(disk->head + disk->count++) % DISK_QUEUE] = request;
        pthread_cond_signal(&disk->change);
    }
    pthread_mutex_unlock(&disk->lock);
    return error;
}

int disk_start(struct disk *disk)
{
    return pthread_create(&disk->thread, NULL, disk_thread, disk) == 0 ? 0 : ERR_NO_MEMORY;
}

void disk_close_all(struct linux_host *host)
{
    for (unsigned i = 0; i < host->ndisks; i++) {
        struct disk *disk = &host->disk[i];
        if (disk->thread != 0) {
            pthread_mutex_lock(&disk->lock);
            disk->stopping = true;
            pthread_cond_signal(&disk->change);
            pthread_mutex_unlock(&disk->lock);
            pthread_join(disk->thread, NULL);
        }
        if (disk->dirty && fdatasync(disk->fd) != 0)
            message("cannot flush disk %s: %s", disk->path, strerror(errno));
        close(disk->fd);
    }
    host->ndisks = 0;
}
