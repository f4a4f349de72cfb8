/* SPDX-License-Identifier: MIT */
/* CSR accesses and the privileged instructions. */
#include "core/exec_parts.h"
#include "core/vm.h"
#include "core/vmem.h"

/* With x0 (or an immediate of 0) csrrs and csrrc only read (Unpriv. "Zicsr"). */
static enum csr_op csr_op(const struct insn *insn)
{
    switch (insn->id) {
    case INSN_csrrw:
    case INSN_csrrwi:
        return CSR_OP_WRITE;
    case INSN_csrrs:
    case INSN_csrrsi:
        return insn->rs1 == 0 ? CSR_OP_READ : CSR_OP_SET;
    default:
        return insn->rs1 == 0 ? CSR_OP_READ : CSR_OP_CLEAR;
    }
}

static uint64_t csr_operand(const struct vcpu *vcpu, const struct insn *insn)
{
    bool immediate = insn->id == INSN_csrrwi || insn->id == INSN_csrrsi || insn->id == INSN_csrrci;

    return immediate ? insn->rs1 : vcpu->user.x[insn->rs1];
}

enum exec_status exec_csr(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    unsigned effects = 0;
    uint64_t old;

    if (csr_access(vcpu, (unsigned)insn->imm, csr_op(insn), csr_operand(vcpu, insn), &old,
                   &effects) != 0)
        return exec_illegal(trap, insn);
    vcpu_set_x(vcpu, insn->rd, old);
    exec_done(vcpu, insn);
    return effects != 0 ? EXEC_CONTEXT : EXEC_NEXT;
}

static enum exec_status ecall(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    if (vcpu->priv.mode == PRIV_U)
        return exec_raise(trap, CAUSE_ECALL_U, 0);
    vcpu->priv.exit = (struct exit_record){.kind = EXIT_SBI, .insn = insn->raw};
    return EXEC_EXIT;
}

static enum exec_status wfi(struct vcpu *vcpu, const struct insn *insn)
{
    exec_done(vcpu, insn);
    if (vcpu_has_wakeup(vcpu))
        return EXEC_NEXT;
    vcpu->priv.exit = (struct exit_record){.kind = EXIT_WFI, .insn = insn->raw};
    return EXEC_EXIT;
}

static enum exec_status sfence_vma(struct vcpu *vcpu, const struct insn *insn)
{
    uint16_t asid = (uint16_t)vcpu->user.x[insn->rs2];
    gva_t va = vcpu->user.x[insn->rs1];

    vmem_flush(vcpu, insn->rs1 != 0 ? &va : NULL, insn->rs2 != 0 ? &asid : NULL);
    exec_done(vcpu, insn);
    return EXEC_CONTEXT;
}

enum exec_status exec_system(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    if (insn->id == INSN_ecall)
        return ecall(vcpu, insn, trap);
    if (insn->id == INSN_ebreak)
        return exec_raise(trap, CAUSE_BREAKPOINT, vcpu->user.pc);
    /* The rest is for S-mode; wfi may wait for a bounded time in U-mode, here for none at all. */
    if (vcpu->priv.mode == PRIV_U)
        return exec_illegal(trap, insn);
    switch (insn->id) {
    case INSN_sret:
        trap_sret(vcpu);
        return EXEC_CONTEXT;
    case INSN_wfi:
        return wfi(vcpu, insn);
    default:
        return sfence_vma(vcpu, insn);
    }
}
