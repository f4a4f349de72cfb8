/* SPDX-License-Identifier: MIT */
/* Timer extension (SBI v3.0 ch. 6). */
#include "core/sbi/parts.h"

enum { SET_TIMER = 0 };

static void handle(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    if (call->fid != SET_TIMER)
        return;
    vcpu_set_deadline(vcpu, call->arg[0]);
    result->error = SBI_SUCCESS;
}

const struct sbi_extension sbi_time = {"time", SBI_EID_TIME, SBI_EID_TIME, true, handle};
