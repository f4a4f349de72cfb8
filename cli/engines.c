/* SPDX-License-Identifier: MIT */
/* Which engines this build has, and which of them `auto` takes. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "engine/interp/interp.h"

/* Best first. */
static const struct engine_ops *const engines[] = {&engine_interp};

static const struct engine_ops *choose_auto(int *status)
{
    struct engine_caps caps;
    const char *why = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        if (engines[i]->probe(&caps, &why) == 0) {
            fprintf(stderr, "trapeze: engine %s\n", engines[i]->name);
            return engines[i];
        }
    }
    fprintf(stderr, "trapeze: no engine works here: %s\n", why);
    *status = RUN_ERROR;
    return NULL;
}

const struct engine_ops *engine_choose(const char *name, int *status)
{
    if (strcmp(name, "auto") == 0)
        return choose_auto(status);
    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        if (strcmp(name, engines[i]->name) == 0)
            return engines[i];
    }
    fprintf(stderr, "trapeze: no engine '%s' in this build: take --engine interp or auto\n", name);
    *status = RUN_USAGE;
    return NULL;
}
