/* SPDX-License-Identifier: MIT */
/* The board's serial port, polled: output and input without interrupts. */
#ifndef HOST_METAL_BOARD_UART_H
#define HOST_METAL_BOARD_UART_H

#include "core/types.h"

enum uart_kind {
    UART_NONE = 0, /* output goes nowhere, input never comes */
    UART_16550,
    UART_SIFIVE,
};

struct board_uart {
    enum uart_kind kind;
    hpa_t base;
    uint64_t size;
    irq_t irq;          /* at the PLIC; 0: none */
    uint32_t reg_shift; /* 16550: registers lie 1 << reg_shift bytes apart */
    uint32_t io_width;  /* 16550: bytes of an access, 1 or 4 */
};

/* Takes a port in whatever state: interrupts off, FIFOs on unless a byte waits that would be lost
 * by it. The line speed stays. */
void uart_init(const struct board_uart *uart);

/* Waits for room, for a bounded time: a port that never has any loses the byte. */
void uart_put(const struct board_uart *uart, uint8_t byte);

/* The next byte received, or -1. */
int uart_get(const struct board_uart *uart);

/* Whether the port's interrupt is raised while there are bytes to get. */
void uart_receive_irq(const struct board_uart *uart, bool on);

#endif
