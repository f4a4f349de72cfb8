/* SPDX-License-Identifier: MIT */
/* The command line: options into struct run_options, help texts, the choice of an engine. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "host/linux/run.h"

#define TRAPEZE_VERSION "0.1"

/* An engine by its name, and how a guest is run with it. */
struct engine_way {
    const char *name;
    const struct engine_ops *ops; /* NULL: it runs on a board */
    const char *on_board;         /* ... with Linux, where the command takes this engine */
    const char *(*missing)(void); /* NULL when it works here, or one line that says why not */
    enum run_status (*run)(const struct run_options *options);
};

/* argv holds only what follows `run`. Returns -1 when *options and *way are ready, else an exit
 * status (a message was printed). */
int options_parse(int argc, char **argv, struct run_options *options,
                  const struct engine_way **way);

/* `trapeze help [topic]`; returns the exit status. */
int help_print(const char *topic);

/* The engine of that name; `auto` takes the best that works here and says which on standard error.
 * NULL: a message was printed; *status is the exit status. */
const struct engine_way *engine_choose(const char *name, int *status);

#endif
