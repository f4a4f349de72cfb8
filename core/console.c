/* SPDX-License-Identifier: MIT */
/* The console's input ring and output. */
#include "core/console.h"

#include "core/vm.h"

static void notify(struct console *console)
{
    if (console->changed != NULL)
        console->changed(console->ctx);
}

size_t console_push(struct console *console, const uint8_t *data, size_t length)
{
    size_t taken = 0;

    while (taken < length && console->count < CONSOLE_RING) {
        console->rx[(console->head + console->count) % CONSOLE_RING] = data[taken++];
        console->count++;
    }
    if (taken > 0)
        notify(console);
    return taken;
}

size_t console_pull(struct console *console, uint8_t *out, size_t length)
{
    size_t taken = 0;

    while (taken < length && console->count > 0) {
        out[taken++] = console->rx[console->head];
        console->head = (console->head + 1) % CONSOLE_RING;
        console->count--;
    }
    if (taken > 0) {
        notify(console);
        if (console->vm->host->console_room != NULL)
            console->vm->host->console_room(console->vm);
    }
    return taken;
}

void console_put_byte(struct console *console, uint8_t byte)
{
    vm_lock(console->vm);
    console_put(console, &byte, 1);
    vm_unlock(console->vm);
}

void console_put(struct console *console, const uint8_t *data, size_t length)
{
    console->vm->host->console_write(console->vm, data, length);
}
