/* SPDX-License-Identifier: MIT */
/* System reset extension (SBI v3.0 ch. 10). */
#include "core/sbi/parts.h"

enum { SYSTEM_RESET = 0 };

enum { RESET_SHUTDOWN = 0, RESET_COLD_REBOOT = 1, RESET_WARM_REBOOT = 2 };
enum { REASON_NONE = 0, REASON_SYSTEM_FAILURE = 1 };

/* Types and reasons beyond the defined ones are reserved, or vendor-specific and unimplemented. */
static void handle(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    static const enum vm_stop stops[] = {
        [RESET_SHUTDOWN] = VM_OFF,
        [RESET_COLD_REBOOT] = VM_RESET_COLD,
        [RESET_WARM_REBOOT] = VM_RESET_WARM,
    };
    uint32_t type = (uint32_t)call->arg[0], reason = (uint32_t)call->arg[1];

    if (call->fid != SYSTEM_RESET)
        return;
    if (type >= ARRAY_SIZE(stops) || reason > REASON_SYSTEM_FAILURE) {
        result->error = SBI_ERR_INVALID_PARAM;
        return;
    }
    bool failed = type == RESET_SHUTDOWN && reason == REASON_SYSTEM_FAILURE;
    vm_request_stop(vcpu->vm, failed ? VM_FAILED : stops[type], reason);
    result->flow = SBI_NO_WRITE;
    result->action = ACTION_STOP;
}

const struct sbi_extension sbi_srst = {"srst", SBI_EID_SRST, SBI_EID_SRST, NULL, handle};
