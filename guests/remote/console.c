/* SPDX-License-Identifier: MIT */
/* The UART by polling. */
#include "guests/lib/csr.h"
#include "guests/lib/sbi.h"
#include "guests/remote/remote.h"

#define UART     0x10000000UL
#define RBR      0 /* receive; transmit when written */
#define LSR      5
#define LSR_DR   1
#define LSR_THRE 0x20
#define STEP     10000UL /* a millisecond at 10 MHz */

static volatile uint8_t *const uart = (volatile uint8_t *)UART;

/* Interrupts stay disabled: the pending timer only ends the wfi. */
static void doze(void)
{
    sbi_set_timer(rdtime() + STEP);
    csr_set(sie, SIE_STIE);
    __asm__ volatile("wfi");
    csr_clear(sie, SIE_STIE);
}

uint8_t console_get(void)
{
    while (!(uart[LSR] & LSR_DR))
        doze();
    return uart[RBR];
}

void console_put(uint8_t byte)
{
    while (!(uart[LSR] & LSR_THRE))
        ;
    uart[RBR] = byte;
}
