/* SPDX-License-Identifier: MIT */
/* What libfdt's headers want of <stdlib.h> in a freestanding build. */
#ifndef HOST_METAL_INCLUDE_STDLIB_H
#define HOST_METAL_INCLUDE_STDLIB_H

unsigned long strtoul(const char *restrict s, char **restrict end, int base);

#endif
