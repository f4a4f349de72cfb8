/* SPDX-License-Identifier: MIT */
/* Ctrl-A x ends the guest, Ctrl-A h helps, Ctrl-A Ctrl-A sends one. */
#include "host/linux/keys.h"

#include <unistd.h>

#define CTRL_A 0x01

static void help(void)
{
    static const char text[] = "\r\ntrapeze: Ctrl-A x ends the guest, Ctrl-A h shows this, "
                               "Ctrl-A Ctrl-A sends one Ctrl-A\r\n";

    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

enum key keys_filter(struct keys *keys, uint8_t byte)
{
    if (!keys->escape) {
        keys->escape = byte == CTRL_A;
        return keys->escape ? KEY_TAKEN : KEY_PASS;
    }
    keys->escape = false;
    if (byte == CTRL_A)
        return KEY_PASS;
    if (byte == 'h')
        help();
    return byte == 'x' ? KEY_END : KEY_TAKEN;
}
