/* SPDX-License-Identifier: MIT */
/* Lines of firmware and hypervisor: for the user, or with bytes of the guest's device tree. */
#include "host/linux/board/records.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/linux/board/board.h"
#include "host/linux/host.h"

#define TREE_MOST MIB(2)
#define FIRMWARE  "trapeze: firmware: "

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_tree(struct records *r, const char *digits)
{
    size_t count = strlen(digits) / 2;
    uint8_t *tree =
        r->tree_size + count > TREE_MOST ? NULL : realloc(r->tree, r->tree_size + count);

    if (tree == NULL)
        return;
    r->tree = tree;
    for (size_t i = 0; i < count; i++, digits += 2) {
        int high = digit(digits[0]), low = digit(digits[1]);
        tree[r->tree_size++] = (uint8_t)(high < 0 || low < 0 ? 0 : high << 4 | low);
    }
}

/* What the firmware found is for those who ask for details. */
static bool is_detail(const char *line)
{
    return strncmp(line, FIRMWARE, strlen(FIRMWARE)) == 0 &&
           isdigit((unsigned char)line[strlen(FIRMWARE)]);
}

static void end_record(struct records *r)
{
    r->line[r->length] = '\0';
    r->ready |= r->length == 0;
    r->length = 0;
    r->open = false;
    if (r->options->dump_dtb != NULL && strncmp(r->line, BOARD_DTB, strlen(BOARD_DTB)) == 0) {
        add_tree(r, r->line + strlen(BOARD_DTB));
        return;
    }
    if (r->line[0] == '\0')
        return;
    if (is_detail(r->line) && r->options->log < LOG_INFO)
        return;
    fprintf(stderr, "%s%s", r->line, terminal_newline());
    r->messages++;
}

size_t records_split(struct records *r, const uint8_t *data, size_t length, uint8_t *out)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        if (!r->open && data[i] != BOARD_ESCAPE)
            out[count++] = data[i];
        else if (!r->open)
            r->open = true;
        else if (data[i] == '\n')
            end_record(r);
        else if (data[i] != '\r' && r->length < sizeof(r->line) - 1)
            r->line[r->length++] = (char)data[i];
    }
    return count;
}

int records_finish(struct records *r, bool board_is_well)
{
    int error = 0;

    if (r->open)
        end_record(r);
    if (r->options->dump_dtb != NULL && board_is_well)
        error = file_write(r->options->dump_dtb, r->tree, r->tree_size);
    free(r->tree);
    return error;
}
