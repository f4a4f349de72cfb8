/* SPDX-License-Identifier: MIT */
/* Polled drivers of the 16550 and of SiFive's UART. */
#include "host/metal/board/uart.h"

#include "host/metal/board/mmio.h"

/* More polls than the slowest line needs to send a FIFO's worth. */
#define MOST_POLLS 10000000

/* 16550 registers and bits. */
enum { RBR_THR = 0, IER = 1, FCR = 2, LSR = 5 };
#define IER_ERBFI  0x01
#define FCR_ENABLE 0x01
#define LSR_DR     0x01
#define LSR_THRE   0x20

/* SiFive UART registers (FU540 manual, ch. 13). */
enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10 };
#define TXDATA_FULL  0x80000000u
#define RXDATA_EMPTY 0x80000000u
#define CTRL_ENABLE  0x1u
#define IE_RXWM      0x2u

static uint32_t read_16550(const struct board_uart *uart, unsigned reg)
{
    hpa_t address = uart->base + ((hpa_t)reg << uart->reg_shift);

    return uart->io_width == 4 ? mmio_read32(address) : mmio_read8(address);
}

static void write_16550(const struct board_uart *uart, unsigned reg, uint8_t value)
{
    hpa_t address = uart->base + ((hpa_t)reg << uart->reg_shift);

    if (uart->io_width == 4)
        mmio_write32(address, value);
    else
        mmio_write8(address, value);
}

void uart_init(const struct board_uart *uart)
{
    switch (uart->kind) {
    case UART_NONE:
        break;
    case UART_16550:
        write_16550(uart, IER, 0);
        if ((read_16550(uart, LSR) & LSR_DR) == 0) /* to switch FIFOs on is to empty them */
            write_16550(uart, FCR, FCR_ENABLE);
        break;
    case UART_SIFIVE:
        mmio_write32(uart->base + IE, 0);
        mmio_write32(uart->base + TXCTRL, mmio_read32(uart->base + TXCTRL) | CTRL_ENABLE);
        mmio_write32(uart->base + RXCTRL, mmio_read32(uart->base + RXCTRL) | CTRL_ENABLE);
        break;
    }
}

static bool has_room(const struct board_uart *uart)
{
    if (uart->kind == UART_16550)
        return (read_16550(uart, LSR) & LSR_THRE) != 0;
    return (mmio_read32(uart->base + TXDATA) & TXDATA_FULL) == 0;
}

void uart_put(const struct board_uart *uart, uint8_t byte)
{
    unsigned polls = MOST_POLLS;

    if (uart->kind == UART_NONE)
        return;
    while (!has_room(uart)) {
        if (--polls == 0)
            return;
    }
    if (uart->kind == UART_16550)
        write_16550(uart, RBR_THR, byte);
    else
        mmio_write32(uart->base + TXDATA, byte);
}

int uart_get(const struct board_uart *uart)
{
    uint32_t data;

    switch (uart->kind) {
    case UART_16550:
        if ((read_16550(uart, LSR) & LSR_DR) == 0)
            return -1;
        return (int)(read_16550(uart, RBR_THR) & 0xff);
    case UART_SIFIVE:
        data = mmio_read32(uart->base + RXDATA);
        return (data & RXDATA_EMPTY) != 0 ? -1 : (int)(data & 0xff);
    default:
        return -1;
    }
}

void uart_receive_irq(const struct board_uart *uart, bool on)
{
    if (uart->kind == UART_16550)
        write_16550(uart, IER, on ? IER_ERBFI : 0);
    else if (uart->kind == UART_SIFIVE)
        mmio_write32(uart->base + IE, on ? IE_RXWM : 0);
}
