/* SPDX-License-Identifier: MIT */
/* The symbols of an ELF file in memory, for dumps (System V ABI, "Symbol Table"). */
#ifndef HOST_METAL_SYMBOLS_H
#define HOST_METAL_SYMBOLS_H

#include "core/types.h"

#define SYMBOL_REACH MIB(1) /* bytes behind a symbol without size that still count as its own */

struct symbol {
    const char *name; /* within the file */
    uint64_t offset;  /* of the address from it */
};

/* The function or label that holds the address. False: the file is no ELF, broken, stripped, or has
 * none there. It may be hostile. */
bool symbol_find(const uint8_t *file, size_t size, uint64_t address, struct symbol *symbol);

#endif
