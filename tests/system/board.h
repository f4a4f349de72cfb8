/* SPDX-License-Identifier: MIT */
/*
 * A whole VM without the command: the machine under the interpreter, on a host that is one thread
 * and has no clock but the instructions retired. vCPUs take turns; guest time moves between turns
 * only; disks are memory, and their requests end a fixed number of instructions later. Whatever
 * such a host knows beside the VM is in struct board_clock and the disk, so that a VM can be saved
 * on one board and go on on another exactly as it would have.
 */
#ifndef TESTS_SYSTEM_BOARD_H
#define TESTS_SYSTEM_BOARD_H

#include "core/machine.h"
#include "tests/unit/fixture.h"

#define BOARD_MAX_REQUESTS 256
#define BOARD_MAX_WORK     8

struct board_options {
    const char *kernel; /* under the folder of guests */
    const char *initrd; /* or NULL */
    const char *append; /* or NULL */
    uint64_t ram_size;
    unsigned nvcpus;
    size_t disk_size; /* 0: no disk; its sectors tell their number */
    bool log_dirty;
    uint64_t isa;        /* extensions, a bit each; 0: all that the engine has */
    uint32_t satp_modes; /* 0: all of these too */
};

struct board_clock {
    uint64_t retired; /* instructions of all vCPUs, and what they slept */
    uint64_t random;
    bool waiting[VM_MAX_VCPUS]; /* in wfi */
};

struct board_request {
    struct blk_request *request;
    uint64_t due; /* by clock.retired */
};

struct board_work {
    void (*work)(void *arg);
    void *arg;
};

struct board {
    const struct board_options *options;
    struct machine machine;
    struct engine_caps caps;
    struct vcpu *vcpus;
    uint8_t *ram;
    _Atomic uint64_t *dirty;
    char *console;
    size_t console_length, console_capacity;
    struct virtio_blk disk_device;
    uint8_t *disk;
    struct board_clock clock;
    uint64_t device_deadline[VM_MAX_DEVICES];
    struct board_request queue[BOARD_MAX_REQUESTS];
    unsigned nqueue;
    uint64_t requests_done;
    struct board_work deferred[BOARD_MAX_WORK];
    unsigned ndeferred;
    unsigned locked;
};

/* A machine with nothing in it. `options` must outlive it. */
struct board *board_new(const struct board_options *options);
void board_free(struct board *board);

/* Kernel, initrd and device tree; hart 0 at the entry. */
void board_boot(struct board *board);

/* Whatever is due by the clock happens: disk requests, device alarms, deferred work. */
void board_settle(struct board *board);

/* The clock jumps to the next thing that happens by itself. Fails the test when there is none. */
void board_idle(struct board *board);

/* Turns until the clock has reached `until` or the VM has stopped. */
void board_run(struct board *board, uint64_t until);

/* Turns until the disk has answered that many requests. Fails the test when the VM stops first. */
void board_run_to_request(struct board *board, uint64_t number);

/* A VM in a file, and what its host has to remember of it. */
struct board_snapshot {
    struct memory_stream file;
    struct board_clock clock;
    uint8_t *disk;
    size_t console_length;
    uint64_t traps[VM_MAX_VCPUS]; /* statistics, which a VM does not carry along */
};

/* Saves; while disk requests are under way, after some more turns. */
void board_save(struct board *board, struct board_snapshot *snapshot);

/* A new board with the VM of the snapshot, ready to run. */
struct board *board_load(const struct board_options *options, struct board_snapshot *snapshot);
void board_snapshot_free(struct board_snapshot *snapshot);

/* vm_load of a file alone into a new board; the error. */
int board_try_load(struct board *board, struct memory_stream *file, uint64_t *guest_time);

#endif
