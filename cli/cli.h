/* SPDX-License-Identifier: MIT */
/* The command line: options into struct run_options, help texts, the choice of an engine. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "host/linux/run.h"

#define TRAPEZE_VERSION "0.1"

/* argv holds only what follows `run`. Returns -1 when *options is ready, else an exit status
 * (a message was printed). */
int options_parse(int argc, char **argv, struct run_options *options);

/* `trapeze help [topic]`; returns the exit status. */
int help_print(const char *topic);

/* The engine of that name; `auto` takes the best that works here and says which on standard error.
 * NULL: a message was printed; *status is the exit status. */
const struct engine_ops *engine_choose(const char *name, int *status);

#endif
