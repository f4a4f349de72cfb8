/* SPDX-License-Identifier: MIT */
/*
 * The guest's console between host and guest: a ring of input bytes that the UART and the SBI
 * console calls take from alike, and output that goes straight to the host. Under the VM lock.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "core/types.h"

#define CONSOLE_RING       1024
#define CONSOLE_WRITE_MOST 65536 /* bytes that one call prints at most */

struct vm;

struct console {
    struct vm *vm;
    uint8_t rx[CONSOLE_RING];
    uint32_t head, count;
    /* Called when input arrived or was taken: the UART looks at its interrupt again. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* From the host: offers input, returns how many bytes were taken. */
size_t console_push(struct console *console, const uint8_t *data, size_t length);

/* From the guest's side: takes up to `length` bytes, returns how many. */
size_t console_pull(struct console *console, uint8_t *out, size_t length);

/* Output: at most CONSOLE_WRITE_MOST bytes. */
void console_put(struct console *console, const uint8_t *data, size_t length);

/* The same of one byte, by itself taking the VM lock. */
void console_put_byte(struct console *console, uint8_t byte);

#endif
