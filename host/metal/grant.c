/* SPDX-License-Identifier: MIT */
/* The rules of passthrough, apart from the hardware so that they can be tested and fuzzed. */
#include "host/metal/grant.h"

/* A range that does not exist is 0 at 0, which overlaps nothing. */
static bool overlaps(const struct config_passthrough *wanted, hpa_t base, uint64_t size)
{
    return wanted->base < base + size && base < wanted->base + wanted->size;
}

static bool overlaps_any(const struct config_passthrough *wanted, const struct board_range *range,
                         unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (overlaps(wanted, range[i].base, range[i].size))
            return true;
    }
    return false;
}

void grant_own(struct grant *grant, const struct grant_own *own)
{
    if (grant->nown < GRANT_MAX_OWN)
        grant->own[grant->nown] = *own;
    grant->nown++;
}

static int refuse(const char **why, int error, const char *text)
{
    *why = text;
    return error;
}

static int check_place(const struct grant *grant, const struct config_passthrough *wanted,
                       const char **why)
{
    const struct board *board = grant->board;

    if (overlaps_any(wanted, board->memory, board->nmemory) ||
        overlaps_any(wanted, board->reserved, board->nreserved))
        return refuse(why, ERR_OVERLAP, "there is memory, and only devices can be given");
    if (overlaps_any(wanted, board->machine, board->nmachine))
        return refuse(why, ERR_OVERLAP, "it is the firmware's: timer and IPIs of M-mode");
    if (overlaps(wanted, board->plic.base, board->plic.size))
        return refuse(why, ERR_OVERLAP, "the hypervisor drives the PLIC itself");
    if (overlaps(wanted, board->power.base, board->power.size))
        return refuse(why, ERR_OVERLAP, "the board's power is the hypervisor's");
    for (unsigned i = 0; i < grant->nown; i++) {
        const struct grant_own *own = &grant->own[i];
        if (overlaps(wanted, own->range.base, own->range.size))
            return refuse(why, ERR_OVERLAP, own->why);
    }
    return 0;
}

static int check_interrupt(const struct grant *grant, const struct config_passthrough *wanted,
                           const char **why)
{
    if (wanted->irq > grant->board->plic.sources)
        return refuse(why, ERR_INVALID, "the board's PLIC has no such interrupt");
    for (unsigned i = 0; i < grant->nown; i++) {
        if (wanted->irq != 0 && grant->own[i].irq == wanted->irq)
            return refuse(why, ERR_OVERLAP, "its interrupt is that of another device in use");
    }
    return 0;
}

int grant_check(const struct grant *grant, const struct config_passthrough *wanted,
                const char **why)
{
    if (grant->nown > GRANT_MAX_OWN)
        return refuse(why, ERR_NO_MEMORY, "the hypervisor has too many devices of its own");
    int error = check_place(grant, wanted, why);
    if (error == 0)
        error = check_interrupt(grant, wanted, why);
    if (error == 0 && !wanted->no_dma && !grant->one_to_one)
        return refuse(
            why, ERR_UNSUPPORTED,
            "its DMA would reach the board's addresses, which the VM's RAM does not have: "
            "declare trapeze,no-dma if it does none");
    return error;
}
