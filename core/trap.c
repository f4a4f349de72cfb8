/* SPDX-License-Identifier: MIT */
/* Delivery of traps to S-mode, interrupt priority, and the way back. */
#include "core/trap.h"

#include "core/csr.h"
#include "core/error.h"
#include "core/vm.h"

/* A trap whose own handler's first instruction trapped when nothing had retired since it last did:
 * sepc, scause and stval are then what they were, and nothing the hart does will change them. */
static bool is_trap_loop(const struct vcpu *vcpu, const struct trap *trap)
{
    return (trap->cause & CAUSE_INTERRUPT) == 0 && vcpu->priv.mode == PRIV_S &&
           vcpu->user.pc == (vcpu->priv.stvec & ~STVEC_MODE) &&
           vcpu->trap_repeat_pc == vcpu->user.pc && vcpu->trap_repeat_instret == vcpu->priv.instret;
}

/* Remembers a trap at the vector; any other one shows that the guest gets on. */
static void note_repeat(struct vcpu *vcpu)
{
    bool at_vector = vcpu->priv.mode == PRIV_S && vcpu->user.pc == (vcpu->priv.stvec & ~STVEC_MODE);

    vcpu->trap_repeat_pc = at_vector ? vcpu->user.pc : UINT64_MAX;
    vcpu->trap_repeat_instret = vcpu->priv.instret;
}

/* SPP and SPIE take mode and SIE; SIE is cleared. */
static uint64_t stacked_sstatus(const struct vcpu *vcpu)
{
    uint64_t old = vcpu->priv.sstatus;
    uint64_t sstatus = old & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);

    if (vcpu->priv.mode == PRIV_S)
        sstatus |= SSTATUS_SPP;
    if (old & SSTATUS_SIE)
        sstatus |= SSTATUS_SPIE;
    return sstatus;
}

static uint64_t vector(uint64_t stvec, uint64_t cause)
{
    uint64_t base = stvec & ~STVEC_MODE;

    if ((stvec & STVEC_MODE) == 1 && (cause & CAUSE_INTERRUPT) != 0)
        base += 4 * (cause & ~CAUSE_INTERRUPT);
    return base;
}

int trap_deliver(struct vcpu *vcpu, const struct trap *trap)
{
    struct vcpu_priv *priv = &vcpu->priv;
    struct vm *vm = vcpu->vm;

    if (is_trap_loop(vcpu, trap))
        return ERR_FORBIDDEN;
    note_repeat(vcpu);
    priv->sepc = vcpu->user.pc;
    priv->scause = trap->cause;
    priv->stval = trap->tval;
    priv->sstatus = stacked_sstatus(vcpu);
    priv->mode = PRIV_S;
    vcpu->user.pc = vector(priv->stvec, trap->cause);
    vcpu->reservation.valid = false;
    vcpu->traps++;
    if (vm->trace != NULL)
        vm->trace(vm, vcpu, VM_TRACE_TRAP, trap->cause, priv->sepc);
    return 0;
}

unsigned trap_pending_interrupt(const struct vcpu *vcpu)
{
    static const uint8_t order[] = {IRQ_SEI, IRQ_SSI, IRQ_STI};
    uint64_t ready = atomic_load(&vcpu->pending) & vcpu->priv.sie;

    if (ready == 0)
        return 0;
    if (vcpu->priv.mode == PRIV_S && (vcpu->priv.sstatus & SSTATUS_SIE) == 0)
        return 0;
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        if ((ready >> order[i]) & 1)
            return order[i];
    }
    return 0;
}

bool trap_take_interrupt(struct vcpu *vcpu)
{
    unsigned irq = trap_pending_interrupt(vcpu);
    struct trap trap = {.cause = CAUSE_INTERRUPT | irq};

    return irq != 0 && trap_deliver(vcpu, &trap) == 0;
}

void trap_sret(struct vcpu *vcpu)
{
    uint64_t old = vcpu->priv.sstatus;
    uint64_t sstatus = (old & ~(SSTATUS_SPP | SSTATUS_SIE)) | SSTATUS_SPIE;

    if (old & SSTATUS_SPIE)
        sstatus |= SSTATUS_SIE;
    vcpu->priv.mode = (old & SSTATUS_SPP) != 0 ? PRIV_S : PRIV_U;
    vcpu->priv.sstatus = sstatus;
    vcpu->user.pc = vcpu->priv.sepc;
    vcpu->reservation.valid = false;
    vcpu->trap_repeat_pc = UINT64_MAX;
}

const char *trap_cause_name(uint64_t cause)
{
    static const char *const exceptions[] = {
        [CAUSE_INSN_MISALIGNED] = "instruction address misaligned",
        [CAUSE_INSN_ACCESS] = "instruction access fault",
        [CAUSE_ILLEGAL_INSN] = "illegal instruction",
        [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "load address misaligned",
        [CAUSE_LOAD_ACCESS] = "load access fault",
        [CAUSE_STORE_MISALIGNED] = "store/AMO address misaligned",
        [CAUSE_STORE_ACCESS] = "store/AMO access fault",
        [CAUSE_ECALL_U] = "environment call from U-mode",
        [CAUSE_ECALL_S] = "environment call from S-mode",
        [CAUSE_ECALL_VS] = "environment call from VS-mode",
        [CAUSE_INSN_PAGE] = "instruction page fault",
        [CAUSE_LOAD_PAGE] = "load page fault",
        [CAUSE_STORE_PAGE] = "store/AMO page fault",
        [CAUSE_INSN_GUEST_PAGE] = "instruction guest-page fault",
        [CAUSE_LOAD_GUEST_PAGE] = "load guest-page fault",
        [CAUSE_VIRTUAL_INSN] = "virtual instruction",
        [CAUSE_STORE_GUEST_PAGE] = "store/AMO guest-page fault",
    };
    static const char *const interrupts[] = {
        [IRQ_SSI] = "supervisor software interrupt",
        [IRQ_VSSI] = "virtual supervisor software interrupt",
        [IRQ_STI] = "supervisor timer interrupt",
        [IRQ_VSTI] = "virtual supervisor timer interrupt",
        [IRQ_SEI] = "supervisor external interrupt",
        [IRQ_VSEI] = "virtual supervisor external interrupt",
    };
    uint64_t code = cause & ~CAUSE_INTERRUPT;
    const char *name = NULL;

    if ((cause & CAUSE_INTERRUPT) != 0 && code < ARRAY_SIZE(interrupts))
        name = interrupts[code];
    if ((cause & CAUSE_INTERRUPT) == 0 && code < ARRAY_SIZE(exceptions))
        name = exceptions[code];
    return name != NULL ? name : "unknown cause";
}
