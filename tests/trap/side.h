/* SPDX-License-Identifier: MIT */
/*
 * A VM of one hart without the command, under an engine of choice, for the programs of this folder.
 * Every side has what the engine trap can offer, so that any two have the same shape.
 */
#ifndef TESTS_TRAP_SIDE_H
#define TESTS_TRAP_SIDE_H

#include "core/machine.h"
#include "host/linux/run.h"

struct side {
    struct machine machine;
    struct vcpu vcpu;
    uint8_t *ram;
    uint64_t ram_size;
    int ram_fd;
    uint64_t time_offset; /* guest time minus the hart's `time` */
    uint64_t device_deadline[VM_MAX_DEVICES];
    void (*work[8])(void *arg);
    void *work_arg[8];
    unsigned nwork;
    char console[65536];
    size_t length;
    char message[512]; /* the last of the log */
};

/* Ends the program with its status for failure, after a line. */
_Noreturn void fail(const char *format, ...) PRINTF_LIKE(1, 2);

struct side *side_new(const struct engine_ops *engine, const struct run_options *options);
void side_boot(struct side *side, const struct run_options *options);
void side_free(struct side *side);

/* What is due between two calls of `run`. */
void side_settle(struct side *side);
/* exit_handle; a hart that waits does so here. False: the VM has stopped. */
bool side_handle(struct side *side);
/* Runs until the console shows the text, or (NULL) the VM stops. */
void side_run(struct side *side, const char *text);

/* The programs, by --name. */
int lockstep(const struct run_options *options);
int resume(const struct run_options *options);

/* watch.c: what the boot arguments of a board for tests ask process 1 for. */
void watch_board(void);

#endif
