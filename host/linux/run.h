/* SPDX-License-Identifier: MIT */
/* Running one guest in a Linux process: what the command asks for, and how it ended. */
#ifndef HOST_LINUX_RUN_H
#define HOST_LINUX_RUN_H

#include "core/engine.h"
#include "core/host.h"
#include "core/machine.h"
#include "core/types.h"

/* Exit statuses of the command. */
enum run_status {
    RUN_OFF = 0,        /* the guest powered itself off */
    RUN_ERROR = 1,      /* trapeze or its host failed */
    RUN_USAGE = 2,      /* wrong usage */
    RUN_FAILED = 3,     /* the guest reported failure */
    RUN_PARKED = 4,     /* a vCPU was parked */
    RUN_TIMEOUT = 5,    /* --timeout passed */
    RUN_SIGNALLED = 130 /* ended from the keyboard or by a signal */
};

struct run_disk {
    const char *path;
    bool read_only;
    bool legacy;
};

/* The board that QEMU emulates, for engines that need one. */
#define RUN_MAX_BOARD_ARGS 32
struct run_board {
    const char *firmware; /* trapeze, opensbi, or a file */
    const char *cpu;      /* NULL: fitting */
    uint64_t memory;      /* bytes; 0: fitting */
    unsigned smp;         /* 0: fitting */
    const char *engine;   /* what the command on a board with Linux takes */
    const char *arg[RUN_MAX_BOARD_ARGS];
    unsigned nargs;
};

struct run_options {
    const struct engine_ops *engine; /* NULL: one that runs on a board */
    struct run_board board;
    const char *kernel;
    const char *initrd; /* NULL: none; so are append and dtb */
    const char *append;
    const char *dtb;
    const char *name;
    const char *dump_dtb; /* write the device tree there and leave */
    uint64_t memory;      /* bytes */
    unsigned vcpus;
    uint64_t spaces; /* most sandboxed address spaces; 0: the engine's own choice */
    struct run_disk disk[MACHINE_MAX_DISKS];
    unsigned ndisks;
    bool stats;
    bool deterministic;
    uint64_t seed;
    double timeout; /* seconds; 0: none */
    enum log_level log;
};

/* Runs the guest to its end. Messages go to standard error. */
enum run_status run(const struct run_options *options);

#endif
