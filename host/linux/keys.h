/* SPDX-License-Identifier: MIT */
/* What the user types on a terminal: Ctrl-A is the key to trapeze itself. */
#ifndef HOST_LINUX_KEYS_H
#define HOST_LINUX_KEYS_H

#include "core/types.h"

struct keys {
    bool escape; /* Ctrl-A was typed */
};

enum key {
    KEY_PASS, /* the guest gets this byte */
    KEY_TAKEN,
    KEY_END, /* Ctrl-A x */
};

/* One byte of a terminal's input. Ctrl-A h prints the help on standard error. */
enum key keys_filter(struct keys *keys, uint8_t byte);

#endif
