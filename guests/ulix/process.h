/* SPDX-License-Identifier: MIT */
/* Processes. A thread is a process that shares its space with others. */
#ifndef GUESTS_ULIX_PROCESS_H
#define GUESTS_ULIX_PROCESS_H

#include "guests/ulix/hart.h"
#include "guests/ulix/schedule.h"

#define MAX_PROCESSES 64
#define MAX_STREAMS   16

enum process_state {
    PROCESS_FREE,
    PROCESS_READY,
    PROCESS_RUNNING,
    PROCESS_WAITING,
    PROCESS_ENDED, /* until its parent asks how */
};

struct process {
    struct frame frame;
    enum process_state state;
    int64_t id;
    struct process *next; /* in the queue that it is in */
    struct process *parent;
    struct queue children; /* itself, while it waits for one of them to end */
    struct space *space;
    struct stream *streams[MAX_STREAMS]; /* by descriptor */
    struct context context;
    uint64_t *stack; /* a page for the kernel to run on in the name of this process */
    int status;
};

/* The process that runs `start` in the kernel; all others come from fork and thread. */
void process_first(void (*start)(void));

/* A copy of this process, with a copy of its space. Its number, 0 in the copy, -1 if there is no
 * room. */
int64_t process_fork(void);

/* A process in the same space that begins at pc with this stack and argument. */
int64_t process_thread(uint64_t pc, uint64_t sp, uint64_t argument);

_Noreturn void process_exit(int status);

/* Waits for a child to end: its number and how it ended, or -1 if there is none. */
int64_t process_wait(int *status);

#endif
