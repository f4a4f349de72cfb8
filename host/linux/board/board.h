/* SPDX-License-Identifier: MIT */
/*
 * Engines that need a RISC-V board which this machine is not: a board is started in QEMU and the
 * guest runs on it; console, exit status and options stay the same.
 */
#ifndef HOST_LINUX_BOARD_BOARD_H
#define HOST_LINUX_BOARD_BOARD_H

#include "host/linux/board/bundle.h"
#include "host/linux/run.h"

/* Can a board be started here (QEMU and the hypervisor's images are found)? NULL, or why not. */
const char *board_missing(void);

/* Runs the guest under the bare-metal hypervisor on a board in QEMU, to its end. */
enum run_status board_run(const struct run_options *options);

/* The child that QEMU is, its console in two pipes. */
struct board_process {
    int pid;
    int to, from; /* file descriptors */
};

/* qemu.c: the command line, and the process. A message was printed on error. */
int qemu_start(const struct run_options *options, const struct bundle *bundle,
               struct board_process *process) MUST_CHECK;

/* relay.c: console bytes both ways, the keys, signals and --timeout, until QEMU ends. */
enum run_status relay(const struct run_options *options, const struct board_process *process);

#endif
