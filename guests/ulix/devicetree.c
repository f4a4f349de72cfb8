/* SPDX-License-Identifier: MIT */
/* A walk over the tree's tokens; what firmware says is believed. */
#include "guests/ulix/devicetree.h"

#include <stddef.h>
#include <string.h>

#include "guests/lib/print.h"

#define MAGIC 0xd00dfeed

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };
enum { HEADER_MAGIC, HEADER_TOTALSIZE, HEADER_OFF_STRUCT, HEADER_OFF_STRINGS };

static const uint32_t *header;

uint32_t dt_cell(const uint32_t *cell)
{
    const uint8_t *bytes = (const uint8_t *)cell;

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void dt_init(const void *tree)
{
    header = tree;
    require(tree != NULL && dt_cell(&header[HEADER_MAGIC]) == MAGIC);
}

uint64_t dt_start(void)
{
    return (uint64_t)header;
}

uint64_t dt_end(void)
{
    return (uint64_t)header + dt_cell(&header[HEADER_TOTALSIZE]);
}

static const uint32_t *at_offset(unsigned field)
{
    return (const uint32_t *)((const char *)header + dt_cell(&header[field]));
}

/* The next token, or NULL behind the last. */
static const uint32_t *next(const uint32_t *token)
{
    uint64_t cells = 1;

    if (dt_cell(token) == BEGIN_NODE)
        cells += strlen((const char *)(token + 1)) / 4 + 1;
    else if (dt_cell(token) == PROP)
        cells += 2 + (dt_cell(token + 1) + 3) / 4;
    token += cells;
    return dt_cell(token) == END ? NULL : token;
}

static bool is_named(const char *node, const char *name)
{
    size_t length = strlen(name);

    return memcmp(node, name, length) == 0 && (node[length] == 0 || node[length] == '@');
}

static struct dt_node node_at(const uint32_t *token)
{
    return (struct dt_node){token + 1 + strlen((const char *)(token + 1)) / 4 + 1};
}

bool dt_find(struct dt_node *node, const char *name)
{
    for (const uint32_t *t = at_offset(HEADER_OFF_STRUCT); t != NULL; t = next(t)) {
        if (dt_cell(t) != BEGIN_NODE || !is_named((const char *)(t + 1), name))
            continue;
        *node = node_at(t);
        return true;
    }
    return false;
}

static bool is_compatible(const struct dt_node *node, const char *wanted)
{
    uint32_t length;
    const char *strings = dt_property(node, "compatible", &length);

    for (uint32_t i = 0; strings != NULL && i < length; i += (uint32_t)strlen(strings + i) + 1) {
        if (strcmp(strings + i, wanted) == 0)
            return true;
    }
    return false;
}

bool dt_find_compatible(struct dt_node *node, const char *compatible, unsigned index)
{
    for (const uint32_t *t = at_offset(HEADER_OFF_STRUCT); t != NULL; t = next(t)) {
        if (dt_cell(t) != BEGIN_NODE)
            continue;
        *node = node_at(t);
        if (is_compatible(node, compatible) && index-- == 0)
            return true;
    }
    return false;
}

const void *dt_property(const struct dt_node *node, const char *name, uint32_t *length)
{
    const char *names = (const char *)at_offset(HEADER_OFF_STRINGS);

    for (const uint32_t *t = node->body; t != NULL; t = next(t)) {
        if (dt_cell(t) == BEGIN_NODE || dt_cell(t) == END_NODE)
            break;
        if (dt_cell(t) != PROP || strcmp(names + dt_cell(t + 2), name) != 0)
            continue;
        *length = dt_cell(t + 1);
        return t + 3;
    }
    return NULL;
}

bool dt_reg(const struct dt_node *node, uint64_t *address, uint64_t *size)
{
    uint32_t length;
    const uint32_t *reg = dt_property(node, "reg", &length);

    if (reg == NULL || length < 16)
        return false;
    *address = (uint64_t)dt_cell(reg) << 32 | dt_cell(reg + 1);
    *size = (uint64_t)dt_cell(reg + 2) << 32 | dt_cell(reg + 3);
    return true;
}
