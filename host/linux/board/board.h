/* SPDX-License-Identifier: MIT */
/*
 * Engines that need a RISC-V board which this machine is not: a board is started in QEMU and the
 * guest runs on it; console, exit status and options stay the same. What the board boots is either
 * the bare-metal hypervisor or Debian's Linux with the command itself in it.
 */
#ifndef HOST_LINUX_BOARD_BOARD_H
#define HOST_LINUX_BOARD_BOARD_H

#include <signal.h>

#include "host/linux/board/bundle.h"
#include "host/linux/run.h"

/* Can a board be started here (QEMU and the images are found)? NULL, or why not. */
const char *board_missing(void);
const char *board_linux_missing(void);

/* Runs the guest under the bare-metal hypervisor on a board in QEMU, to its end. */
enum run_status board_run(const struct run_options *options);

/* Runs the guest under options->board.engine in an ordinary user's process on a board with Linux.
 */
enum run_status board_linux_run(const struct run_options *options);

/* The first program on such a board, which is this one as process 1: starts the command as an
 * ordinary user, carries its bytes to and fro, and ends the board with its status. */
_Noreturn void board_init(void);

/* What a board boots. */
struct board_image {
    char *kernel;
    struct bundle initrd;
    const char *append; /* NULL: none */
    const char *cpu;    /* unless --board-cpu says otherwise */
    uint64_t overhead;  /* memory beside the guest's and the initrd */
    bool linux;         /* board_init is at the other end of the console */
};

/* The child that QEMU is, its console and standard error in pipes. */
struct board_process {
    int pid;
    int to, from, errors; /* file descriptors */
    const sigset_t *mask; /* the signals that it has blocked */
    bool linux;
};

/*
 * On a board with Linux the console carries, beside the bytes themselves, what begins with
 * BOARD_ESCAPE. To the board: BOARD_ESCAPE stands for itself, BOARD_EOF is the end of standard
 * input, BOARD_END asks for the end of the guest. From any board: a line for standard error;
 * an empty one says that from now on somebody reads what is sent.
 */
#define BOARD_ESCAPE 0x1e
#define BOARD_EOF    'e'
#define BOARD_END    'q'

/* With --dump-dtb: where the command on the board leaves the device tree, which board_init then
 * sends as lines for standard error that begin with BOARD_DTB and have hexadecimal digits behind.
 */
#define BOARD_TREE "/tree"
#define BOARD_DTB  "dtb "

/* How board_init ends the board: QEMU's exit status is the command's and this. A board that ended
 * otherwise did not come that far. */
#define BOARD_STATUS 0x40

/* qemu.c: the command line, and the process. A message was printed on error. */
int qemu_start(const struct run_options *options, const struct board_image *image,
               struct board_process *process) MUST_CHECK;
bool qemu_exists(void);
/* A file that was built along with this program, or NULL. The caller frees it. */
char *built_file(const char *name) MUST_CHECK;
/* The value of the user's own --board-arg `name`, or NULL. */
const char *board_arg_value(const struct run_options *options, const char *name);

/* relay.c: starts the board and carries console bytes both ways, with the keys, signals and
 * --timeout, until it ends. The image's initrd is freed. */
enum run_status relay(const struct run_options *options, struct board_image *image) MUST_CHECK;

#endif
