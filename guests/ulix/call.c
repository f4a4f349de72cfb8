/* SPDX-License-Identifier: MIT */
/* System calls: what a program says is not believed until it has been looked at. */
#include <string.h>

#include "guests/lib/csr.h"
#include "guests/ulix/archive.h"
#include "guests/ulix/calls.h"
#include "guests/ulix/exec.h"
#include "guests/ulix/interrupt.h"
#include "guests/ulix/pipe.h"
#include "guests/ulix/space.h"
#include "guests/ulix/stream.h"
#include "guests/ulix/system.h"

#define NAME_SIZE 64

static int64_t call_exit(const uint64_t *a)
{
    process_exit((int)(a[0] & 0xff));
}

static int64_t call_fork(const uint64_t *a)
{
    (void)a;
    return process_fork();
}

static int64_t call_thread(const uint64_t *a)
{
    return process_thread(a[0], a[1], a[2]);
}

/* From an array of pointers with NULL at its end. */
static bool fetch_arguments(struct arguments *arguments, uint64_t array)
{
    struct space *space = this_process()->space;
    uint64_t pointer;

    arguments->count = arguments->size = 0;
    for (;; array += sizeof pointer) {
        char *text = arguments->text + arguments->size;

        if (!space_read(space, &pointer, array, sizeof pointer))
            return false;
        if (pointer == 0)
            return true;
        if (arguments->count == MAX_ARGUMENTS ||
            !space_read_string(space, text, pointer, ARGUMENT_BYTES - arguments->size))
            return false;
        arguments->size += strlen(text) + 1;
        arguments->count++;
    }
}

/* The frame that exec leaves is the new program's, so its result goes nowhere. */
static int64_t call_exec(const uint64_t *a)
{
    struct arguments *arguments = (struct arguments *)page_alloc();
    char name[NAME_SIZE];
    bool good;

    if (arguments == NULL)
        return -1;
    good = space_read_string(this_process()->space, name, a[0], sizeof name) &&
           fetch_arguments(arguments, a[1]) && exec(name, arguments);
    page_drop((uint64_t *)arguments);
    return good ? (int64_t)this_process()->frame.x[10] : -1;
}

static int64_t call_wait(const uint64_t *a)
{
    int status;
    int64_t id = process_wait(&status);

    if (id >= 0 && a[0] != 0 && !space_write(this_process()->space, a[0], &status, sizeof status))
        return -1;
    return id;
}

static int64_t call_close(const uint64_t *a)
{
    struct stream *stream = stream_of(a[0]);

    if (stream == NULL)
        return -1;
    this_process()->streams[a[0]] = NULL;
    stream_drop(stream);
    return 0;
}

static int64_t call_pipe(const uint64_t *a)
{
    struct stream *ends[2];
    int64_t descriptors[2] = {-1, -1};
    int numbers[2];

    if (!pipe_new(&ends[0], &ends[1]))
        return -1;
    for (unsigned i = 0; i < 2; i++) {
        descriptors[i] = stream_attach(ends[i]);
        numbers[i] = (int)descriptors[i];
    }
    if (descriptors[1] >= 0 && space_write(this_process()->space, a[0], numbers, sizeof numbers))
        return 0;
    for (unsigned i = 0; i < 2; i++) {
        if (descriptors[i] >= 0)
            this_process()->streams[descriptors[i]] = NULL;
        stream_drop(ends[i]);
    }
    return -1;
}

static int64_t call_read(const uint64_t *a)
{
    return stream_read(a[0], a[1], a[2]);
}

static int64_t call_write(const uint64_t *a)
{
    return stream_write(a[0], a[1], a[2]);
}

static int64_t call_open(const uint64_t *a)
{
    char name[NAME_SIZE];
    struct file *file;
    struct stream *stream;
    int64_t descriptor;

    if (!space_read_string(this_process()->space, name, a[0], sizeof name))
        return -1;
    file = archive_find(name);
    stream = file == NULL ? NULL : stream_new(&stream_file, file);
    if (stream == NULL)
        return -1;
    descriptor = stream_attach(stream);
    if (descriptor < 0)
        stream_drop(stream);
    return descriptor;
}

static int64_t call_dup(const uint64_t *a)
{
    struct stream *stream = stream_of(a[0]);
    struct stream *before = stream_of(a[1]);

    if (stream == NULL || a[1] >= MAX_STREAMS)
        return -1;
    stream_hold(stream);
    this_process()->streams[a[1]] = stream;
    if (before != NULL)
        stream_drop(before);
    return (int64_t)a[1];
}

static int64_t call_sbrk(const uint64_t *a)
{
    return space_grow(this_process()->space, (int64_t)a[0]);
}

static int64_t call_getpid(const uint64_t *a)
{
    (void)a;
    return this_process()->id;
}

static int64_t call_yield(const uint64_t *a)
{
    (void)a;
    schedule_yield();
    return 0;
}

static int64_t call_time(const uint64_t *a)
{
    (void)a;
    return (int64_t)rdtime();
}

static int64_t call_inform(const uint64_t *a)
{
    switch (a[0]) {
    case INFORM_HARTS:
        return (int64_t)hart_count();
    case INFORM_TICKS_A_SECOND:
        return (int64_t)interrupt_timebase();
    case INFORM_FREE_PAGES:
        return (int64_t)pages_free();
    case INFORM_PAGES:
        return (int64_t)this_process()->space->pages;
    case INFORM_FAULTS:
        return (int64_t)atomic_load(&space_faults);
    case INFORM_COPIES:
        return (int64_t)atomic_load(&space_copies);
    case INFORM_SHOOTDOWNS:
        return (int64_t)atomic_load(&space_shootdowns);
    default:
        return -1;
    }
}

static int64_t (*const calls[CALL_COUNT])(const uint64_t *a) = {
#define CALL_ENTRY(name) [CALL_##name] = call_##name,
    CALLS(CALL_ENTRY)
#undef CALL_ENTRY
};

void call_dispatch(void)
{
    struct frame *frame = &this_process()->frame;
    uint64_t number = frame->x[17];

    frame->x[10] = (uint64_t)(number < CALL_COUNT ? calls[number](&frame->x[10]) : -1);
}
