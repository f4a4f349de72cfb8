/* SPDX-License-Identifier: MIT */
/* Timer extension (SBI v3.0 ch. 6). */
#include "core/sbi/parts.h"

enum { SET_TIMER = 0 };

static struct sbi_ret answer(struct vcpu *vcpu, const struct sbi_call *call)
{
    if (call->fid != SET_TIMER)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    vcpu_set_deadline(vcpu, call->arg[0]);
    return (struct sbi_ret){SBI_SUCCESS, 0};
}

const struct sbi_extension sbi_time = {"time", SBI_EID_TIME, SBI_EID_TIME, answer, NULL};
