/* SPDX-License-Identifier: MIT */
/*
 * The boot bundle that the bare-metal hypervisor reads: a newc cpio archive with `machine.dtb`
 * first, every member's data on a 4 KiB boundary. docs/bundle.md describes both formats.
 */
#ifndef HOST_LINUX_BOARD_BUNDLE_H
#define HOST_LINUX_BOARD_BUNDLE_H

#include "host/linux/run.h"

struct bundle {
    uint8_t *data;
    size_t size;
};

/* Reads the files that `options` names and makes the bundle. A message was printed on error. */
int bundle_make(const struct run_options *options, struct bundle *bundle) MUST_CHECK;
void bundle_free(struct bundle *bundle);

#endif
