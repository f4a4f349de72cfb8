/* SPDX-License-Identifier: MIT */
/*
 * The board's console taken apart: the guest's bytes, and the lines of firmware and hypervisor,
 * which begin with a record separator so that no guest output is taken for one by accident.
 */
#ifndef HOST_LINUX_BOARD_RECORDS_H
#define HOST_LINUX_BOARD_RECORDS_H

#include "host/linux/run.h"

#define RECORD_MOST_BYTES 1024

struct records {
    const struct run_options *options;
    bool ready; /* an empty record has come: nobody drops what is typed any more */
    bool open;  /* within a record */
    char line[RECORD_MOST_BYTES];
    size_t length;
    unsigned messages; /* lines that told the user something */
    uint8_t *tree;     /* the guest's device tree, as far as it has come (--dump-dtb) */
    size_t tree_size;
};

/* Puts the guest's part of `data` into `out`, which has room for all of it, and carries out what
 * the records in it say. Returns how much is the guest's. */
size_t records_split(struct records *records, const uint8_t *data, size_t length, uint8_t *out);

/* The end: what is left of a record, and the file of --dump-dtb. ERR_IO: a message was printed. */
int records_finish(struct records *records, bool board_is_well) MUST_CHECK;

#endif
