/* SPDX-License-Identifier: MIT */
/* Descriptors, and the streams that are not pipes. */
#include "guests/ulix/stream.h"

#include <stddef.h>

#include "guests/lib/print.h"
#include "guests/ulix/archive.h"
#include "guests/ulix/space.h"

#define MAX_OPEN 128
#define CHUNK    256U /* goes over the kernel's stack at once */

static struct stream streams[MAX_OPEN];

struct stream *stream_new(const struct stream_kind *kind, void *object)
{
    for (unsigned i = 0; i < MAX_OPEN; i++) {
        unsigned nobody = 0;

        if (!atomic_compare_exchange_strong(&streams[i].users, &nobody, 1))
            continue;
        streams[i].kind = kind;
        streams[i].object = object;
        streams[i].offset = 0;
        return &streams[i];
    }
    return NULL;
}

void stream_hold(struct stream *stream)
{
    atomic_fetch_add(&stream->users, 1);
}

void stream_drop(struct stream *stream)
{
    struct stream old = *stream; /* at 0 users somebody else may take it */

    if (atomic_fetch_sub(&stream->users, 1) == 1 && old.kind->close != NULL)
        old.kind->close(&old);
}

int64_t stream_attach(struct stream *stream)
{
    struct process *process = this_process();

    for (unsigned i = 0; i < MAX_STREAMS; i++) {
        if (process->streams[i] != NULL)
            continue;
        process->streams[i] = stream;
        return i;
    }
    return -1;
}

struct stream *stream_of(uint64_t descriptor)
{
    return descriptor < MAX_STREAMS ? this_process()->streams[descriptor] : NULL;
}

/* Returns as soon as anything was read. */
int64_t stream_read(uint64_t descriptor, uint64_t to, uint64_t size)
{
    struct stream *stream = stream_of(descriptor);
    uint8_t chunk[CHUNK];
    int64_t count;

    if (stream == NULL)
        return -1;
    count = stream->kind->read(stream, chunk, size < CHUNK ? size : CHUNK);
    if (count > 0 && !space_write(this_process()->space, to, chunk, (uint64_t)count))
        return -1;
    return count;
}

/* Returns when all is written, or what was before something failed. */
int64_t stream_write(uint64_t descriptor, uint64_t from, uint64_t size)
{
    struct stream *stream = stream_of(descriptor);
    uint8_t chunk[CHUNK];
    uint64_t done = 0;

    if (stream == NULL)
        return -1;
    while (done < size) {
        uint64_t part = size - done < CHUNK ? size - done : CHUNK;
        int64_t count;

        if (!space_read(this_process()->space, chunk, from + done, part))
            return done > 0 ? (int64_t)done : -1;
        count = stream->kind->write(stream, chunk, part);
        if (count <= 0)
            return done > 0 ? (int64_t)done : count;
        done += (uint64_t)count;
    }
    return (int64_t)done;
}

/* Nobody types here. */
static int64_t console_read(struct stream *stream, void *to, uint64_t size)
{
    (void)stream, (void)to, (void)size;
    return 0;
}

static int64_t console_write(struct stream *stream, const void *from, uint64_t size)
{
    struct sbi_ret written = sbi_call(SBI_DBCN, 0, size, (uint64_t)from, 0, 0);

    (void)stream;
    if (written.error == 0)
        return written.value;
    for (uint64_t i = 0; i < size; i++)
        sbi_putchar(((const char *)from)[i]);
    return (int64_t)size;
}

const struct stream_kind stream_console = {console_read, console_write, NULL};

static int64_t read_file(struct stream *stream, void *to, uint64_t size)
{
    int64_t count = file_read(stream->object, stream->offset, to, size);

    stream->offset += count > 0 ? (uint64_t)count : 0;
    return count;
}

static int64_t write_file(struct stream *stream, const void *from, uint64_t size)
{
    int64_t count = file_write(stream->object, stream->offset, from, size);

    stream->offset += count > 0 ? (uint64_t)count : 0;
    return count;
}

const struct stream_kind stream_file = {read_file, write_file, NULL};
