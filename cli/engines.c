/* SPDX-License-Identifier: MIT */
/* Which engines this build has, and which of them `auto` takes. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "engine/interp/interp.h"
#ifdef __riscv
#include "engine/bt/bt.h"
#include "engine/trap/trap.h"
#endif
#include "host/linux/board/board.h"

static const char *none_missing(void)
{
    return NULL;
}

/* In a process of Linux on a board. */
#define ON_BOARD(engine)                                                                           \
    .on_board = (engine), .missing = board_linux_missing, .run = board_linux_run

/* Best first; `auto` takes only what runs in this process: Linux is up no sooner on a board that
 * QEMU emulates, and that takes a second program and twice the memory. */
static const struct engine_way engines[] = {
#ifdef __riscv
    {.name = "bt", .ops = &engine_bt, .missing = none_missing, .run = run},
#else
    {.name = "bt", ON_BOARD("bt")},
#endif
    {.name = "interp", .ops = &engine_interp, .missing = none_missing, .run = run},
    {.name = "hs", .missing = board_missing, .run = board_run},
#ifdef __riscv
    {.name = "trap", .ops = &engine_trap, .missing = none_missing, .run = run},
#else
    {.name = "trap", ON_BOARD("trap")},
#endif
    {.name = "interp@board", ON_BOARD("interp")},
};

static const struct engine_way *choose_auto(int *status)
{
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        if (engines[i].ops != NULL && engines[i].missing() == NULL) {
            fprintf(stderr, "trapeze: engine %s\n", engines[i].name);
            return &engines[i];
        }
    }
    fprintf(stderr, "trapeze: no engine works here\n");
    *status = RUN_ERROR;
    return NULL;
}

const struct engine_way *engine_choose(const char *name, int *status)
{
    if (strcmp(name, "auto") == 0)
        return choose_auto(status);
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        if (strcmp(name, engines[i].name) != 0)
            continue;
        const char *why = engines[i].missing();
        if (why == NULL)
            return &engines[i];
        fprintf(stderr, "trapeze: engine %s cannot run here: %s\n", name, why);
        *status = RUN_ERROR;
        return NULL;
    }
    fprintf(stderr,
            "trapeze: no engine '%s' in this build: take --engine interp, bt, hs, trap or auto\n",
            name);
    *status = RUN_USAGE;
    return NULL;
}
