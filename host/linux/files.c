/* SPDX-License-Identifier: MIT */
/* Whole files in memory, and gzip undone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>

#include "host/linux/host.h"

#define INFLATE_STEP ((size_t)1 << 30) /* zlib counts in 32 bits */

/* Reads up to `limit` bytes and one more, to tell whether there is more. */
static uint8_t *read_all(int fd, size_t limit, size_t *size)
{
    size_t capacity = 1 << 20, used = 0;
    uint8_t *data = malloc(capacity);

    while (data != NULL) {
        ssize_t n = read(fd, data + used, capacity - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            goto fail;
        used += (size_t)n;
        if (n == 0 || used > limit)
            break;
        if (used == capacity) {
            uint8_t *larger = realloc(data, capacity * 2);
            if (larger == NULL)
                goto fail;
            data = larger;
            capacity *= 2;
        }
    }
    *size = used;
    return data;
fail:
    free(data);
    return NULL;
}

uint8_t *file_read(const char *path, const char *what, size_t limit, const char *remedy,
                   size_t *size)
{
    struct stat st;
    uint8_t *data = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        message("cannot open %s %s: %s: check the path and its permissions", what, path,
                strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        message("%s %s is a directory: name a file", what, path);
        goto out;
    }
    data = read_all(fd, limit, size);
    if (data == NULL) {
        message("cannot read %s %s: %s: copy it to a place where it can be read", what, path,
                strerror(errno));
    } else if (*size == 0 || *size > limit) {
        if (*size == 0)
            message("%s %s is empty: name a file with something in it", what, path);
        else
            message("%s %s is larger than %zu MiB: %s", what, path, limit >> 20, remedy);
        free(data);
        data = NULL;
    }
out:
    close(fd);
    return data;
}

int file_keep(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

uint8_t *file_read_again(int fd, const char *path, const char *what, size_t size)
{
    uint8_t *data = malloc(size);

    for (size_t done = 0; data != NULL && done < size;) {
        struct iovec rest = {.iov_base = data + done, .iov_len = size - done};
        ssize_t n = preadv(fd, &rest, 1, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            free(data);
            data = NULL;
        } else {
            done += (size_t)n;
        }
    }
    if (data == NULL)
        message("cannot read %s %s again for a reset: leave it as it is while the guest runs", what,
                path);
    return data;
}

/* Unpacks into memory that grows to `limit` bytes and one more, to tell whether there is more. */
static int inflate_into(z_stream *z, uint8_t **out, size_t *size, size_t limit)
{
    size_t capacity = 0;

    for (*size = 0; *size <= limit;) {
        if (*size == capacity) {
            capacity = capacity == 0 ? 1 << 20 : capacity * 2;
            capacity = capacity > limit ? limit + 1 : capacity;
            uint8_t *larger = realloc(*out, capacity);
            if (larger == NULL)
                return ERR_NO_MEMORY;
            *out = larger;
        }
        size_t room = capacity - *size < INFLATE_STEP ? capacity - *size : INFLATE_STEP;
        z->next_out = *out + *size;
        z->avail_out = (uInt)room;
        int result = inflate(z, Z_NO_FLUSH);
        *size += room - z->avail_out;
        if (result == Z_STREAM_END)
            break;
        if (result != Z_OK) /* there was room: Z_BUF_ERROR is about the input */
            return result == Z_BUF_ERROR ? ERR_TRUNCATED : ERR_FORMAT;
    }
    return *size <= limit ? 0 : ERR_RANGE;
}

static void say_why(const char *path, int error, size_t limit)
{
    if (error == ERR_RANGE)
        message("kernel %s is larger than %zu MiB when unpacked: raise --memory", path,
                limit >> 20);
    else if (error == ERR_NO_MEMORY)
        message("no memory to unpack kernel %s: unpack it with gunzip", path);
    else
        message("kernel %s is gzip, but %s: fetch it again", path,
                error == ERR_TRUNCATED ? "truncated" : "damaged");
}

uint8_t *file_gunzip(const char *path, uint8_t *data, size_t *size, size_t limit)
{
    uint8_t *out = NULL;
    z_stream z = {.next_in = data, .avail_in = (uInt)*size};
    int error = ERR_NO_MEMORY;

    if (*size < 2 || data[0] != 0x1f || data[1] != 0x8b)
        return data;
    if (*size <= UINT32_MAX && inflateInit2(&z, 15 + 16) == Z_OK) {
        error = inflate_into(&z, &out, size, limit);
        inflateEnd(&z);
    }
    free(data);
    if (error == 0)
        return out;
    say_why(path, error, limit);
    free(out);
    return NULL;
}

int file_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(data, 1, size, file) == size;

    if (file != NULL && fclose(file) != 0)
        ok = false;
    if (!ok)
        message("cannot write %s: %s", path, strerror(errno));
    return ok ? 0 : ERR_IO;
}
