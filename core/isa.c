/* SPDX-License-Identifier: MIT */
/* Extension names and the ISA string. */
#include "core/isa.h"

#include <string.h>

#include "core/error.h"

static const char *const names[ISA_COUNT] = {
#define ISA(id, text) [ISA_##id] = text,
#include "core/isa.def"
#undef ISA
};

const char *isa_name(enum isa_ext ext)
{
    return (unsigned)ext < ISA_COUNT ? names[ext] : "";
}

static int append(char *out, size_t size, size_t *used, const char *text)
{
    size_t length = strlen(text);

    if (size - *used <= length)
        return ERR_RANGE;
    memcpy(out + *used, text, length + 1);
    *used += length;
    return 0;
}

int isa_string(const struct isa *isa, char *out, size_t size)
{
    size_t used = 0;

    if (size == 0)
        return ERR_RANGE;
    if (append(out, size, &used, "rv64") != 0)
        return ERR_RANGE;
    for (unsigned ext = 0; ext < ISA_COUNT; ext++) {
        if (!isa_has(isa, (enum isa_ext)ext))
            continue;
        bool single = names[ext][1] == '\0';
        if (!single && append(out, size, &used, "_") != 0)
            return ERR_RANGE;
        if (append(out, size, &used, names[ext]) != 0)
            return ERR_RANGE;
    }
    return (int)used;
}
