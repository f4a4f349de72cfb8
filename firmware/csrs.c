/* SPDX-License-Identifier: MIT */
/*
 * A hart's CSRs as they stay from boot on: what goes to S-mode by itself, and what S-mode may use.
 * Whatever a hart may lack is tried and read back. docs/firmware.md lists them in this order.
 */
#include "core/csr.h"
#include "core/trap.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

#define EXCEPTION(cause) (UINT64_C(1) << (cause))

/* All that S-mode can deal with itself. Not: its own calls, misaligned accesses, which are ours to
 * emulate, and what nobody knows. */
#define DELEGATED                                                                                  \
    (EXCEPTION(CAUSE_INSN_MISALIGNED) | EXCEPTION(CAUSE_INSN_ACCESS) |                             \
     EXCEPTION(CAUSE_BREAKPOINT) | EXCEPTION(CAUSE_LOAD_ACCESS) | EXCEPTION(CAUSE_STORE_ACCESS) |  \
     EXCEPTION(CAUSE_ECALL_U) | EXCEPTION(CAUSE_INSN_PAGE) | EXCEPTION(CAUSE_LOAD_PAGE) |          \
     EXCEPTION(CAUSE_STORE_PAGE))
/* With the hypervisor extension; the other harts have read-only zeros there. */
#define DELEGATED_H                                                                                \
    (EXCEPTION(CAUSE_ECALL_VS) | EXCEPTION(CAUSE_INSN_GUEST_PAGE) |                                \
     EXCEPTION(CAUSE_LOAD_GUEST_PAGE) | EXCEPTION(CAUSE_VIRTUAL_INSN) |                            \
     EXCEPTION(CAUSE_STORE_GUEST_PAGE))

#define IRQ_LCOFI 13 /* Sscofpmf */

static void probe(struct hart *hart)
{
    uint64_t value;

    hart->has_h = (csr_read(misa) & MISA('h')) != 0;
    hart->has_time = csr_try_read(mtvec, time, &value);
}

/* FP and vector state are on for S-mode, MPP and MPV are written when it is entered. */
static void setup_mstatus(void)
{
    csr_clear(mstatus, MSTATUS_MIE | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR |
                           SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR);
    csr_set(mstatus, (UINT64_C(1) << 13) | (UINT64_C(1) << 9)); /* FS, VS: Initial */
}

/* An illegal instruction may be a read of `time` for us to answer. */
static void setup_delegation(struct hart *hart)
{
    uint64_t illegal = hart->has_time ? EXCEPTION(CAUSE_ILLEGAL_INSN) : 0;

    csr_write(medeleg, DELEGATED | DELEGATED_H | illegal);
    csr_write(mideleg, SIP_ALL | UINT64_C(1) << IRQ_LCOFI);
}

/* Svade in the tree promises S-mode page faults where A or D is clear. */
static void setup_menvcfg(struct hart *hart)
{
    uint64_t want = ENVCFG_CBIE_INVAL | ENVCFG_CBCFE | ENVCFG_CBZE | ENVCFG_PBMTE | ENVCFG_STCE;
    uint64_t value;

    if (!csr_try_read(mtvec, menvcfg, &value))
        return;
    if (!isa_has(&hart->board->isa, ISA_SVADE))
        want |= ENVCFG_ADUE;
    csr_write(menvcfg, want);
    /* QEMU 7.2 keeps STCE without Sstc too: only the register itself shows that it is there. */
    hart->has_sstc =
        (csr_read(menvcfg) & ENVCFG_STCE) != 0 && csr_try_write(mtvec, stimecmp, UINT64_MAX);
    if (!hart->has_sstc)
        csr_clear(menvcfg, ENVCFG_STCE);
}

/* S-mode reads all counters that there are, and uses whatever state Smstateen controls. Kernels are
 * in the habit of finding the first counters open to U-mode too. */
static void setup_access(void)
{
    uint64_t value;

    (void)csr_try_write(mtvec, mcounteren, UINT32_MAX);
    (void)csr_try_write(mtvec, mcountinhibit, 0);
    csr_write(scounteren, SCOUNTEREN_ALL);
    if (csr_try_read(mtvec, mstateen0, &value))
        csr_write(mstateen0, UINT64_MAX);
}

void hart_setup(struct hart *hart)
{
    csr_write(mie, 0);
    probe(hart);
    setup_mstatus();
    setup_delegation(hart);
    setup_menvcfg(hart);
    setup_access();
    hart->has_pmp = pmp_setup();
    csr_write(satp, 0);
    csr_clear(mip, SIP_SSIP | SIP_STIP);
    csr_write(mie, MIP_MSIP);
}
