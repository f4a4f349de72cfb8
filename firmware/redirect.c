/* SPDX-License-Identifier: MIT */
/*
 * Traps that came to M-mode but are S-mode's to handle are delivered as the hart would have done
 * (Priv. 3.3.2, 12.1, 21.6): to VS-mode when V was 1 and hedeleg has the cause, else to HS-mode.
 */
#include "core/csr.h"
#include "core/trap.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

/* xPP, xPIE and xIE after a trap from U-mode, or from S-mode. */
static uint64_t stacked(uint64_t status, bool from_s)
{
    uint64_t result = status & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);

    if (from_s)
        result |= SSTATUS_SPP;
    if (status & SSTATUS_SIE)
        result |= SSTATUS_SPIE;
    return result;
}

static void to_vs(struct hart *hart, const struct machine_trap *trap, bool from_s)
{
    csr_write(vsepc, hart->vcpu.user.pc);
    csr_write(vscause, trap->cause);
    csr_write(vstval, trap->tval);
    csr_write(vsstatus, stacked(csr_read(vsstatus), from_s));
    hart->vcpu.user.pc = csr_read(vstvec) & ~STVEC_MODE;
}

/* SPVP keeps its value when the trap comes from V = 0. */
static void stack_hypervisor(const struct machine_trap *trap, bool virt, bool from_s)
{
    uint64_t hstatus = csr_read(hstatus) & ~(HSTATUS_SPV | HSTATUS_GVA);

    if (virt)
        hstatus = (hstatus & ~HSTATUS_SPVP) | HSTATUS_SPV | (from_s ? HSTATUS_SPVP : 0);
    if (trap->gva)
        hstatus |= HSTATUS_GVA;
    csr_write(hstatus, hstatus);
    csr_write(htval, trap->tval2);
    csr_write(htinst, trap->tinst);
    csr_clear(mstatus, MSTATUS_MPV);
}

static void to_hs(struct hart *hart, const struct machine_trap *trap, bool virt, bool from_s)
{
    csr_write(sepc, hart->vcpu.user.pc);
    csr_write(scause, trap->cause);
    csr_write(stval, trap->tval);
    csr_write(sstatus, stacked(csr_read(sstatus), from_s));
    if (hart->has_h)
        stack_hypervisor(trap, virt, from_s);
    hart->vcpu.user.pc = csr_read(stvec) & ~STVEC_MODE;
}

void redirect(struct hart *hart, const struct machine_trap *trap)
{
    uint64_t mstatus = csr_read(mstatus);
    bool from_s = (mstatus & MSTATUS_MPP) != 0;
    bool virt = hart->has_h && (mstatus & MSTATUS_MPV) != 0;

    if (virt && ((csr_read(hedeleg) >> trap->cause) & 1) != 0)
        to_vs(hart, trap, from_s);
    else
        to_hs(hart, trap, virt, from_s);
    csr_clear(mstatus, MSTATUS_MPP);
    csr_set(mstatus, MSTATUS_MPP_S);
}
