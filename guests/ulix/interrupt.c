/* SPDX-License-Identifier: MIT */
/*
 * The three interrupts of S-mode. sstatus.SIE stays 0 in the kernel: they come while a user runs,
 * or end the wfi of an idle hart.
 */
#include "guests/ulix/interrupt.h"

#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/ulix/devicetree.h"
#include "guests/ulix/hart.h"
#include "guests/ulix/table.h"

#define SHARES_A_SECOND 100

/* A priority a line, from 0 on, then: */
#define PLIC_ENABLE    0x002000 /* 0x80 a context, a bit for each line */
#define PLIC_LINES_END 0x003000 /* what we use of the two above */
#define PLIC_CONTEXTS  0x200000 /* 0x1000 a context */
#define PLIC_THRESHOLD 0
#define PLIC_CLAIM     4
#define EXTERNAL_S     9 /* of a hart's interrupt controller */

/* switch.S: lets in an interrupt that is pending and enabled; its scause, or 0. */
uint64_t interrupt_open(void);

static uint64_t timebase;
static uint64_t plic, plic_of_hart; /* of the hart that the line goes to */
static uint32_t enabled_line;
static void (*enabled_handler)(void);

static volatile uint32_t *device_register(uint64_t address)
{
    return (volatile uint32_t *)address;
}

/*
 * The context of a hart: which entry of interrupts-extended is its S-mode external interrupt. Harts
 * are numbered from 0 without gaps there.
 */
static uint64_t plic_context(const struct dt_node *node, uint64_t hart)
{
    uint32_t length;
    const uint32_t *pairs = dt_property(node, "interrupts-extended", &length);

    for (uint32_t i = 0; pairs != NULL && i < length / 8; i++) {
        if (dt_cell(pairs + 2 * (uint64_t)i + 1) == EXTERNAL_S && hart-- == 0)
            return i;
    }
    require(!"the PLIC knows this hart");
    return 0;
}

void interrupt_init(void)
{
    struct dt_node cpus;
    uint32_t length;
    const uint32_t *frequency;

    require(dt_find(&cpus, "cpus"));
    frequency = dt_property(&cpus, "timebase-frequency", &length);
    require(frequency != NULL && length == 4);
    timebase = dt_cell(frequency);
}

void interrupt_init_hart(void)
{
    csr_write(sie, SIE_SSIE | SIE_STIE | SIE_SEIE);
    sbi_set_timer(rdtime() + timebase / SHARES_A_SECOND);
}

uint64_t interrupt_timebase(void)
{
    return timebase;
}

bool interrupt_enable(uint32_t line, void (*handler)(void))
{
    struct dt_node node;
    uint64_t size, context;

    require(line < 32);
    if (!dt_find_compatible(&node, "sifive,plic-1.0.0", 0) || !dt_reg(&node, &plic, &size))
        return false;
    table_map_device(plic, PLIC_LINES_END);
    context = plic_context(&node, this_hart()->id);
    plic_of_hart = plic + PLIC_CONTEXTS + 0x1000 * context;
    table_map_device(plic_of_hart, PAGE_SIZE);
    enabled_line = line;
    enabled_handler = handler;
    *device_register(plic + 4 * line) = 1;
    *device_register(plic + PLIC_ENABLE + 0x80 * context) = 1U << line;
    *device_register(plic_of_hart + PLIC_THRESHOLD) = 0;
    return true;
}

static void external(void)
{
    uint32_t line = *device_register(plic_of_hart + PLIC_CLAIM);

    if (line == 0)
        return;
    require(line == enabled_line);
    enabled_handler();
    *device_register(plic_of_hart + PLIC_CLAIM) = line;
}

bool interrupt_take(uint64_t cause)
{
    if (cause == CAUSE_SUPERVISOR_SOFTWARE)
        csr_clear(sip, SIE_SSIE); /* somebody wants this hart to look at the queue */
    if (cause == CAUSE_SUPERVISOR_EXTERNAL)
        external();
    if (cause == CAUSE_SUPERVISOR_TIMER)
        sbi_set_timer(rdtime() + timebase / SHARES_A_SECOND);
    return cause == CAUSE_SUPERVISOR_TIMER;
}

void interrupt_wait(void)
{
    uint64_t cause;

    csr_clear(sie, SIE_STIE);
    __asm__ volatile("wfi");
    cause = interrupt_open();
    if (cause != 0)
        (void)interrupt_take(cause);
    csr_set(sie, SIE_STIE);
}
