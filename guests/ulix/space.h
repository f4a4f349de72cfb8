/* SPDX-License-Identifier: MIT */
/* The address space of a program: what is where, and how it gets there when it is touched. */
#ifndef GUESTS_ULIX_SPACE_H
#define GUESTS_ULIX_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "guests/ulix/addresses.h"
#include "guests/ulix/lock.h"
#include "guests/ulix/table.h"

#define MAX_SEGMENTS 4

/* Part of a program: of it the first file_size bytes come from the file, the others are 0. */
struct segment {
    uint64_t start, size;            /* whole pages */
    uint64_t flags;                  /* PTE_R W X */
    uint64_t file_offset, file_size; /* the offset is of a page */
};

struct space {
    struct lock lock;       /* the table, heap_end */
    _Atomic unsigned users; /* processes; 0: this one is free */
    _Atomic uint64_t harts; /* by index, those that run user code here */
    uint64_t *root;
    uint64_t pages; /* that are mapped */
    struct file *file;
    struct segment segments[MAX_SEGMENTS];
    unsigned segment_count;
    uint64_t heap_start, heap_end;
};

/* An empty one with one user, or NULL. */
struct space *space_new(void);

/* A copy, of which no page is copied until one of the two writes it. */
struct space *space_fork(struct space *parent);

void space_hold(struct space *space);
void space_drop(struct space *space);

/*
 * Makes va good for an access that wants these of PTE_R W X, if the program may: reads the page
 * from its file, zeroes one, or copies one that is shared. May sleep.
 */
bool space_fault(struct space *space, uint64_t va, uint64_t wanted);

/* Maps a page, whose reference goes over to the space, in a new space's stack or heap. */
bool space_place(struct space *space, uint64_t va, uint64_t *page);

/* Moves the end of the heap: where it was, or -1. */
int64_t space_grow(struct space *space, int64_t bytes);

/* Between kernel and user memory. False if the user may not do that there. May sleep. */
bool space_read(struct space *space, void *to, uint64_t from, uint64_t size);
bool space_write(struct space *space, uint64_t to, const void *from, uint64_t size);

/* A string of a user, with its end, in at most size bytes. */
bool space_read_string(struct space *space, char *to, uint64_t from, uint64_t size);

/*
 * A hart enters and leaves user code of the space. What is taken from a table reaches the harts
 * that are in it by a remote fence, and the others by the fence of their next entry.
 */
void space_enter(struct space *space);
void space_leave(struct space *space);

/* Leaves out the remote fences, to see that the tests notice. */
extern bool space_without_shootdown;

extern _Atomic uint64_t space_shootdowns, space_copies, space_faults;

#endif
