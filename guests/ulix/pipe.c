/* SPDX-License-Identifier: MIT */
/* A pipe is a page: what it knows, and a ring of bytes. */
#include "guests/ulix/pipe.h"

#include "guests/lib/print.h"
#include "guests/ulix/memory.h"
#include "guests/ulix/stream.h"

#define RING_SIZE 2048U

struct pipe {
    struct lock lock;
    struct queue readers, writers; /* that wait */
    bool read_open, write_open;
    uint64_t read_count, write_count; /* bytes so far: their difference is in the ring */
    uint8_t ring[RING_SIZE];
};

_Static_assert(sizeof(struct pipe) <= PAGE_SIZE, "a pipe is a page");

static int64_t read_pipe(struct stream *stream, void *to, uint64_t size)
{
    struct pipe *pipe = stream->object;
    uint8_t *bytes = to;
    uint64_t count = 0;

    lock_acquire(&pipe->lock);
    while (pipe->read_count == pipe->write_count && pipe->write_open)
        schedule_sleep(&pipe->readers, &pipe->lock);
    while (count < size && pipe->read_count != pipe->write_count)
        bytes[count++] = pipe->ring[pipe->read_count++ % RING_SIZE];
    schedule_wake(&pipe->writers);
    lock_release(&pipe->lock);
    return (int64_t)count;
}

static int64_t write_pipe(struct stream *stream, const void *from, uint64_t size)
{
    struct pipe *pipe = stream->object;
    const uint8_t *bytes = from;
    uint64_t count = 0;

    lock_acquire(&pipe->lock);
    while (count < size && pipe->read_open) {
        if (pipe->write_count - pipe->read_count < RING_SIZE) {
            pipe->ring[pipe->write_count++ % RING_SIZE] = bytes[count++];
            continue;
        }
        schedule_wake(&pipe->readers);
        schedule_sleep(&pipe->writers, &pipe->lock);
    }
    schedule_wake(&pipe->readers);
    lock_release(&pipe->lock);
    return count > 0 ? (int64_t)count : -1;
}

/* Who waits at the other end waits for nothing any more. */
static void close_end(struct pipe *pipe, bool *open)
{
    bool last;

    lock_acquire(&pipe->lock);
    *open = false;
    schedule_wake(&pipe->readers);
    schedule_wake(&pipe->writers);
    last = !pipe->read_open && !pipe->write_open;
    lock_release(&pipe->lock);
    if (last)
        page_drop((uint64_t *)pipe);
}

static void close_reader(struct stream *stream)
{
    struct pipe *pipe = stream->object;

    close_end(pipe, &pipe->read_open);
}

static void close_writer(struct stream *stream)
{
    struct pipe *pipe = stream->object;

    close_end(pipe, &pipe->write_open);
}

static int64_t never_read(struct stream *stream, void *to, uint64_t size)
{
    (void)stream, (void)to, (void)size;
    return -1;
}

static int64_t never_write(struct stream *stream, const void *from, uint64_t size)
{
    (void)stream, (void)from, (void)size;
    return -1;
}

static const struct stream_kind read_end_kind = {read_pipe, never_write, close_reader};
static const struct stream_kind write_end_kind = {never_read, write_pipe, close_writer};

bool pipe_new(struct stream **read_end, struct stream **write_end)
{
    struct pipe *pipe = (struct pipe *)page_alloc();

    if (pipe == NULL)
        return false;
    pipe->lock.holder = NULL;
    pipe->readers.first = pipe->writers.first = NULL;
    pipe->read_open = pipe->write_open = true;
    pipe->read_count = pipe->write_count = 0;
    *read_end = stream_new(&read_end_kind, pipe);
    *write_end = *read_end == NULL ? NULL : stream_new(&write_end_kind, pipe);
    if (*write_end != NULL)
        return true;
    pipe->write_open = false;
    if (*read_end != NULL)
        stream_drop(*read_end);
    else
        page_drop((uint64_t *)pipe);
    return false;
}
