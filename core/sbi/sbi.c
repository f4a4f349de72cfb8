/* SPDX-License-Identifier: MIT */
/* The dispatcher of SBI calls and its table (SBI v3.0 ch. 3). */
#include "core/sbi/sbi.h"

#include "core/sbi/parts.h"
#include "core/vm.h"

enum { A0 = 10, A1 = 11, A7 = 17 };

_Static_assert(offsetof(struct sbi_call, eid) == (A7 - A0) * sizeof(uint64_t), "a0..a7 in a row");

const struct sbi_extension *const sbi_extensions[16] = {
    [SBI_EID_BASE & 15] = &sbi_base, [SBI_EID_TIME & 15] = &sbi_time,
    [SBI_EID_IPI & 15] = &sbi_ipi,   [SBI_EID_RFENCE & 15] = &sbi_rfence,
    [SBI_EID_HSM & 15] = &sbi_hsm,   [SBI_EID_SRST & 15] = &sbi_srst,
    [SBI_EID_DBCN & 15] = &sbi_dbcn, [SBI_EID_LEGACY_PUTCHAR] = &sbi_putchar,
};

const struct sbi_extension *sbi_find(uint64_t eid)
{
    const struct sbi_extension *extension = sbi_extensions[eid & 15];

    if (extension != NULL && eid == extension->first)
        return extension;
    return eid <= SBI_EID_LEGACY_LAST ? &sbi_legacy : NULL;
}

/* The instructions that firmware would retire for the call count as one. */
static void write_return(struct vcpu *vcpu, const struct sbi_result *result)
{
    vcpu->user.x[A0] = (uint64_t)result->error;
    if (vcpu->user.x[A7] > SBI_EID_LEGACY_END)
        vcpu->user.x[A1] = result->value;
    vcpu->user.pc += 4;
    vcpu->priv.instret++;
    vcpu->priv.cycle++;
}

/* Handlers write no register, so that the call stays where it is while they run. */
static void carry_out(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result)
{
    const struct sbi_extension *extension = sbi_find(call->eid);

    if (extension == NULL)
        return;
    if (extension->answer == NULL) {
        extension->handle(vcpu, call, result);
        return;
    }
    struct sbi_ret ret = extension->answer(vcpu, call);
    result->error = ret.error;
    result->value = ret.value;
}

enum exit_action sbi_handle(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    struct sbi_result result = {SBI_ERR_NOT_SUPPORTED, 0, SBI_RETURN, ACTION_RESUME};
    const struct sbi_call *call = sbi_call_of(vcpu);

    if (UNLIKELY(vm->trace != NULL))
        vm->trace(vm, vcpu, VM_TRACE_SBI, call->eid, call->fid);
    carry_out(vcpu, call, &result);
    if (result.flow == SBI_RETURN)
        write_return(vcpu, &result);
    return result.action;
}
