/* SPDX-License-Identifier: MIT */
/*
 * Single step and breakpoints. Code is made anew when breakpoints change: the instruction at one is
 * a block of its own, which calls C. Everything else runs as fast as without. Blocks of U-mode do
 * not know where their page is mapped, so that they are cut wherever one may be.
 */
#include "engine/bt/bt.h"

#include <string.h>

int bt_debug(struct vcpu *vcpu, bool step, const gva_t *breakpoints, unsigned count)
{
    struct bt_debug *debug = &bt_of(vcpu)->debug;

    if (count > BREAKPOINTS)
        return ERR_NO_MEMORY;
    debug->step = step;
    if (count == debug->n && (count == 0 || memcmp(breakpoints, debug->at, count * 8) == 0))
        return 0;
    for (unsigned i = 0; i < count; i++)
        debug->at[i] = breakpoints[i];
    debug->n = count;
    debug->changed = true;
    return 0;
}

bool debug_cuts(const struct bt_vcpu *bv, const struct bt_block *block, unsigned offset)
{
    for (unsigned i = 0; i < bv->debug.n; i++) {
        if ((bv->debug.at[i] & ~PAGE_MASK) == offset &&
            (!knows_page(block->flags) || (bv->debug.at[i] & PAGE_MASK) == block->page))
            return true;
    }
    return false;
}

void debug_exit(struct vcpu *vcpu)
{
    bt_of(vcpu)->debug.stopped = vcpu->user.pc;
    vcpu->priv.exit.kind = EXIT_DEBUG;
    vcpu->priv.exit.addr = vcpu->user.pc;
}

bool debug_break(struct vcpu *vcpu)
{
    const struct bt_debug *debug = &bt_of(vcpu)->debug;

    for (unsigned i = 0; i < debug->n; i++) {
        if (debug->at[i] == vcpu->user.pc) {
            debug_exit(vcpu);
            return true;
        }
    }
    return false;
}
