/* SPDX-License-Identifier: MIT */
/* Traps: what one is, which interrupt goes first, how one is delivered, how sret returns. */
#ifndef CORE_TRAP_H
#define CORE_TRAP_H

#include "core/types.h"
#include "core/vcpu.h"

/* Exception codes of scause (Priv. table "Supervisor cause (scause) register values"). */
enum cause {
    CAUSE_INSN_MISALIGNED = 0,
    CAUSE_INSN_ACCESS = 1,
    CAUSE_ILLEGAL_INSN = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9,
    CAUSE_ECALL_VS = 10,
    CAUSE_INSN_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_INSN_GUEST_PAGE = 20,
    CAUSE_LOAD_GUEST_PAGE = 21,
    CAUSE_VIRTUAL_INSN = 22,
    CAUSE_STORE_GUEST_PAGE = 23,
};

#define CAUSE_INTERRUPT (UINT64_C(1) << 63)

/* Interrupt numbers, and the bits they take in sip and sie. */
enum irq_number {
    IRQ_SSI = 1,
    IRQ_VSSI = 2,
    IRQ_STI = 5,
    IRQ_VSTI = 6,
    IRQ_SEI = 9,
    IRQ_VSEI = 10
};

#define SIP_SSIP (UINT64_C(1) << IRQ_SSI)
#define SIP_STIP (UINT64_C(1) << IRQ_STI)
#define SIP_SEIP (UINT64_C(1) << IRQ_SEI)
#define SIP_ALL  (SIP_SSIP | SIP_STIP | SIP_SEIP)

enum trap_target { TRAP_TO_S = 0, TRAP_TO_VS = 1, TRAP_TO_HS = 2 };

struct trap {
    uint64_t cause; /* enum cause, or an interrupt number with CAUSE_INTERRUPT */
    uint64_t tval;
    uint64_t tval2; /* htval: guest-physical address >> 2 */
    uint64_t tinst; /* htinst */
    bool gva;       /* tval holds a guest-virtual address */
    bool virt;      /* V before the trap */
    uint8_t target; /* enum trap_target */
};

/*
 * Delivers a trap to S-mode: sepc, scause, stval, sstatus.SPP/SPIE/SIE, pc from stvec (vectored
 * for interrupts when stvec.MODE is 1), and drops the reservation. Priv. 12.1.1, 12.1.2, 12.1.7-9.
 * Returns 0, or ERR_FORBIDDEN when this is an exception at the trap vector itself with no
 * instruction retired since the last one there: the guest makes no progress and is parked.
 */
int trap_deliver(struct vcpu *vcpu, const struct trap *trap) MUST_CHECK;

/* The interrupt that would be taken now, by the order SEI, SSI, STI (Priv. 12.1.3); 0 for none.
 * Reads `pending`, sie, sstatus.SIE and the mode. */
unsigned trap_pending_interrupt(const struct vcpu *vcpu);

/* Delivers the pending interrupt, if there is one. Returns true when one was delivered. */
bool trap_take_interrupt(struct vcpu *vcpu);

/* The effects of sret on mode, sstatus and pc (Priv. 12.1.1, 3.3.2). The caller has checked that
 * it is legal. */
void trap_sret(struct vcpu *vcpu);

/* "illegal instruction" and so on; never NULL. `cause` as in scause. */
const char *trap_cause_name(uint64_t cause);

#endif
