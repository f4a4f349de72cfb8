/* SPDX-License-Identifier: MIT */
/* `trapeze`: the subcommands. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/linux/board/board.h"
#include "host/linux/run.h"

static int run_command(int argc, char **argv)
{
    struct run_options options;
    const struct engine_way *way = NULL;
    int status = options_parse(argc, argv, &options, &way);

    if (status >= 0)
        return status;
    return (int)way->run(&options);
}

/* Opened where standard input, output or error is closed: else the next file would take its number,
 * and what the guest prints would go into its disk. */
static void fill_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (getpid() == 1 && strcmp(argv[0], "/init") == 0)
        board_init();
    fill_standard_descriptors();
    if (strcmp(command, "run") == 0)
        return run_command(argc - 2, argv + 2);
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        printf("trapeze %s\n", TRAPEZE_VERSION);
        return RUN_OFF;
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
        strcmp(command, "-h") == 0)
        return help_print(argc > 2 ? argv[2] : NULL);
    if (command[0] == '\0')
        fprintf(stderr, "trapeze: name a command: trapeze run --kernel FILE (see trapeze help)\n");
    else
        fprintf(stderr, "trapeze: no command '%s': run, version or help\n", command);
    return RUN_USAGE;
}
