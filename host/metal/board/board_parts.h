/* SPDX-License-Identifier: MIT */
/* What the files that read the device tree share among themselves. */
#ifndef HOST_METAL_BOARD_BOARD_PARTS_H
#define HOST_METAL_BOARD_BOARD_PARTS_H

#include <libfdt.h>

#include "host/metal/board/board.h"

/* A node, and how its `reg` is written. */
struct board_node {
    const void *fdt;
    int offset;
    unsigned address_cells, size_cells;
};

/* n cells, at most two, as one number. */
uint64_t board_cells(const fdt32_t *cell, unsigned n);

/* A property of one or two cells; false: there is none such, and *value stays. */
bool board_number(const void *fdt, int node, const char *name, uint64_t *value);

/* The n-th range of `reg`; false when there is none, or it is empty or wraps. */
bool board_reg(const struct board_node *node, unsigned n, struct board_range *range);

/* No `status`, or "okay". */
bool board_enabled(const void *fdt, int node);

/* Adds to one of the board's sorted lists; what does not fit any more is left out. */
void board_add_range(struct board_range *ranges, unsigned *count, const struct board_range *range);

/* The devices: UART, PLIC, timer, IPI, power, virtio. The harts have been read. */
void board_read_devices(struct board *board, const void *fdt);

#endif
