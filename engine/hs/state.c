/* SPDX-License-Identifier: MIT */
/*
 * The guest's registers between the record and the hart. A class of state lies in one of the two:
 * hs_vcpu.loaded says which. x, pc and the mode come back to the record at every exit; the rest
 * stays in the hart until somebody asks for it.
 */
#include "core/csr.h"
#include "core/trap.h"
#include "core/vm.h"
#include "engine/hs/hs.h"
#include "engine/hs/insn.h"
#include "host/metal/board/csr.h"

#define HSTATEEN0_ENVCFG (UINT64_C(1) << 62)
#define FS_CLEAN         (UINT64_C(2) << 13)
#define VS_CLEAN         (UINT64_C(2) << 9)

void hs_set_return(const struct vcpu *vcpu)
{
    csr_set(hstatus, HSTATUS_SPV);
    if (vcpu->priv.mode == PRIV_S)
        csr_set(sstatus, SSTATUS_SPP);
    else
        csr_clear(sstatus, SSTATUS_SPP);
}

/*
 * A guest that is not offered Sstc, on a hart that has it, must not see its timer pending. "Never"
 * is 146 years rather than -1: QEMU 7.2 counts in signed nanoseconds and takes what overflows for
 * the past. Written once, as there each write also clears hvip.VSTIP.
 */
static void stop_timer(const struct hs_vm *hv)
{
    if (hv->features.sstc)
        csr_write(vstimecmp, hv->never);
}

/* docs/hs.md follows this order: what the guest handles itself, what it may use, its clock, its
 * memory. The fences end what another VM or an older table left in the hart. */
static void load_control(struct vcpu *vcpu)
{
    struct hs_vm *hv = vcpu->vm->engine_data;
    struct hs_vcpu *hs = hs_of(vcpu);

    hs->host_stvec = hs_host_vector = csr_read(stvec);
    csr_write(hedeleg, hv->features.hedeleg);
    csr_write(hideleg, HS_HIDELEG);
    csr_write(hcounteren, SCOUNTEREN_ALL);
    csr_write(henvcfg, hv->henvcfg);
    if (hv->features.stateen)
        csr_write(hstateen0, HSTATEEN0_ENVCFG);
    csr_write(htimedelta, hv->time_delta);
    csr_write(hgeie, 0);
    stop_timer(hv);
    csr_write(hvip, 0);
    hs->irq_loaded = 0;
    csr_write(hgatp, hv->hgatp);
    csr_write(hstatus, HSTATUS_VSXL_64 | HSTATUS_SPV);
    hfence_gvma_all();
    hfence_vvma_all();
    fence_i();
}

static void load_csrs(struct vcpu *vcpu)
{
    const struct vcpu_priv *priv = &vcpu->priv;

    csr_write(vsstatus, priv->sstatus);
    csr_write(vsie, priv->sie);
    csr_write(vstvec, priv->stvec);
    csr_write(vsscratch, priv->sscratch);
    csr_write(vsepc, priv->sepc);
    csr_write(vscause, priv->scause);
    csr_write(vstval, priv->stval);
    csr_write(vsatp, priv->satp);
    csr_write(scounteren, priv->scounteren);
    csr_write(senvcfg, priv->senvcfg);
    hs_of(vcpu)->traps = vcpu->traps;
}

/* Beside the registers: an IPI that the guest has not seen goes back to `pending`, and nothing of
 * this guest may wake the hart any more. */
static void get_csrs(struct vcpu *vcpu)
{
    struct vcpu_priv *priv = &vcpu->priv;

    priv->sstatus = csr_read(vsstatus) & ~SSTATUS_SD;
    priv->sie = csr_swap(vsie, 0) & SIP_ALL;
    priv->stvec = csr_read(vstvec);
    priv->sscratch = csr_read(vsscratch);
    priv->sepc = csr_read(vsepc);
    priv->scause = csr_read(vscause);
    priv->stval = csr_read(vstval);
    priv->satp = csr_read(vsatp);
    priv->scounteren = csr_read(scounteren) & SCOUNTEREN_ALL;
    priv->senvcfg = csr_read(senvcfg);
    if ((csr_read(hvip) & HS_HVIP(SIP_SSIP)) != 0) {
        csr_clear(hvip, HS_HVIP(SIP_SSIP));
        atomic_fetch_or(&vcpu->pending, SIP_SSIP);
    }
    stlb_flush(&hs_of(vcpu)->stlb, NULL, NULL);
}

/* Without Sstc for the guest, load_control has seen to vstimecmp. */
void hs_load_timer(struct vcpu *vcpu)
{
    const struct hs_vm *hv = vcpu->vm->engine_data;
    uint64_t deadline = vcpu->priv.stimecmp;

    hs_of(vcpu)->stimecmp = deadline;
    if (hv->sstc)
        csr_write(vstimecmp, deadline < hv->never ? deadline : hv->never);
}

/* FS and VS of sstatus say whether the hart's registers differ from the record: the guest cannot
 * reach them, as it can those of vsstatus (Priv. 21.4.1). */
static void load_f(struct vcpu *vcpu)
{
    if (!isa_has(&vcpu->vm->isa, ISA_F))
        return;
    csr_set(sstatus, SSTATUS_FS);
    hs_f_load(&vcpu->user);
    csr_clear(sstatus, SSTATUS_FS & ~FS_CLEAN);
}

static void get_f(struct vcpu *vcpu)
{
    if (isa_has(&vcpu->vm->isa, ISA_F) && (csr_read(sstatus) & SSTATUS_FS) == SSTATUS_FS)
        hs_f_save(&vcpu->user);
}

static void load_v(struct vcpu *vcpu)
{
    if (!isa_has(&vcpu->vm->isa, ISA_V))
        return;
    csr_set(sstatus, SSTATUS_VS);
    hs_v_load(&vcpu->vec);
    csr_clear(sstatus, SSTATUS_VS & ~VS_CLEAN);
}

static void get_v(struct vcpu *vcpu)
{
    if (isa_has(&vcpu->vm->isa, ISA_V) && (csr_read(sstatus) & SSTATUS_VS) == SSTATUS_VS)
        hs_v_save(&vcpu->vec);
}

static const struct {
    uint32_t class;
    void (*load)(struct vcpu *vcpu);
    void (*get)(struct vcpu *vcpu); /* NULL: the record always has it */
} classes_of[] = {
    {HS_STATE_CONTROL, load_control, NULL},
    {STATE_CSR, load_csrs, get_csrs},
    {STATE_TIMER, hs_load_timer, hs_get_timer},
    {STATE_F, load_f, get_f},
    {STATE_V, load_v, get_v},
    {STATE_X, NULL, NULL},
};

void hs_load(struct vcpu *vcpu)
{
    struct hs_vcpu *hs = hs_of(vcpu);

    for (unsigned i = 0; i < ARRAY_SIZE(classes_of); i++) {
        if ((hs->loaded & classes_of[i].class) == 0 && classes_of[i].load != NULL)
            classes_of[i].load(vcpu);
    }
    hs->loaded = HS_STATE_ALL;
    hs_set_return(vcpu);
}

/* What was fetched is the record's from now on; with everything the vCPU is off the hart. */
int hs_state_get(struct vcpu *vcpu, unsigned classes)
{
    struct hs_vcpu *hs = hs_of(vcpu);

    if ((hs->loaded & STATE_CSR) != 0 && vcpu->traps != hs->traps)
        hs_load_trap(vcpu); /* here the record is newer */
    if ((hs->loaded & STATE_TIMER) != 0 && vcpu->priv.stimecmp != hs->stimecmp)
        hs_load_timer(vcpu);
    for (unsigned i = 0; i < ARRAY_SIZE(classes_of); i++) {
        if ((hs->loaded & classes & classes_of[i].class) != 0 && classes_of[i].get != NULL)
            classes_of[i].get(vcpu);
    }
    hs->loaded &= ~(uint32_t)classes;
    if ((classes & STATE_ALL) == STATE_ALL)
        hs->loaded = 0;
    return 0;
}

int hs_state_put(struct vcpu *vcpu, unsigned classes)
{
    hs_of(vcpu)->loaded &= ~(uint32_t)classes;
    return 0;
}

void hs_get_trap_context(struct vcpu *vcpu)
{
    vcpu->priv.sstatus = csr_read(vsstatus) & ~SSTATUS_SD;
    vcpu->priv.stvec = csr_read(vstvec);
}

/* Core delivered a trap into a record of which only the trap context was current. */
void hs_load_trap(struct vcpu *vcpu)
{
    csr_write(vsstatus, vcpu->priv.sstatus);
    csr_write(vsepc, vcpu->priv.sepc);
    csr_write(vscause, vcpu->priv.scause);
    csr_write(vstval, vcpu->priv.stval);
    hs_of(vcpu)->traps = vcpu->traps;
    hs_set_return(vcpu);
}

/*
 * SSIP moves from `pending` into hvip, where the guest can clear it by itself: what stands in
 * `pending` is then always news, for which whoever sets it kicks. The other two are levels.
 */
void hs_load_interrupts(struct vcpu *vcpu)
{
    struct hs_vcpu *hs = hs_of(vcpu);
    uint64_t pending = atomic_load(&vcpu->pending);
    uint64_t levels = pending & hs->irq_mask & ~SIP_SSIP;

    if (pending & SIP_SSIP) {
        atomic_fetch_and(&vcpu->pending, ~SIP_SSIP);
        csr_set(hvip, HS_HVIP(SIP_SSIP));
    }
    if (levels != hs->irq_loaded) {
        csr_clear(hvip, HS_HVIP(hs->irq_loaded & ~levels));
        csr_set(hvip, HS_HVIP(levels));
        hs->irq_loaded = levels;
    }
}
