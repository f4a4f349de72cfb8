/* SPDX-License-Identifier: MIT */
/* Base extension: versions, identity, probing (SBI v3.0 ch. 4). */
#include "core/sbi/parts.h"

enum {
    GET_SPEC_VERSION = 0,
    GET_IMPL_ID = 1,
    GET_IMPL_VERSION = 2,
    PROBE_EXTENSION = 3,
    GET_MVENDORID = 4,
    GET_MARCHID = 5,
    GET_MIMPID = 6,
};

static void succeed(struct sbi_result *result, uint64_t value)
{
    result->error = SBI_SUCCESS;
    result->value = value;
}

static void handle(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    switch (call->fid) {
    case GET_SPEC_VERSION:
        succeed(result, SBI_SPEC_VERSION_MAJOR << 24 | SBI_SPEC_VERSION_MINOR);
        break;
    case GET_IMPL_ID:
        succeed(result, SBI_IMPL_ID);
        break;
    case GET_IMPL_VERSION:
        succeed(result, SBI_IMPL_VERSION);
        break;
    case PROBE_EXTENSION:
        succeed(result, sbi_find(call->arg[0]) != NULL);
        break;
    case GET_MVENDORID: /* "0 is always a legal value for this CSR" */
        succeed(result, vcpu->vm->mvendorid);
        break;
    case GET_MARCHID:
        succeed(result, vcpu->vm->marchid);
        break;
    case GET_MIMPID:
        succeed(result, vcpu->vm->mimpid);
        break;
    }
}

const struct sbi_extension sbi_base = {"base", SBI_EID_BASE, SBI_EID_BASE, true, handle};
