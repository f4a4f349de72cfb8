/* SPDX-License-Identifier: MIT */
/* ISA strings and extension names of the device tree. */
#include <string.h>

#include "host/metal/board/board.h"

static const char *const ext_names[BOARD_EXT_COUNT] = {
#define BOARD_EXT(id, text) [BOARD_##id] = text,
#include "host/metal/board/board_ext.def"
};

const char *board_ext_name(enum board_ext ext)
{
    return (unsigned)ext < BOARD_EXT_COUNT ? ext_names[ext] : "";
}

static bool is_name(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && memcmp(known, name, length) == 0;
}

void board_isa_add(struct board_hart *hart, const char *name, size_t length)
{
    for (unsigned i = 0; i < ISA_COUNT; i++) {
        if (is_name(isa_name((enum isa_ext)i), name, length))
            hart->isa.ext |= UINT64_C(1) << i;
    }
    for (unsigned i = 0; i < BOARD_EXT_COUNT; i++) {
        if (is_name(ext_names[i], name, length))
            hart->ext |= UINT32_C(1) << i;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Behind a version such as "2p1", if there is one. */
static const char *skip_version(const char *text)
{
    if (!is_digit(*text))
        return text;
    while (is_digit(*text))
        text++;
    if (*text == 'p' && is_digit(text[1])) {
        text++;
        while (is_digit(*text))
            text++;
    }
    return text;
}

/* One letter; g stands for imafd with Zicsr and Zifencei. */
static void add_letter(struct board_hart *hart, char letter)
{
    if (letter != 'g') {
        board_isa_add(hart, &letter, 1);
        return;
    }
    for (const char *each = "imafd"; *each != '\0'; each++)
        board_isa_add(hart, each, 1);
    board_isa_add(hart, "zicsr", 5);
    board_isa_add(hart, "zifencei", 8);
}

/* The length of a name of several letters: up to the underscore, without a version at its end. */
static size_t name_length(const char *text)
{
    size_t length = strcspn(text, "_"), end = length;

    while (end > 0 && is_digit(text[end - 1]))
        end--;
    if (end == length)
        return length;
    if (end > 1 && text[end - 1] == 'p' && is_digit(text[end - 2])) {
        end--;
        while (end > 0 && is_digit(text[end - 1]))
            end--;
    }
    return end;
}

/* Old strings say "su" among the single letters for the privilege modes. */
static bool starts_name(const char *text)
{
    if (*text == 'z' || *text == 'x')
        return true;
    return *text == 's' && text[1] != 'u' && text[1] != '_' && text[1] != '\0';
}

void board_isa_string(struct board_hart *hart, const char *text)
{
    if (strncmp(text, "rv64", 4) != 0)
        return;
    text += 4;
    while (*text != '\0') {
        if (*text == '_') {
            text++;
        } else if (starts_name(text)) {
            board_isa_add(hart, text, name_length(text));
            text += strcspn(text, "_");
        } else {
            add_letter(hart, *text);
            text = skip_version(text + 1);
        }
    }
}
