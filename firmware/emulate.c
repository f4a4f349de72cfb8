/* SPDX-License-Identifier: MIT */
/* Instructions that S-mode may expect to work and that the hart leaves to M-mode. */
#include <string.h>

#include "core/csr.h"
#include "core/insn.h"
#include "core/trap.h"
#include "core/vm.h"
#include "firmware/access.h"
#include "firmware/firmware.h"
#include "firmware/misaligned.h"
#include "host/metal/board/csr.h"

#define CSR_NUMBER_TIME 0xc01u
#define COUNTEREN_TM    (UINT64_C(1) << 1)

static void redirect_fault(struct hart *hart, const struct access_fault *fault, uint64_t cause)
{
    const struct machine_trap trap = {
        .cause = cause, .tval = fault->tval, .tval2 = fault->tval2, .gva = fault->gva != 0};

    redirect(hart, &trap);
}

/* A fetch that fails while its page is taken away is a fetch fault, not a load fault. */
static uint64_t as_fetch(uint64_t cause)
{
    switch (cause) {
    case CAUSE_LOAD_PAGE:
        return CAUSE_INSN_PAGE;
    case CAUSE_LOAD_GUEST_PAGE:
        return CAUSE_INSN_GUEST_PAGE;
    default:
        return CAUSE_INSN_ACCESS;
    }
}

/* The instruction at pc, which may lie on an execute-only page and across two pages. */
static bool fetch(struct hart *hart, uint32_t *raw)
{
    const uint64_t modifiers = MSTATUS_MPRV | SSTATUS_MXR;
    gva_t pc = hart->vcpu.user.pc;
    struct access_fault fault;

    *raw = 0;
    if (access_in(raw, pc, 2, modifiers, &fault, hart->has_h) == 0 &&
        (insn_is_compressed(*raw) ||
         access_in((uint8_t *)raw + 2, pc + 2, 2, modifiers, &fault, hart->has_h) == 0))
        return true;
    redirect_fault(hart, &fault, as_fetch(fault.cause));
    return false;
}

/* csrrs or csrrc, also with an immediate, of `time` that write nothing. */
static bool reads_time(uint32_t raw)
{
    unsigned funct3 = (raw >> 12) & 7, rs1 = (raw >> 15) & 31;

    return (raw & 0x7f) == 0x73 && (funct3 & 2) != 0 && rs1 == 0 && raw >> 20 == CSR_NUMBER_TIME;
}

/* Priv. 12.1.5, 21.2.6: what lies between the instruction and the counter. */
static bool time_is_enabled(const struct hart *hart)
{
    uint64_t mstatus = csr_read(mstatus);

    if ((mstatus & MSTATUS_MPP) == 0 && (csr_read(scounteren) & COUNTEREN_TM) == 0)
        return false;
    return !hart->has_h || (mstatus & MSTATUS_MPV) == 0 ||
           (csr_read(hcounteren) & COUNTEREN_TM) != 0;
}

static uint64_t time_as_seen(const struct hart *hart)
{
    uint64_t time = vm_time(&firmware.vm);

    if (hart->has_h && (csr_read(mstatus) & MSTATUS_MPV) != 0)
        time += csr_read(htimedelta);
    return time;
}

/* mtval may hold the instruction, or 0 (Priv. 3.1.16). */
bool emulate_illegal(struct hart *hart)
{
    uint32_t raw = (uint32_t)csr_read(mtval);

    if (hart->has_time)
        return false;
    if (raw == 0 && !fetch(hart, &raw))
        return true;
    if (!reads_time(raw) || !time_is_enabled(hart))
        return false;
    vcpu_set_x(&hart->vcpu, (raw >> 7) & 31, time_as_seen(hart));
    hart->vcpu.user.pc += 4;
    return true;
}

static int transfer(struct hart *hart, struct exit_mmio *access, struct access_fault *fault)
{
    if (access->write)
        return access_out(access->gva, &access->data, access->size, MSTATUS_MPRV, fault,
                          hart->has_h);
    /* MXR is the interrupted mode's own and stays as it is. */
    return access_in(&access->data, access->gva, access->size, MSTATUS_MPRV, fault, hart->has_h);
}

/* core ends the access in the record: the register, pc. An f register moves on to the hart. */
static void finish(struct hart *hart, const struct exit_mmio *access)
{
    struct vcpu *vcpu = &hart->vcpu;

    vcpu->priv.exit = (struct exit_record){.kind = EXIT_MMIO, .mmio = *access};
    vcpu->priv.exit.mmio.done = 1;
    exit_complete_mmio(vcpu);
    if (!access->write && access->reg_file == EXIT_REG_F) {
        fp_put(access->reg, vcpu->user.f[access->reg]);
        csr_set(mstatus, SSTATUS_FS);
    }
}

bool emulate_misaligned(struct hart *hart, uint64_t address)
{
    struct access_fault fault;
    struct exit_mmio access;
    unsigned source;
    uint32_t raw;

    if (!fetch(hart, &raw))
        return true;
    if (!misaligned_decode(&firmware.vm.isa, raw, address, &access, &source))
        return false;
    if (access.write)
        access.data = access.reg_file == EXIT_REG_F ? fp_get(source) : hart->vcpu.user.x[source];
    if (transfer(hart, &access, &fault) != 0)
        redirect_fault(hart, &fault, fault.cause);
    else
        finish(hart, &access);
    return true;
}
