/* SPDX-License-Identifier: MIT */
/* Execution of one instruction: integer computation and control flow, dispatch of the rest. */
#include "core/exec.h"

#include <stdatomic.h>

#include "core/alu.h"
#include "core/exec_parts.h"
#include "core/vm.h"
#include "core/vmem.h"

/* Operands of exec_alu.def. */
#define A  (vcpu->user.x[insn->rs1])
#define B  (vcpu->user.x[insn->rs2])
#define I  ((uint64_t)(int64_t)insn->imm)
#define PC (vcpu->user.pc)

static uint64_t alu_value(const struct vcpu *vcpu, const struct insn *insn)
{
    switch (insn->id) {
#define ALU(id, value)                                                                             \
    case INSN_##id:                                                                                \
        return value;
#include "core/exec_alu.def"
    default:
        return 0;
    }
}

static bool branch_taken(const struct vcpu *vcpu, const struct insn *insn)
{
    switch (insn->id) {
#define BRANCH(id, taken)                                                                          \
    case INSN_##id:                                                                                \
        return taken;
#include "core/exec_alu.def"
    default:
        return false;
    }
}

static uint64_t jump_target(const struct vcpu *vcpu, const struct insn *insn)
{
    switch (insn->id) {
#define JUMP(id, target)                                                                           \
    case INSN_##id:                                                                                \
        return target;
#include "core/exec_alu.def"
    default:
        return PC;
    }
}

/* Without C, instructions are 4-aligned and a jump elsewhere traps (Unpriv. 2.5). */
static bool misaligned_target(const struct vcpu *vcpu, uint64_t target)
{
    return (target & 2) != 0 && !isa_has(&vcpu->vm->isa, ISA_C);
}

static enum exec_status exec_branch(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    uint64_t target = PC + I;

    if (!branch_taken(vcpu, insn))
        return exec_done(vcpu, insn);
    if (misaligned_target(vcpu, target))
        return exec_raise(trap, CAUSE_INSN_MISALIGNED, target);
    PC = target;
    return EXEC_NEXT;
}

static enum exec_status exec_jump(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    uint64_t target = jump_target(vcpu, insn);

    if (misaligned_target(vcpu, target))
        return exec_raise(trap, CAUSE_INSN_MISALIGNED, target);
    vcpu_set_x(vcpu, insn->rd, PC + insn->len);
    PC = target;
    return EXEC_NEXT;
}

static enum exec_status exec_fence(struct vcpu *vcpu, const struct insn *insn)
{
    exec_done(vcpu, insn);
    if (insn->id == INSN_fence_i)
        return EXEC_CODE;
    if (insn->id == INSN_fence)
        atomic_thread_fence(memory_order_seq_cst);
    return EXEC_NEXT;
}

enum exec_status exec_insn(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    switch ((enum insn_class)insn_info(insn->id)->class) {
    case INSN_CLASS_ALU:
        vcpu_set_x(vcpu, insn->rd, alu_value(vcpu, insn));
        return exec_done(vcpu, insn);
    case INSN_CLASS_BRANCH:
        return exec_branch(vcpu, insn, trap);
    case INSN_CLASS_JUMP:
        return exec_jump(vcpu, insn, trap);
    case INSN_CLASS_LOAD:
    case INSN_CLASS_STORE:
    case INSN_CLASS_FLOAD:
    case INSN_CLASS_FSTORE:
        return exec_mem(vcpu, insn, trap);
    case INSN_CLASS_LR:
    case INSN_CLASS_SC:
    case INSN_CLASS_AMO:
        return exec_atomic(vcpu, insn, trap);
    case INSN_CLASS_CSR:
        return exec_csr(vcpu, insn, trap);
    case INSN_CLASS_FP:
        return exec_fp(vcpu, insn, trap);
    case INSN_CLASS_FENCE:
        return exec_fence(vcpu, insn);
    case INSN_CLASS_CBO:
        return exec_cbo(vcpu, insn, trap);
    case INSN_CLASS_SYSTEM:
        return exec_system(vcpu, insn, trap);
    case INSN_CLASS_ILLEGAL:
        break;
    }
    return exec_illegal(trap, insn);
}

static enum exec_status fetch_and_exec(struct vcpu *vcpu, struct insn *insn, struct trap *trap)
{
    struct vmem_at at;
    uint32_t raw;

    if (vmem_fetch(vcpu, vcpu->user.pc, &raw, &at) != VMEM_OK) {
        *trap = at.trap;
        return EXEC_TRAP;
    }
    insn_decode(&vcpu->vm->isa, raw, insn);
    return exec_insn(vcpu, insn, trap);
}

/* Of the instructions that end in an exit, wfi is over; an access retires on its completion, and
 * ecall never does (Priv. 3.3.1). */
static bool retired(const struct vcpu *vcpu, enum exec_status status)
{
    return status != EXEC_EXIT || vcpu->priv.exit.kind == EXIT_WFI;
}

enum exec_status exec_step(struct vcpu *vcpu)
{
    struct insn insn = {.id = INSN_illegal};
    struct trap trap;
    enum exec_status status;

    if (trap_take_interrupt(vcpu))
        return EXEC_NEXT;
    status = fetch_and_exec(vcpu, &insn, &trap);
    if (status == EXEC_TRAP) {
        if (trap_deliver(vcpu, &trap) == 0)
            return EXEC_NEXT;
        vcpu->priv.exit = (struct exit_record){
            .kind = EXIT_ERROR, .insn = insn.raw, .addr = vcpu->user.pc, .reason = PARK_TRAP_LOOP};
        return EXEC_EXIT;
    }
    if (retired(vcpu, status)) {
        vcpu->priv.instret++;
        vcpu->priv.cycle++;
    }
    return status == EXEC_EXIT ? EXEC_EXIT : EXEC_NEXT;
}
