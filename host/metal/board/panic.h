/* SPDX-License-Identifier: MIT */
/* The end of an image that found a bug of its own. */
#ifndef HOST_METAL_BOARD_PANIC_H
#define HOST_METAL_BOARD_PANIC_H

#include "core/types.h"

/* Says why on the console and stops the board. Firmware and hypervisor each have theirs. */
_Noreturn void panic(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
