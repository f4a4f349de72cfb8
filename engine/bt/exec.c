/* SPDX-License-Identifier: MIT */
/* Instructions that are executed in C, by core/exec.c, and what has to be seen to behind them. */
#include "core/exec.h"
#include "core/alu.h"
#include "core/csr.h"
#include "core/trap.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"

/* The reservation for exec, and back. */
static void give_reservation(struct vcpu *vcpu)
{
    const struct gmem_slot *ram = &vcpu->vm->mem.slots[0];
    const struct bt_hot *hot = &bt_of(vcpu)->current->hot;
    uint64_t at = hot->reserved_at & ~UINT64_C(1);

    vcpu->reservation = (struct reservation){
        .valid = hot->reserved_at != 0,
        .gpa = at - (uint64_t)(uintptr_t)ram->host + ram->gpa,
        .size = (hot->reserved_at & 1) != 0 ? 8 : 4,
        .value = hot->reserved_value,
    };
}

static void take_reservation(struct vcpu *vcpu)
{
    const struct gmem_slot *ram = &vcpu->vm->mem.slots[0];
    const struct reservation *r = &vcpu->reservation;
    struct bt_hot *hot = &bt_of(vcpu)->current->hot;

    hot->reserved_at =
        r->valid ? (uint64_t)(uintptr_t)ram->host + (r->gpa - ram->gpa) + (r->size == 8) : 0;
    hot->reserved_value = r->size == 8 ? r->value : alu_sext32(r->value);
}

/* fence.i, and what kernels rely on that were only ever run on coherent emulators. */
static bool shows_new_code(const struct vcpu *vcpu, const struct insn *insn)
{
    if (insn->id == INSN_sret)
        return vcpu->priv.satp == 0;
    if (insn->id == INSN_sfence_vma)
        return insn->rs1 == 0;
    return insn_info(insn->id)->class == INSN_CLASS_CSR && insn->imm == CSR_satp;
}

static bool touches_fp(const struct insn *insn)
{
    switch ((enum insn_class)insn_info(insn->id)->class) {
    case INSN_CLASS_FLOAD:
    case INSN_CLASS_FSTORE:
    case INSN_CLASS_FP:
        return true;
    case INSN_CLASS_CSR:
        return insn->imm <= CSR_fcsr;
    default:
        return false;
    }
}

bool bt_reserves(const struct insn *insn)
{
    unsigned class = insn_info(insn->id)->class;

    return class == INSN_CLASS_LR || class == INSN_CLASS_SC;
}

bool bt_exec(struct vcpu *vcpu, const struct insn *insn)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    bool fp = touches_fp(insn);
    struct trap trap;

    bv->stats.exec++;
    if (fp)
        bt_fp_save(&vcpu->user);
    if (insn_info(insn->id)->class == INSN_CLASS_CSR && insn->imm >= CSR_cycle &&
        insn->imm <= CSR_instret)
        vcpu->priv.cycle = vcpu->priv.instret = vm_time(vcpu->vm) * 100;
    bool reserves = bt_reserves(insn);
    if (reserves)
        give_reservation(vcpu);
    enum exec_status status = exec_insn(vcpu, insn, &trap);
    if (reserves)
        take_reservation(vcpu);
    if (fp)
        bt_fp_load(&vcpu->user);
    switch (status) {
    case EXEC_NEXT:
        bv->context |= fp && bt_fp_state(vcpu) != (bv->flags & BT_FP_MASK);
        return false;
    case EXEC_TRAP:
        if (vcpu->user.pc == bv->entered) /* nothing has retired: see trap_deliver */
            vcpu->priv.instret--;
        return bt_deliver(vcpu, &trap);
    case EXEC_EXIT:
        return true;
    case EXEC_CODE:
        (void)pages_check(vcpu);
        return false;
    case EXEC_CONTEXT:
        break;
    }
    if (insn->id != INSN_sret) /* core has flushed its TLB only */
        spaces_drop(bv);
    if (shows_new_code(vcpu, insn))
        (void)pages_check(vcpu);
    bv->context = true;
    if (trap_pending_interrupt(vcpu) != 0 || insn->imm == CSR_stimecmp)
        bv->look = true;
    return false;
}

bool bt_exec_raw(struct vcpu *vcpu, uint32_t raw)
{
    struct insn insn;

    insn_decode(&vcpu->vm->isa, raw, &insn);
    return bt_exec(vcpu, &insn);
}

bool bt_exec_cross(struct vcpu *vcpu)
{
    struct vmem_at at;
    uint32_t raw;

    if (vmem_fetch(vcpu, vcpu->user.pc, &raw, &at) != VMEM_OK)
        return bt_deliver(vcpu, &at.trap);
    return bt_exec_raw(vcpu, raw);
}
