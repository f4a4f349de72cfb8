/* SPDX-License-Identifier: MIT */
/* One guest instruction by core, with what its words mean kept: decoding is most of the work. */
#include "core/exec.h"
#include "core/vmem.h"
#include "engine/trap/stub/stub.h"

/* What a word means does not depend on where it lies: nothing ever has to be dropped. */
struct insn step_decoded[STEP_DECODED];

void step_miss(uint32_t raw, struct insn *insn)
{
    insn_decode(&kernel.vm.isa, raw, insn);
}

bool step_peek(struct vcpu *vcpu, struct insn *insn)
{
    struct vmem_at at;
    uint32_t raw;

    if (vmem_fetch(vcpu, vcpu->user.pc, &raw, &at) != VMEM_OK)
        return false;
    *insn = *step_decode(raw);
    return true;
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

bool step(struct vcpu *vcpu)
{
    struct vmem_at at;
    struct trap trap;
    uint32_t raw;

    count(COUNT_INTERPRETED);
    if (vmem_fetch(vcpu, vcpu->user.pc, &raw, &at) != VMEM_OK)
        return deliver(vcpu, &at.trap);
    const struct insn *insn = step_decode(raw);
    note(vcpu, insn);
    enum exec_status status = exec_insn(vcpu, insn, &trap);
    if (status == EXEC_TRAP)
        return deliver(vcpu, &trap);
    if (status != EXEC_EXIT || vcpu->priv.exit.kind == EXIT_WFI) {
        vcpu->priv.instret++;
        vcpu->priv.cycle++;
    }
    if (insn->id == INSN_sfence_vma) {
        count(COUNT_FENCES);
        kernel.epoch = atomic_fetch_add(&kernel.area->epoch, 1) + 1;
    }
    if (status == EXEC_CODE)
        __asm__ volatile("fence.i" : : : "memory");
    return status == EXEC_EXIT;
}
