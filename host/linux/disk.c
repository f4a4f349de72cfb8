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

/* Looks before it opens, which for a FIFO would wait and for a device act. A block device that is
 * mounted or otherwise taken does not open for writing (O_EXCL). */
static int open_image(const struct run_disk *option)
{
    int flags = (option->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    bool can_read_only = !option->read_only && access(option->path, R_OK) == 0;
    struct stat st;
    int fd = -1;

    if (stat(option->path, &st) == 0) {
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
            message("disk %s is neither a file nor a block device: name a raw image", option->path);
            return ERR_INVALID;
        }
        fd = open(option->path, S_ISBLK(st.st_mode) && !option->read_only ? flags | O_EXCL : flags);
    }
    if (fd >= 0)
        return fd;
    const char *remedy = "check the path and its permissions";
    if ((errno == EACCES || errno == EROFS || errno == EPERM) && can_read_only)
        remedy = "add ,ro to use it without writing";
    else if (errno == EBUSY)
        remedy = "unmount it, or add ,ro to use it without writing";
    message("cannot open disk %s: %s: %s", option->path, strerror(errno), remedy);
    return ERR_IO;
}

static int open_and_lock(const struct run_disk *option)
{
    int fd = open_image(option);

    if (fd < 0 || flock(fd, (option->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
        return fd;
    if (errno == EWOULDBLOCK)
        message("disk %s is in use, by another process or twice in this one: end that one, or "
                "copy the image",
                option->path);
    else
        message("cannot lock disk %s: %s: copy it to another file system", option->path,
                strerror(errno));
    close(fd);
    return ERR_BUSY;
}

static int check_size(const struct run_disk *option, int fd, uint64_t *size)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end < 0) {
        message("cannot tell the size of disk %s: %s: name a raw image", option->path,
                strerror(errno));
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

int disk_claim(const struct run_disk *option, uint64_t *size)
{
    int fd = open_and_lock(option);

    if (fd < 0)
        return fd;
    int error = check_size(option, fd, size);
    if (error != 0) {
        close(fd);
        return error;
    }
    return fd;
}

int disk_open(struct linux_host *host, const struct run_disk *option, struct blk_info *info)
{
    struct disk *disk = &host->disk[host->ndisks];
    const char *base = strrchr(option->path, '/');

    memset(info, 0, sizeof(*info));
    int fd = disk_claim(option, &info->capacity);
    if (fd < 0)
        return fd;
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

/* Tells the user why the guest is going to see an error; `error` is 0 where the file ended. */
static int failed(struct disk *disk, const char *what, int error)
{
    vm_log_guest(&disk->host->machine.vm, NULL, LOG_WARN, "disk",
                 "%s: cannot %s: %s: the guest sees an I/O error", disk->path, what,
                 error != 0 ? strerror(error) : "the file has become shorter");
    return ERR_IO;
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
            return failed(disk, request->op == BLK_READ ? "read" : "write", n < 0 ? errno : 0);
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
        if (done < 0)
            return failed(disk, "write", errno);
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
        return !disk->dirty || fdatasync(disk->fd) == 0 ? 0 : failed(disk, "flush", errno);
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

    vm_lock(vm);
    request->complete(request, status);
    vm_unlock(vm);
}

static void *disk_thread(void *arg)
{
    struct disk *disk = arg;

    confine(disk->host, CONFINED_MONITOR);
    pthread_mutex_lock(&disk->lock);
    for (;;) {
        while (disk->count == 0 && !disk->stopping)
            pthread_cond_wait(&disk->change, &disk->lock);
        if (disk->count == 0)
            break;
        struct blk_request *request = disk->queue[disk->head];
        disk->head = (disk->head + 1) % DISK_QUEUE;
        disk->count--;
        disk->busy = true;
        pthread_mutex_unlock(&disk->lock);
        complete(disk, request, disk_perform(disk, request));
        pthread_mutex_lock(&disk->lock);
        disk->busy = false;
        pthread_cond_broadcast(&disk->change);
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
        pthread_cond_broadcast(&disk->change);
    }
    pthread_mutex_unlock(&disk->lock);
    return error;
}

int disk_start(struct disk *disk)
{
    int error = pthread_create(&disk->thread, NULL, disk_thread, disk);

    if (error != 0) {
        message("cannot start a thread for disk %s: %s: raise ulimit -u", disk->path,
                strerror(error));
        return ERR_NO_MEMORY;
    }
    disk->started = true;
    return 0;
}

void disk_drain_all(struct linux_host *host)
{
    for (unsigned i = 0; i < host->ndisks; i++) {
        struct disk *disk = &host->disk[i];
        pthread_mutex_lock(&disk->lock);
        while (disk->count > 0 || disk->busy)
            pthread_cond_wait(&disk->change, &disk->lock);
        pthread_mutex_unlock(&disk->lock);
    }
}

static void stop_thread(struct disk *disk)
{
    if (!disk->started)
        return;
    pthread_mutex_lock(&disk->lock);
    disk->stopping = true;
    pthread_cond_broadcast(&disk->change);
    pthread_mutex_unlock(&disk->lock);
    pthread_join(disk->thread, NULL);
}

int disk_close_all(struct linux_host *host)
{
    int error = 0;

    for (unsigned i = 0; i < host->ndisks; i++) {
        struct disk *disk = &host->disk[i];
        stop_thread(disk);
        if (disk->dirty && fdatasync(disk->fd) != 0) {
            message("cannot flush disk %s: %s: what the guest wrote may be lost", disk->path,
                    strerror(errno));
            error = ERR_IO;
        }
        close(disk->fd);
    }
    host->ndisks = 0;
    return error;
}
