/* SPDX-License-Identifier: MIT */
/* One guest instruction by core. */
#include "core/csr.h"
#include "core/exec.h"
#include "core/vmem.h"
#include "engine/trap/stub/stub.h"

/* False: *trap is filled. */
static bool fetch(struct vcpu *vcpu, struct insn *insn, struct trap *trap)
{
    struct vmem_at at;
    uint32_t raw;

    if (fast_fetch(vcpu, insn))
        return true;
    if (vmem_fetch(vcpu, vcpu->user.pc, &raw, &at) != VMEM_OK) {
        *trap = at.trap;
        return false;
    }
    insn_decode(&kernel.vm.isa, raw, insn);
    return true;
}

bool step_peek(struct vcpu *vcpu, struct insn *insn)
{
    struct trap trap;

    return fetch(vcpu, insn, &trap);
}

static void note(const struct vcpu *vcpu, const struct insn *insn)
{
    switch (insn_info(insn->id)->class) {
    case INSN_CLASS_CSR:
        count(COUNT_PRIVILEGED);
        break;
    case INSN_CLASS_SYSTEM:
        if (insn->id == INSN_ecall && vcpu->priv.mode == PRIV_U)
            count(COUNT_ECALLS);
        else
            count(insn->id == INSN_sret ? COUNT_SRET : COUNT_PRIVILEGED);
        break;
    default:
        break;
    }
}

static bool deliver(struct vcpu *vcpu, const struct trap *trap)
{
    if (trap_deliver(vcpu, trap) == 0)
        return false;
    vcpu->priv.exit =
        (struct exit_record){.kind = EXIT_ERROR, .addr = vcpu->user.pc, .reason = PARK_TRAP_LOOP};
    return true;
}

/* A write of satp that keeps the ASID counts as a fence, for the kernels that core's changed_satp
 * speaks of. */
bool step_fences(const struct vcpu *vcpu, unsigned id, uint64_t satp)
{
    uint64_t changed = vcpu->priv.satp ^ satp;

    return id == INSN_sfence_vma ||
           (changed != 0 && (changed & (SATP_ASID << SATP_ASID_SHIFT)) == 0);
}

bool step(struct vcpu *vcpu)
{
    struct insn insn;
    struct trap trap;

    count(COUNT_INTERPRETED);
    if (!fetch(vcpu, &insn, &trap))
        return deliver(vcpu, &trap);
    note(vcpu, &insn);
    uint64_t satp = vcpu->priv.satp;
    enum exec_status status = exec_insn(vcpu, &insn, &trap);
    fast_new_code();
    if (status == EXEC_TRAP)
        return deliver(vcpu, &trap);
    if (status != EXEC_EXIT || vcpu->priv.exit.kind == EXIT_WFI) {
        vcpu->priv.instret++;
        vcpu->priv.cycle++;
    }
    if (status == EXEC_CONTEXT && step_fences(vcpu, insn.id, satp))
        kernel_fence();
    if (status == EXEC_CODE)
        __asm__ volatile("fence.i" : : : "memory");
    return status == EXEC_EXIT;
}
