/* SPDX-License-Identifier: MIT */
/*
 * UART 16550A on the console. National Semiconductor PC16550D data sheet (June 1995); 8-bit
 * registers, stride 1, reached by accesses of any width as on QEMU's `virt` board. The line is
 * infinitely fast: a byte is gone when it has been written, and what waits in the receiver below
 * the trigger level has timed out. The receiver is a window on the console's ring.
 */
#ifndef CORE_DEV_UART16550_H
#define CORE_DEV_UART16550_H

#include "core/device.h"

#define UART16550_SIZE 0x100
#define UART16550_FIFO 16

struct uart16550 {
    struct device dev;
    struct console *console;
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
    uint8_t lsr_error;      /* latched error bits of LSR: OE */
    uint8_t msr_delta;      /* latched bits 3:0 of MSR */
    bool thr_empty_pending; /* the THRE interrupt has not been seen yet */
    uint8_t loop_count;     /* bytes sent in loopback mode, ahead of the console's; oldest first */
    uint8_t loop[UART16550_FIFO];
};

/* Also makes the UART the one that vm->console tells about input. */
void uart16550_init(struct uart16550 *uart, struct vm *vm, gpa_t base, irq_t irq);

#endif
