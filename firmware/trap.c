/* SPDX-License-Identifier: MIT */
/* Traps into M-mode, as entry.S hands them over: a call, an interrupt, anything else. */
#include "core/trap.h"
#include "core/csr.h"
#include "core/sbi/sbi.h"
#include "core/stlb.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

void trap_ecall(struct hart *hart);
void trap_interrupt(struct hart *hart, uint64_t mcause);
void trap_exception(struct hart *hart, uint64_t mcause);
_Noreturn void trap_from_machine(const uint64_t *x);

enum { A6 = 16, A7 = 17 };
enum { DBCN_READ = 1 };
enum { LEGACY_GETCHAR = 2, LEGACY_CLEAR_IPI = 3, LEGACY_MASKS_FIRST = 4, LEGACY_MASKS_LAST = 7 };

/* One for all harts: only calls that hardly anybody makes any more need it. */
static struct stlb legacy_stlb;

/*
 * The legacy calls that take a hart mask find it in the caller's virtual memory: core walks the
 * caller's tables, and may deliver a page fault, in the record. So the record has to be in line
 * with the hart's CSRs before, and the CSRs with it afterwards.
 */
static enum exit_action call_with_mask(struct hart *hart)
{
    struct vcpu_priv *priv = &hart->vcpu.priv;
    const uint64_t stacked = SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE;

    priv->mode = PRIV_S;
    priv->satp = csr_read(satp);
    priv->stvec = csr_read(stvec);
    priv->sstatus = csr_read(sstatus);
    priv->sepc = csr_read(sepc);
    priv->scause = csr_read(scause);
    priv->stval = csr_read(stval);
    spin_lock(&firmware.legacy_lock);
    hart->vcpu.stlb = &legacy_stlb;
    stlb_reset(&legacy_stlb);
    enum exit_action action = sbi_handle(&hart->vcpu);
    spin_unlock(&firmware.legacy_lock);
    csr_write(sepc, priv->sepc);
    csr_write(scause, priv->scause);
    csr_write(stval, priv->stval);
    csr_clear(sstatus, stacked);
    csr_set(sstatus, priv->sstatus & stacked);
    return action;
}

/* SSIP is in mip, where core does not look for it. */
static enum exit_action call_clear_ipi(struct hart *hart)
{
    atomic_fetch_or(&hart->vcpu.pending, csr_read(mip) & SIP_SSIP);
    csr_clear(mip, SIP_SSIP);
    return sbi_handle(&hart->vcpu);
}

static enum exit_action call(struct hart *hart)
{
    uint64_t eid = hart->vcpu.user.x[A7];

    if (LIKELY(eid > LEGACY_MASKS_LAST && eid != SBI_EID_DBCN))
        return sbi_handle(&hart->vcpu);
    if (eid == LEGACY_GETCHAR || (eid == SBI_EID_DBCN && hart->vcpu.user.x[A6] == DBCN_READ))
        console_poll();
    if (eid == LEGACY_CLEAR_IPI)
        return call_clear_ipi(hart);
    if (eid >= LEGACY_MASKS_FIRST && eid <= LEGACY_MASKS_LAST)
        return call_with_mask(hart);
    return sbi_handle(&hart->vcpu);
}

/* The hart is of no use any more until somebody starts it anew, so it does not go on from here. */
static void stop_hart(struct hart *hart)
{
    atomic_store(&hart->vcpu.hsm, HSM_STOPPED);
    if (hart_wait(hart))
        hart_enter(hart);
}

void trap_ecall(struct hart *hart)
{
    switch (call(hart)) {
    case ACTION_RESUME:
        break;
    case ACTION_WAIT:
        if (hart_wait(hart))
            hart_enter(hart);
        break;
    case ACTION_STOP:
        board_end();
    default:
        dump_trap(hart, "core gave up on this call");
        stop_hart(hart);
    }
}

void trap_interrupt(struct hart *hart, uint64_t mcause)
{
    switch (mcause & ~CAUSE_INTERRUPT) {
    case 3:
        ipi_receive(hart);
        break;
    case 7:
        timer_fire(hart);
        break;
    default:
        dump_trap(hart, "an interrupt that was never enabled");
        stop_hart(hart);
    }
}

/* What S-mode knows, in case that a hart does not delegate all that it was asked to: exceptions of
 * the specification but for calls from S-mode and from M-mode. */
#define SUPERVISOR_CAUSES UINT64_C(0xf0b5ff)

static void pass_on(struct hart *hart, uint64_t mcause)
{
    struct machine_trap trap = {.cause = mcause, .tval = csr_read(mtval)};

    if (hart->has_h) {
        trap.tval2 = csr_read(mtval2);
        trap.tinst = csr_read(mtinst);
        trap.gva = (csr_read(mstatus) & MSTATUS_GVA) != 0;
    }
    redirect(hart, &trap);
}

void trap_exception(struct hart *hart, uint64_t mcause)
{
    switch (mcause) {
    case CAUSE_ILLEGAL_INSN:
        if (!emulate_illegal(hart))
            pass_on(hart, mcause);
        break;
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_STORE_MISALIGNED:
        if (!emulate_misaligned(hart, csr_read(mtval)))
            pass_on(hart, mcause);
        break;
    default:
        if (mcause < 64 && ((SUPERVISOR_CAUSES >> mcause) & 1) != 0) {
            pass_on(hart, mcause);
            break;
        }
        dump_trap(hart, "no trap that S-mode could handle");
        stop_hart(hart);
    }
}

void trap_from_machine(const uint64_t *x)
{
    struct hart *hart = this_hart();

    if (hart == NULL)
        panic("trap 0x%lx at 0x%lx, mtval 0x%lx", csr_read(mcause), csr_read(mepc),
              csr_read(mtval));
    for (unsigned i = 1; i < 32; i++)
        hart->vcpu.user.x[i] = x[i];
    hart->vcpu.user.pc = csr_read(mepc);
    dump_trap(hart, "the firmware itself trapped");
    hart_halt();
}
