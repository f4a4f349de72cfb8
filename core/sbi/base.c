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

static struct sbi_ret answer(struct vcpu *vcpu, const struct sbi_call *call)
{
    switch (call->fid) {
    case GET_SPEC_VERSION:
        return (struct sbi_ret){SBI_SUCCESS, SBI_SPEC_VERSION_MAJOR << 24 | SBI_SPEC_VERSION_MINOR};
    case GET_IMPL_ID:
        return (struct sbi_ret){SBI_SUCCESS, SBI_IMPL_ID};
    case GET_IMPL_VERSION:
        return (struct sbi_ret){SBI_SUCCESS, SBI_IMPL_VERSION};
    case PROBE_EXTENSION:
        return (struct sbi_ret){SBI_SUCCESS, sbi_find(call->arg[0]) != NULL};
    case GET_MVENDORID: /* "0 is always a legal value for this CSR" */
        return (struct sbi_ret){SBI_SUCCESS, vcpu->vm->mvendorid};
    case GET_MARCHID:
        return (struct sbi_ret){SBI_SUCCESS, vcpu->vm->marchid};
    case GET_MIMPID:
        return (struct sbi_ret){SBI_SUCCESS, vcpu->vm->mimpid};
    default:
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    }
}

const struct sbi_extension sbi_base = {"base", SBI_EID_BASE, SBI_EID_BASE, answer, NULL};
