/* SPDX-License-Identifier: MIT */
/* Board harts: finding, starting, interrupting them, and what they do when they are interrupted. */
#include "core/trap.h"
#include "host/metal/board/panic.h"
#include "host/metal/fw.h"
#include "host/metal/metal.h"

_Static_assert(offsetof(struct hart, stack) == 0, "entry.S loads it from there");

/* struct hart lies at the top of the hart's stack. */
static struct hart *new_hart(unsigned index, uint64_t id)
{
    uint8_t *stack = memory_alloc(HART_STACK_ORDER);

    if (stack == NULL)
        return NULL;
    uintptr_t top = (uintptr_t)stack + (PAGE_SIZE << HART_STACK_ORDER) - sizeof(struct hart);
    struct hart *hart = (struct hart *)(top & ~(uintptr_t)63);
    hart->stack = (uintptr_t)hart;
    hart->index = index;
    hart->id = id;
    hart->vcpu_deadline = UINT64_MAX;
    hart->device_deadline = UINT64_MAX;
    hart->timer_programmed = UINT64_MAX;
    return hart;
}

int harts_init(uint64_t boot_hartid, struct hart **boot, const char **why)
{
    *boot = NULL;
    for (unsigned i = 0; i < metal.board.nharts; i++) {
        const struct board_hart *found = &metal.board.hart[i];
        if (!found->has_mmu && found->id != boot_hartid)
            continue;
        struct hart *hart = new_hart(metal.nharts, found->id);
        if (hart == NULL) {
            *why = "no memory for the harts' stacks: give the board more";
            return ERR_NO_MEMORY;
        }
        metal.hart[metal.nharts++] = hart;
        if (found->id == boot_hartid)
            *boot = hart;
    }
    *why = "the device tree does not know the hart that runs this";
    return *boot != NULL ? 0 : ERR_NOT_FOUND;
}

void harts_start(const struct hart *self)
{
    for (unsigned i = 0; i < metal.nharts; i++) {
        struct hart *hart = metal.hart[i];
        if (hart != self && !fw_hart_start(hart->id, (uintptr_t)hart_entry, (uintptr_t)hart))
            message("hart %llu cannot be started: it is not used", (unsigned long long)hart->id);
    }
}

void hart_kick(struct hart *hart)
{
    if (hart != NULL && hart != hart_self())
        fw_send_ipi(hart->id);
}

void hart_post(struct hart *hart, uint32_t work)
{
    atomic_fetch_or(&hart->work, work);
    if (hart->vcpu != NULL) /* the guest, or the engine that answers it, has to come out */
        atomic_fetch_or(&hart->vcpu->requests, VCPU_REQ_EVENT);
    if (hart != hart_self())
        hart_kick(hart);
}

void hart_interrupts(struct hart *hart)
{
    uint64_t pending = csr_read(sip) & csr_read(sie);

    if ((pending & SIP_SSIP) != 0)
        csr_clear(sip, SIP_SSIP);
    if ((pending & SIP_STIP) != 0)
        timer_look(hart);
    if ((pending & SIP_SEIP) != 0)
        irq_service();
}

_Noreturn void hart_main(uint64_t hartid, struct hart *hart)
{
    (void)hartid;
    csr_write(sie, SIP_SSIP);
    if (hart == io_hart())
        irq_init();
    atomic_store(&hart->online, 1);
    run_vcpu(hart);
}
