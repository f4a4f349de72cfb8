/* SPDX-License-Identifier: MIT */
/* UART 16550A on the console. National Semiconductor PC16550D data sheet; 8-bit registers,
 * stride 1. */
#ifndef CORE_DEV_UART16550_H
#define CORE_DEV_UART16550_H

#include "core/device.h"

#define UART16550_SIZE 0x100

struct uart16550 {
    struct device dev;
    struct console *console;
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
    bool thr_empty_pending; /* the THRE interrupt has not been seen yet */
};

void uart16550_init(struct uart16550 *uart, struct vm *vm, gpa_t base, irq_t irq);

#endif
