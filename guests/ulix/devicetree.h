/* SPDX-License-Identifier: MIT */
/* Reads the flattened device tree (Devicetree Specification, ch. 5) where the firmware left it. */
#ifndef GUESTS_ULIX_DEVICETREE_H
#define GUESTS_ULIX_DEVICETREE_H

#include <stdbool.h>
#include <stdint.h>

struct dt_node {
    const uint32_t *body; /* behind the name: properties, then nodes */
};

/* Fails the guest if there is none. */
void dt_init(const void *tree);

/* What the tree itself takes of RAM. */
uint64_t dt_start(void);
uint64_t dt_end(void);

/* The first node of this name, whatever its unit address. */
bool dt_find(struct dt_node *node, const char *name);

/* Node number `index`, from 0, of those with this string among their `compatible`. */
bool dt_find_compatible(struct dt_node *node, const char *compatible, unsigned index);

/* The value of a property, or NULL. */
const void *dt_property(const struct dt_node *node, const char *name, uint32_t *length);

/* Cells are big-endian. */
uint32_t dt_cell(const uint32_t *cell);

/* Address and size of the first `reg`: two cells each, as everywhere on this machine. */
bool dt_reg(const struct dt_node *node, uint64_t *address, uint64_t *size);

#endif
