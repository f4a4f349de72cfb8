/* SPDX-License-Identifier: MIT */
/* Which devices of the board a guest may be given. */
#ifndef HOST_METAL_GRANT_H
#define HOST_METAL_GRANT_H

#include "core/error.h"
#include "host/metal/board/board.h"
#include "host/metal/config.h"

#define GRANT_MAX_OWN 16

/* A device that the hypervisor drives itself. */
struct grant_own {
    struct board_range range;
    irq_t irq; /* 0: none */
    const char *why;
};

struct grant {
    const struct board *board;
    bool one_to_one; /* the VM's RAM has the addresses that the board gives it */
    unsigned nown;
    struct grant_own own[GRANT_MAX_OWN];
};

/* Adds what is the hypervisor's; beyond GRANT_MAX_OWN nothing can be granted any more. */
void grant_own(struct grant *grant, const struct grant_own *own);

/*
 * The rules: no memory, nothing of M-mode's, no PLIC, no power device, nothing that the hypervisor
 * drives, and nothing that might do DMA to addresses which are not the VM's. ERR_OVERLAP,
 * ERR_INVALID, ERR_UNSUPPORTED, ERR_NO_MEMORY; *why is then one line.
 */
int grant_check(const struct grant *grant, const struct config_passthrough *wanted,
                const char **why) MUST_CHECK;

#endif
