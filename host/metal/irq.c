/* SPDX-License-Identifier: MIT */
/* The board's PLIC, as far as one hart needs it that takes all device interrupts (RISC-V PLIC
 * specification 1.0.0). */
#include "core/trap.h"
#include "host/metal/board/mmio.h"
#include "host/metal/metal.h"

#define PLIC_PRIORITY(source)   (UINT64_C(4) * (source))
#define PLIC_ENABLE(context)    (UINT64_C(0x2000) + UINT64_C(0x80) * (context))
#define PLIC_THRESHOLD(context) (UINT64_C(0x200000) + UINT64_C(0x1000) * (context))
#define PLIC_CLAIM(context)     (PLIC_THRESHOLD(context) + 4)

/* The S-mode context of the hart that serves devices. */
static uint64_t context(void)
{
    return (uint64_t)board_hart(&metal.board, io_hart()->id)->plic_s;
}

static bool present(void)
{
    const struct board_hart *hart = board_hart(&metal.board, io_hart()->id);

    return metal.board.plic.size != 0 && hart->plic_s != BOARD_NO_CONTEXT;
}

static void enable(irq_t irq)
{
    hpa_t plic = metal.board.plic.base, word = plic + PLIC_ENABLE(context()) + irq / 32 * 4;

    mmio_write32(plic + PLIC_PRIORITY(irq), 1);
    mmio_write32(word, mmio_read32(word) | UINT32_C(1) << irq % 32);
}

/* Not before the hart runs: firmware that starts a hart puts its context in order first. */
void irq_init(void)
{
    if (!present())
        return;
    mmio_write32(metal.board.plic.base + PLIC_THRESHOLD(context()), 0);
    for (unsigned i = 0; i < metal.nhandlers; i++)
        enable(metal.handler[i].irq);
    csr_set(sie, SIP_SEIP);
}

static int add_handler(const struct irq_handler *handler)
{
    if (!present() || handler->irq == 0 || handler->irq > metal.board.plic.sources)
        return ERR_NOT_FOUND;
    for (unsigned i = 0; i < metal.nhandlers; i++) {
        if (metal.handler[i].irq == handler->irq)
            return ERR_OVERLAP;
    }
    if (metal.nhandlers == MAX_IRQ_HANDLERS)
        return ERR_NO_MEMORY;
    metal.handler[metal.nhandlers++] = *handler;
    return 0;
}

int irq_handle(irq_t irq, void (*handle)(void *arg), void *arg)
{
    return add_handler(&(struct irq_handler){irq, handle, arg, false});
}

int irq_hold(irq_t irq, void (*handle)(void *arg), void *arg)
{
    return add_handler(&(struct irq_handler){irq, handle, arg, true});
}

/* In the context that has claimed it. */
void irq_complete(irq_t irq)
{
    mmio_write32(metal.board.plic.base + PLIC_CLAIM(context()), irq);
}

void irq_service(void)
{
    hpa_t claim = metal.board.plic.base + PLIC_CLAIM(context());

    for (uint32_t irq; (irq = mmio_read32(claim)) != 0;) {
        bool held = false;
        for (unsigned i = 0; i < metal.nhandlers; i++) {
            if (metal.handler[i].irq != irq)
                continue;
            held = metal.handler[i].held;
            metal.handler[i].handle(metal.handler[i].arg);
        }
        if (!held)
            irq_complete(irq);
    }
}
