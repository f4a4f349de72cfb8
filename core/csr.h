/* SPDX-License-Identifier: MIT */
/*
 * The CSR file as a table (csr.def). The dispatcher does every check: existence, privilege,
 * read-only, counter enables, FS off; rows never check.
 */
#ifndef CORE_CSR_H
#define CORE_CSR_H

#include "core/types.h"
#include "core/vcpu.h"

enum csr_number {
#define CSR(number, name, needs, field, shift, rmask, wmask, hook) CSR_##name = number,
#include "core/csr.def"
#undef CSR
};

/* Fields of sstatus (Priv. 12.1.1). */
#define SSTATUS_SIE    (UINT64_C(1) << 1)
#define SSTATUS_SPIE   (UINT64_C(1) << 5)
#define SSTATUS_UBE    (UINT64_C(1) << 6)
#define SSTATUS_SPP    (UINT64_C(1) << 8)
#define SSTATUS_VS     (UINT64_C(3) << 9)
#define SSTATUS_FS     (UINT64_C(3) << 13)
#define SSTATUS_XS     (UINT64_C(3) << 15)
#define SSTATUS_SUM    (UINT64_C(1) << 18)
#define SSTATUS_MXR    (UINT64_C(1) << 19)
#define SSTATUS_UXL    (UINT64_C(3) << 32)
#define SSTATUS_UXL_64 (UINT64_C(2) << 32)
#define SSTATUS_SD     (UINT64_C(1) << 63)

/* FS and VS: Off is 0, Initial 1, Dirty all ones. */
#define SSTATUS_VS_INITIAL (UINT64_C(1) << 9)
#define SSTATUS_FS_INITIAL (UINT64_C(1) << 13)

/* satp (Priv. 12.1.11). */
#define SATP_MODE_SHIFT 60
#define SATP_MODE_BARE  UINT64_C(0)
#define SATP_MODE_SV39  UINT64_C(8)
#define SATP_MODE_SV48  UINT64_C(9)
#define SATP_MODE_SV57  UINT64_C(10)
#define SATP_ASID_SHIFT 44
#define SATP_ASID       UINT64_C(0xffff)
#define SATP_PPN        ((UINT64_C(1) << 44) - 1)

/* senvcfg (Priv. 12.1.10). */
#define SENVCFG_FIOM          (UINT64_C(1) << 0)
#define SENVCFG_CBIE          (UINT64_C(3) << 4)
#define SENVCFG_CBIE_RESERVED (UINT64_C(2) << 4)
#define SENVCFG_CBCFE         (UINT64_C(1) << 6)
#define SENVCFG_CBZE          (UINT64_C(1) << 7)

/* Bits of sstatus and senvcfg that a hart with every extension can write. */
#define SSTATUS_WRITABLE                                                                           \
    (SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_VS | SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR)
#define SENVCFG_WRITABLE (SENVCFG_FIOM | SENVCFG_CBIE | SENVCFG_CBCFE | SENVCFG_CBZE)

#define STVEC_MODE       UINT64_C(3)
#define SCOUNTEREN_ALL   UINT64_C(7) /* CY, TM, IR: cycle, time, instret in this order */

/* vtype (Unpriv. "V", vtype): vill, vma, vta, vsew, vlmul. */
#define VTYPE_VLMUL    UINT64_C(7)
#define VTYPE_VSEW     (UINT64_C(7) << 3)
#define VTYPE_VILL     (UINT64_C(1) << 63)
#define VTYPE_WRITABLE (VTYPE_VILL | UINT64_C(0xff))

/* What an access changed that an engine must act on. */
enum csr_effect {
    CSR_EFFECT_XLATE = 1 << 0, /* satp: translation context */
    CSR_EFFECT_MODE = 1 << 1,  /* sstatus: SUM, MXR, FS or VS */
    CSR_EFFECT_IRQ = 1 << 2,   /* an interrupt may have become deliverable */
    CSR_EFFECT_TIMER = 1 << 3, /* stimecmp; the host has been told */
};

enum csr_op { CSR_OP_READ, CSR_OP_WRITE, CSR_OP_SET, CSR_OP_CLEAR };

/*
 * One Zicsr access in the vCPU's current mode. `op` WRITE replaces, SET and CLEAR change the bits
 * of `value`; READ is csrrs/csrrc with rs1 = x0 (no write, so legal on read-only registers). The
 * old value goes to *old. `effects` receives enum csr_effect bits. Returns 0, or ERR_FORBIDDEN when
 * the instruction is illegal. Priv. 2.1, Unpriv. "Zicsr".
 */
int csr_access(struct vcpu *vcpu, unsigned number, enum csr_op op, uint64_t value, uint64_t *old,
               unsigned *effects) MUST_CHECK;

/*
 * Privileged view without any check of mode: for debuggers, snapshots and engines that load a
 * hart's registers. csr_put runs `value` through the row's WARL mask and hook.
 * ERR_NOT_FOUND when this vCPU has no such register.
 */
int csr_get(struct vcpu *vcpu, unsigned number, uint64_t *value) MUST_CHECK;
int csr_put(struct vcpu *vcpu, unsigned number, uint64_t value) MUST_CHECK;

/*
 * Forces a whole record to legal values: for records that come from outside (a snapshot, a shared
 * page). CSRs as csr_put would one by one, those of an F or V that this vCPU has not to 0, mode,
 * pc, x0, hart id and the exit record to something that core can go on with. Touches the record
 * only: `pending`, the host's timer and the engine are the caller's to bring into line. The version
 * is not looked at.
 */
void csr_sanitize(struct vcpu *vcpu);

/* sstatus with SD computed, as a read returns it. */
uint64_t csr_sstatus(const struct vcpu *vcpu);

/* "sstatus", or NULL when no row has this number. */
const char *csr_name(unsigned number);

/* Walks the rows: the n-th CSR number that this vCPU has, or ERR_NOT_FOUND at the end. */
int csr_nth(const struct vcpu *vcpu, unsigned n);

#endif
