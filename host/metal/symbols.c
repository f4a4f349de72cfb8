/* SPDX-License-Identifier: MIT */
/* Looks through an ELF file's symbols one by one: dumps have time. */
#include "host/metal/symbols.h"

#include <string.h>

/* Offsets in the headers of ELFCLASS64, and the sizes of the two tables' entries. */
enum { E_SHOFF = 40, E_SHENTSIZE = 58, E_SHNUM = 60, EHDR_SIZE = 64 };
enum { SH_TYPE = 4, SH_OFFSET = 24, SH_SIZE = 32, SH_LINK = 40, SHDR_SIZE = 64 };
enum { ST_NAME = 0, ST_INFO = 4, ST_SHNDX = 6, ST_VALUE = 8, ST_SIZE = 16, SYM_SIZE = 24 };

#define SHT_SYMTAB 2
#define STT_NOTYPE 0
#define STT_FUNC   2

struct bytes {
    const uint8_t *data;
    uint64_t size;
};

/* Little-endian, of 1 to 8 bytes, within `from`: the callers have seen to that. */
static uint64_t number(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, from, size); /* the machine is little-endian too */
    return value;
}

static bool part(const struct bytes *file, uint64_t offset, uint64_t size, struct bytes *out)
{
    if (offset > file->size || size > file->size - offset)
        return false;
    *out = (struct bytes){file->data + offset, size};
    return true;
}

static bool section(const struct bytes *headers, uint64_t index, const struct bytes *file,
                    struct bytes *out)
{
    if (index >= headers->size / SHDR_SIZE)
        return false;
    const uint8_t *header = headers->data + index * SHDR_SIZE;
    return part(file, number(header + SH_OFFSET, 8), number(header + SH_SIZE, 8), out);
}

/* Symbols and their names. */
static bool find_tables(const struct bytes *file, struct bytes *symbols, struct bytes *names)
{
    struct bytes headers;

    if (file->size < EHDR_SIZE || memcmp(file->data, "\177ELF\2\1", 6) != 0 ||
        number(file->data + E_SHENTSIZE, 2) != SHDR_SIZE ||
        !part(file, number(file->data + E_SHOFF, 8), number(file->data + E_SHNUM, 2) * SHDR_SIZE,
              &headers))
        return false;
    for (uint64_t i = 0; i < headers.size / SHDR_SIZE; i++) {
        const uint8_t *header = headers.data + i * SHDR_SIZE;
        if (number(header + SH_TYPE, 4) == SHT_SYMTAB)
            return section(&headers, i, file, symbols) &&
                   section(&headers, number(header + SH_LINK, 4), file, names);
    }
    return false;
}

static const char *name_of(const struct bytes *names, const uint8_t *entry)
{
    uint64_t at = number(entry + ST_NAME, 4);

    if (at >= names->size || memchr(names->data + at, '\0', names->size - at) == NULL)
        return NULL;
    return (const char *)names->data + at;
}

/* A function's own size says how far it reaches; labels reach as far as anybody looks. `$x` and
 * `.L` are the assembler's. */
static bool holds(const uint8_t *entry, const char *name, uint64_t offset)
{
    unsigned type = entry[ST_INFO] & 15;
    uint64_t size = number(entry + ST_SIZE, 8);

    return (type == STT_FUNC || type == STT_NOTYPE) && number(entry + ST_SHNDX, 2) != 0 &&
           name != NULL && name[0] != '$' && name[0] != '.' && name[0] != '\0' &&
           offset < (size != 0 ? size : SYMBOL_REACH);
}

bool symbol_find(const uint8_t *file, size_t size, uint64_t address, struct symbol *symbol)
{
    const struct bytes whole = {file, size};
    struct bytes symbols, names;

    symbol->name = NULL;
    if (!find_tables(&whole, &symbols, &names))
        return false;
    for (uint64_t at = 0; symbols.size - at >= SYM_SIZE; at += SYM_SIZE) {
        const uint8_t *entry = symbols.data + at;
        const char *name = name_of(&names, entry);
        uint64_t offset = address - number(entry + ST_VALUE, 8);
        if (holds(entry, name, offset) && (symbol->name == NULL || offset < symbol->offset))
            *symbol = (struct symbol){name, offset};
    }
    return symbol->name != NULL;
}
