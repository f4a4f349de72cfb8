/* SPDX-License-Identifier: MIT */
/* What a descriptor of a process stands for: the console, an end of a pipe, an open file. */
#ifndef GUESTS_ULIX_STREAM_H
#define GUESTS_ULIX_STREAM_H

#include <stdatomic.h>
#include <stdint.h>

#include "guests/ulix/process.h"

struct stream;

/* What a stream can do; bytes are passed in kernel memory. Each may sleep. */
struct stream_kind {
    /* At most size bytes: how many, 0 at the end, or -1. */
    int64_t (*read)(struct stream *stream, void *to, uint64_t size);
    int64_t (*write)(struct stream *stream, const void *from, uint64_t size);
    void (*close)(struct stream *stream); /* the last descriptor is gone */
};

struct stream {
    _Atomic unsigned users; /* descriptors; 0: this one is free */
    const struct stream_kind *kind;
    void *object; /* the pipe or the file */
    uint64_t offset;
};

/* One with one user, or NULL. */
struct stream *stream_new(const struct stream_kind *kind, void *object);
void stream_hold(struct stream *stream);
void stream_drop(struct stream *stream);

extern const struct stream_kind stream_console, stream_file;

/* The lowest free descriptor of this process, now the stream's; or -1. */
int64_t stream_attach(struct stream *stream);

/* The stream of a descriptor of this process, or NULL. */
struct stream *stream_of(uint64_t descriptor);

/* Between a descriptor and this process's memory. */
int64_t stream_read(uint64_t descriptor, uint64_t to, uint64_t size);
int64_t stream_write(uint64_t descriptor, uint64_t from, uint64_t size);

#endif
