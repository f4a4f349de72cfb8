/* SPDX-License-Identifier: MIT */
/* The operations whose price is measured one by one. */
#ifndef GUESTS_BENCH_OPS_H
#define GUESTS_BENCH_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guests/lib/paging.h"

struct op {
    const char *name;
    bool (*usable)(void);            /* NULL: always */
    uint64_t first, most;            /* how often to begin with, and at most */
    uint64_t (*run)(uint64_t count); /* returns ticks */
};

extern const struct op ops[];
extern const size_t op_count;

/* Maps what the operations need and notes the hart; before any run. */
void ops_init(struct page_table kernel, uint64_t hart);

#endif
