/* SPDX-License-Identifier: MIT */
/*
 * A guest that has been given the board's 16550 at PORT, line LINE: it drives the port by itself,
 * by interrupts, and is reset once while it serves one.
 */
#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define PLIC 0x0c000000UL
#define PORT 0x20000000UL
#define LINE 20

enum { RBR = 0, THR = 0, IER = 1, LSR = 5, SCR = 7 };
#define LSR_DR   0x01
#define LSR_THRE 0x20
#define SEEN     0xa5 /* left in SCR by the first boot */

#define RESET    0
#define WARM     2

void guest_main(uint64_t hart);

static char line[64];
static volatile unsigned count;
static volatile bool whole, leave_it;

static volatile uint8_t *port(unsigned reg)
{
    return (volatile uint8_t *)(PORT + reg);
}

static volatile uint32_t *plic(uint64_t offset)
{
    return (volatile uint32_t *)(PLIC + offset);
}

static void put_direct(const char *text)
{
    for (; *text != 0; text++) {
        while ((*port(LSR) & LSR_THRE) == 0)
            ;
        *port(THR) = (uint8_t)*text;
    }
}

/* One byte an interrupt: what is left keeps the line asserted, and has to come again. */
static void on_interrupt(uint64_t scause)
{
    require(scause == CAUSE_SUPERVISOR_EXTERNAL);
    uint32_t irq = *plic(0x201004);
    if (irq == 0)
        return;
    require(irq == LINE);
    if (leave_it) /* claimed, not completed: the board's source is closed */
        sbi_call(SBI_SRST, 0, WARM, 0, 0, 0);
    if ((*port(LSR) & LSR_DR) != 0) {
        uint8_t byte = *port(RBR);
        if (byte == '\n' || count == sizeof(line) - 1)
            whole = true;
        else
            line[count++] = (char)byte;
    }
    *plic(0x201004) = irq;
}

static void listen(void)
{
    *plic(4 * LINE) = 1;
    *plic(0x2080) = 1U << LINE;
    *plic(0x201000) = 0;
    csr_set(sie, SIE_SEIE);
    csr_set(sstatus, SSTATUS_SIE);
    *port(IER) = 1;
}

void guest_main(uint64_t hart)
{
    (void)hart;
    trap_init(on_interrupt);
    leave_it = *port(SCR) != SEEN;
    *port(SCR) = SEEN;
    require(*port(SCR) == SEEN);
    if (leave_it)
        print("passthrough: first boot\n");
    else
        put_direct("passthrough: straight to the port\n");
    listen();
    while (!whole)
        ;
    *port(IER) = 0;
    put_direct("passthrough: read ");
    put_direct(line);
    put_direct("\n");
    print("passthrough: all is well\n");
    sbi_shutdown();
}
