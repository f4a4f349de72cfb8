/* SPDX-License-Identifier: MIT */
/* Out of a loop by force: its registers become the guest's again. */
#include <string.h>

#include "engine/bt/bt.h"

void loop_leave(const struct bt_vcpu *bv, const struct bt_block *block, struct bt_hot *hot,
                uint64_t *x, bool homes)
{
    const uint8_t *end = bv->rw + block->code + 4 * block->ncode;
    struct bt_loop loop;

    memcpy(&loop, end - sizeof(loop), sizeof(loop));
    for (unsigned i = 0; i < loop.n; i++) {
        if (homes && loop.home[i] != 0)
            hot->home[loop.home[i] - 1] = x[loop.reg[i]];
        x[loop.reg[i]] = hot->loop_save[i];
    }
}

void loop_leave_record(struct vcpu *vcpu, const struct bt_block *block)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_hot *hot = &bv->current->hot;

    loop_leave(bv, block, hot, vcpu->user.x, true);
    vcpu->user.x[BT_CTX] = hot->home[0];
    vcpu->user.x[BT_T0] = hot->home[1];
    vcpu->user.x[BT_T1] = hot->home[2];
    vcpu->user.x[BT_T2] = hot->home[3];
}
