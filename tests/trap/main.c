/* SPDX-License-Identifier: MIT */
/*
 * The command for riscv64 with tests built in: `--name lockstep` and `--name resume` run these
 * instead of a guest; every other name runs the guest. On a board it is process 1 too, like the
 * command itself.
 */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/linux/board/board.h"
#include "tests/trap/side.h"

int main(int argc, char **argv)
{
    struct run_options options;
    const struct engine_way *way = NULL;

    if (getpid() == 1 && strcmp(argv[0], "/init") == 0) {
        watch_board();
        board_init();
    }
    if (argc < 2 || strcmp(argv[1], "run") != 0)
        return RUN_USAGE;
    int status = options_parse(argc - 2, argv + 2, &options, &way);
    if (status >= 0)
        return status;
    if (strcmp(options.name, "lockstep") == 0)
        return lockstep(&options);
    if (strcmp(options.name, "resume") == 0)
        return resume(&options);
    return (int)way->run(&options);
}
