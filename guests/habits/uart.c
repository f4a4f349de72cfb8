/* SPDX-License-Identifier: MIT */
/* The UART: polled at first, then through a ring that its interrupts empty. */
#include <stddef.h>

#include "guests/habits/habits.h"
#include "guests/lib/csr.h"

enum { THR = 0, DLL = 0, DLM = 1, IER = 1, FCR = 2, LCR = 3, LSR = 5 };

#define LSR_THR_EMPTY 0x20
#define RING          32

static char ring[RING];
static volatile uint64_t put, taken;
static bool by_interrupt;

_Noreturn void power_fail(void)
{
    *reg32(POWER) = 1 << 16 | 0x3333;
    for (;;)
        ;
}

/* 38400 baud, 8 bits, no parity, FIFOs reset and on: values out of books. */
void uart_init(void)
{
    *reg8(UART + IER) = 0;
    *reg8(UART + LCR) = 0x80;
    *reg8(UART + DLL) = 3;
    *reg8(UART + DLM) = 0;
    *reg8(UART + LCR) = 3;
    *reg8(UART + FCR) = 7;
}

void uart_interrupts(void)
{
    *reg32(PLIC + 4 * UART_IRQ) = 1;
    *reg32(PLIC + 4 * VIRTIO_IRQ) = 1;
    *reg32(PLIC_SENABLE) = 1U << UART_IRQ | 1U << VIRTIO_IRQ;
    *reg32(PLIC_STHRESHOLD) = 0;
    *reg8(UART + IER) = 3;
    by_interrupt = true;
}

/* Sends while the transmitter takes; the interrupt that it is empty again comes back here. */
static void send(void)
{
    while (taken != put && (*reg8(UART + LSR) & LSR_THR_EMPTY) != 0)
        *reg8(UART + THR) = (uint8_t)ring[taken++ % RING];
}

/* IIR is never read: what is sent or received ends the interrupt. */
void uart_handle(void)
{
    while ((*reg8(UART + LSR) & 1) != 0)
        (void)*reg8(UART);
    send();
}

static void put_char(char c)
{
    if (!by_interrupt) {
        while ((*reg8(UART + LSR) & LSR_THR_EMPTY) == 0)
            ;
        *reg8(UART + THR) = (uint8_t)c;
        return;
    }
    while (put - taken == RING)
        __asm__ volatile("wfi");
    csr_clear(sstatus, SSTATUS_SIE);
    ring[put++ % RING] = c;
    send();
    csr_set(sstatus, SSTATUS_SIE);
}

void uart_drain(void)
{
    while (put != taken)
        ;
}

void uart_text(const char *text)
{
    for (; *text != 0; text++)
        put_char(*text);
}
