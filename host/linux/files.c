/* SPDX-License-Identifier: MIT */
/* Whole files in memory, and gzip undone. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "host/linux/host.h"

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

uint8_t *file_read(const char *path, const char *what, size_t limit, size_t *size)
{
    struct stat st;
    uint8_t *data = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        message("cannot open %s %s: %s", what, path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        message("%s %s is a directory: name a file", what, path);
        goto out;
    }
    data = read_all(fd, limit, size);
    if (data == NULL) {
        message("cannot read %s %s: %s", what, path, strerror(errno));
    } else if (*size == 0 || *size > limit) {
        if (*size == 0)
            message("%s %s is empty: name a file with something in it", what, path);
        else
            message("%s %s does not fit into the guest's memory: raise --memory", what, path);
        free(data);
        data = NULL;
    }
out:
    close(fd);
    return data;
}

static int inflate_into(z_stream *z, uint8_t **out, size_t *capacity, size_t limit)
{
    for (;;) {
        int result = inflate(z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            return 0;
        if (result != Z_OK && result != Z_BUF_ERROR)
            return ERR_FORMAT;
        if (z->avail_out > 0)
            return ERR_TRUNCATED; /* no input left, and it wanted more */
        if (*capacity >= limit)
            return ERR_RANGE;
        uint8_t *larger = realloc(*out, *capacity * 2);
        if (larger == NULL)
            return ERR_NO_MEMORY;
        *out = larger;
        z->next_out = larger + *capacity;
        z->avail_out = (uInt)*capacity;
        *capacity *= 2;
    }
}

uint8_t *file_gunzip(const char *path, uint8_t *data, size_t *size, size_t limit)
{
    size_t capacity = 1 << 20;
    uint8_t *out = NULL;
    z_stream z = {.next_in = data, .avail_in = (uInt)*size};
    int error = ERR_NO_MEMORY;

    if (*size < 2 || data[0] != 0x1f || data[1] != 0x8b)
        return data;
    if (*size <= UINT32_MAX && inflateInit2(&z, 15 + 16) == Z_OK) {
        out = malloc(capacity);
        z.next_out = out;
        z.avail_out = out != NULL ? (uInt)capacity : 0;
        if (out != NULL)
            error = inflate_into(&z, &out, &capacity, limit);
        *size = z.total_out;
        inflateEnd(&z);
    }
    free(data);
    if (error == 0)
        return out;
    if (error == ERR_RANGE)
        message("kernel %s, unpacked, does not fit into the guest's memory: raise --memory", path);
    else
        message("kernel %s is gzip, but %s: fetch it again", path,
                error == ERR_TRUNCATED ? "truncated" : "cannot be unpacked");
    free(out);
    return NULL;
}
