// SPDX-License-Identifier: MIT
// What libfdt's headers want of <stdlib.h> in a freestanding build.
#pragma once

unsigned long strtoul(const char *restrict s, char **restrict end, int base);
