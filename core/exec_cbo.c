/* SPDX-License-Identifier: MIT */
/*
 * Cache-block operations (Unpriv. "CMO"). Guest memory is coherent here, so that only the rules of
 * access remain, and cbo.zero.
 */
#include <string.h>

#include "core/exec_parts.h"
#include "core/vm.h"
#include "core/vmem.h"

/* In U-mode senvcfg decides; a field that is 0 makes the instruction illegal (Priv. 12.1.10). */
static bool enabled(const struct vcpu *vcpu, unsigned id)
{
    uint64_t field = id == INSN_cbo_zero    ? SENVCFG_CBZE
                     : id == INSN_cbo_inval ? SENVCFG_CBIE
                                            : SENVCFG_CBCFE;

    return vcpu->priv.mode != PRIV_U || (vcpu->priv.senvcfg & field) != 0;
}

static enum vmem_status access(struct vcpu *vcpu, const struct insn *insn, struct vmem_at *at)
{
    unsigned size = vcpu->vm->isa.cbo_block;
    gva_t block = vcpu->user.x[insn->rs1] & ~(uint64_t)(size - 1);

    /* Management needs that a load or a store be permitted; the fault is always a store's. */
    if (insn->id != INSN_cbo_zero && vmem_translate(vcpu, block, size, MMU_LOAD, at) != VMEM_TRAP)
        return VMEM_OK;
    return vmem_translate(vcpu, block, size, MMU_STORE, at);
}

enum exec_status exec_cbo(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    gva_t va = vcpu->user.x[insn->rs1];
    struct vmem_at at;

    if (!enabled(vcpu, insn->id))
        return exec_illegal(trap, insn);
    switch (access(vcpu, insn, &at)) {
    case VMEM_OK:
        break;
    case VMEM_TRAP:
        *trap = at.trap;
        trap->tval = va; /* rs1 itself, not the start of the block */
        return EXEC_TRAP;
    case VMEM_MMIO:
        return exec_raise(trap, CAUSE_STORE_ACCESS, va);
    }
    if (insn->id == INSN_cbo_zero)
        memset(at.host, 0, vcpu->vm->isa.cbo_block);
    return exec_done(vcpu, insn);
}
