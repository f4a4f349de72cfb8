/* SPDX-License-Identifier: MIT */
/* Console output of a guest, and the check that ends it. */
#ifndef GUESTS_LIB_PRINT_H
#define GUESTS_LIB_PRINT_H

#include <stdbool.h>

#include "guests/lib/sbi.h"

/* %s, %c, and %d %u %x with or without l; nothing else. At most 159 characters a call. */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);

/* Ends the guest with the failure reason, after a line that says what was not so. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print("FAIL %s:%d: %s\n", __FILE__, __LINE__, #condition);                             \
            guest_fail();                                                                          \
        }                                                                                          \
    } while (0)

#endif
