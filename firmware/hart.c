/* SPDX-License-Identifier: MIT */
/* A hart outside the payload: from boot to its start, stopped, suspended. */
#include "core/csr.h"
#include "core/sbi/hsm.h"
#include "core/trap.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

/* Before core looks whether a suspended hart wakes: what the hart's own registers say. Returns the
 * state that the hart is in. */
static uint32_t bring_in(struct hart *hart)
{
    struct vcpu *vcpu = &hart->vcpu;
    uint32_t hsm = atomic_load(&vcpu->hsm);

    if (hsm == HSM_SUSPENDED) {
        vcpu->priv.sie = csr_read(sie);
        if (hart->has_sstc)
            vcpu->priv.stimecmp = csr_read(stimecmp);
        atomic_fetch_or(&vcpu->pending, csr_read(mip) & (SIP_SSIP | SIP_SEIP));
    }
    return hsm;
}

/* In `pending` SSIP stands only for an IPI that is not in mip yet: a bit that stayed would hide the
 * next one from its sender. */
static void take_out(struct hart *hart)
{
    if (atomic_fetch_and(&hart->vcpu.pending, ~(SIP_SSIP | SIP_SEIP)) & SIP_SSIP)
        csr_set(mip, SIP_SSIP);
}

/* SBI v3.0 table "HSM Hart Start Register State"; the fences that it may have missed. */
static void enter_fresh(struct hart *hart)
{
    csr_write(satp, 0);
    csr_clear(sie, SIP_ALL);
    csr_clear(mstatus, MSTATUS_MPP | MSTATUS_MPV | MSTATUS_MPIE | SSTATUS_SIE);
    csr_set(mstatus, MSTATUS_MPP_S);
    atomic_store(&hart->vcpu.requests, 0);
    __asm__ volatile("sfence.vma\n\tfence.i" : : : "memory");
}

static bool starts_anew(const struct hart *hart, uint32_t was)
{
    return was != HSM_SUSPENDED || hart->vcpu.priv.suspend_retentive == 0;
}

/* A stopped hart keeps nothing that could interrupt it when it is started again. An IPI that comes
 * after the start is still in `pending`, not in mip. */
static void clear_interrupts(void)
{
    csr_clear(sie, SIP_ALL);
    csr_clear(mip, SIP_SSIP);
}

bool hart_wait(struct hart *hart)
{
    if (atomic_load(&hart->vcpu.hsm) != HSM_SUSPENDED)
        clear_interrupts();
    for (;;) {
        if (csr_read(mip) & MIP_MSIP)
            ipi_receive(hart);
        if (csr_read(mip) & csr_read(mie) & MIP_MTIP)
            timer_fire(hart);
        uint32_t was = bring_in(hart);
        bool runs = hsm_settle(&hart->vcpu);
        take_out(hart);
        if (runs && !starts_anew(hart, was))
            return false;
        if (runs) {
            enter_fresh(hart);
            return true;
        }
        __asm__ volatile("wfi" : : : "memory");
    }
}

void hart_main(struct hart *hart)
{
    hart_setup(hart);
    if (!hart->has_pmp)
        say("hart %lu has too little PMP: the firmware's memory is not protected", hart->board->id);
    if (hart_wait(hart))
        hart_enter(hart);
    panic("hart %lu goes on before it was started", hart->board->id);
}
