/* SPDX-License-Identifier: MIT */
/*
 * Access to the CSRs of the hart that executes this, by their names in csr.def, and the fields that
 * core/csr.h does not have. riscv64 only.
 */
#ifndef HOST_METAL_BOARD_CSR_H
#define HOST_METAL_BOARD_CSR_H

#include "core/types.h"

enum hart_csr {
#define CSR(number, name) HART_CSR_##name = number,
#include "host/metal/board/csr.def"
};

#define csr_read(name)                                                                             \
    ({                                                                                             \
        uint64_t read_;                                                                            \
        __asm__ volatile("csrr %0, %1" : "=r"(read_) : "i"(HART_CSR_##name) : "memory");           \
        read_;                                                                                     \
    })
#define csr_write(name, value)                                                                     \
    __asm__ volatile("csrw %0, %1" : : "i"(HART_CSR_##name), "rK"((uint64_t)(value)) : "memory")
#define csr_set(name, bits)                                                                        \
    __asm__ volatile("csrs %0, %1" : : "i"(HART_CSR_##name), "rK"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits)                                                                      \
    __asm__ volatile("csrc %0, %1" : : "i"(HART_CSR_##name), "rK"((uint64_t)(bits)) : "memory")
/* Writes, and returns the old value. */
#define csr_swap(name, value)                                                                      \
    ({                                                                                             \
        uint64_t swapped_;                                                                         \
        __asm__ volatile("csrrw %0, %1, %2"                                                        \
                         : "=r"(swapped_)                                                          \
                         : "i"(HART_CSR_##name), "rK"((uint64_t)(value))                           \
                         : "memory");                                                              \
        swapped_;                                                                                  \
    })

/*
 * Accesses that may trap because the hart has no such CSR: true when it did not. `tvec` is the trap
 * vector of the mode that this runs in, mtvec or stvec; it points behind the access meanwhile.
 * To be called with interrupts off and nothing of value in the trap CSRs (xepc, xcause, xtval,
 * xPP, xPIE), which a trap overwrites.
 */
#define csr_try_read(tvec, name, value)                                                            \
    ({                                                                                             \
        uint64_t vector_, got_ = 0, passed_ = 0;                                                   \
        __asm__ volatile("la %0, 1f\n\t"                                                           \
                         "csrrw %0, %4, %0\n\t"                                                    \
                         "csrr %1, %3\n\t"                                                         \
                         "li %2, 1\n\t"                                                            \
                         ".balign 4\n"                                                             \
                         "1:\tcsrw %4, %0"                                                         \
                         : "=&r"(vector_), "+&r"(got_), "+&r"(passed_)                             \
                         : "i"(HART_CSR_##name), "i"(HART_CSR_##tvec)                              \
                         : "memory");                                                              \
        *(value) = got_;                                                                           \
        passed_ != 0;                                                                              \
    })
#define csr_try_write(tvec, name, value)                                                           \
    ({                                                                                             \
        uint64_t vector_, passed_ = 0;                                                             \
        __asm__ volatile("la %0, 1f\n\t"                                                           \
                         "csrrw %0, %4, %0\n\t"                                                    \
                         "csrw %2, %3\n\t"                                                         \
                         "li %1, 1\n\t"                                                            \
                         ".balign 4\n"                                                             \
                         "1:\tcsrw %4, %0"                                                         \
                         : "=&r"(vector_), "+&r"(passed_)                                          \
                         : "i"(HART_CSR_##name), "r"((uint64_t)(value)), "i"(HART_CSR_##tvec)      \
                         : "memory");                                                              \
        passed_ != 0;                                                                              \
    })

/* mstatus beyond what it shares with sstatus (Priv. 3.1.6). */
#define MSTATUS_MIE       (UINT64_C(1) << 3)
#define MSTATUS_MPIE      (UINT64_C(1) << 7)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP       (UINT64_C(3) << MSTATUS_MPP_SHIFT)
#define MSTATUS_MPP_S     (UINT64_C(1) << MSTATUS_MPP_SHIFT)
#define MSTATUS_MPRV      (UINT64_C(1) << 17)
#define MSTATUS_TVM       (UINT64_C(1) << 20)
#define MSTATUS_TW        (UINT64_C(1) << 21)
#define MSTATUS_TSR       (UINT64_C(1) << 22)
#define MSTATUS_GVA       (UINT64_C(1) << 38)
#define MSTATUS_MPV       (UINT64_C(1) << 39)

/* mip and mie: machine level, and the guest external interrupt. Supervisor bits: core/trap.h. */
#define MIP_MSIP  (UINT64_C(1) << 3)
#define MIP_MTIP  (UINT64_C(1) << 7)
#define MIP_MEIP  (UINT64_C(1) << 11)
#define MIP_SGEIP (UINT64_C(1) << 12)

/* misa: one bit per letter. */
#define MISA(letter) (UINT64_C(1) << ((letter) - 'a'))

/* menvcfg and henvcfg (Priv. 3.1.18, 21.2.5); the low fields are senvcfg's. */
#define ENVCFG_FIOM       (UINT64_C(1) << 0)
#define ENVCFG_CBIE       (UINT64_C(3) << 4)
#define ENVCFG_CBIE_INVAL (UINT64_C(3) << 4) /* cbo.inval invalidates */
#define ENVCFG_CBIE_FLUSH (UINT64_C(1) << 4) /* cbo.inval flushes */
#define ENVCFG_CBCFE      (UINT64_C(1) << 6)
#define ENVCFG_CBZE       (UINT64_C(1) << 7)
#define ENVCFG_ADUE       (UINT64_C(1) << 61)
#define ENVCFG_PBMTE      (UINT64_C(1) << 62)
#define ENVCFG_STCE       (UINT64_C(1) << 63)

/* hstatus (Priv. 21.2.1). */
#define HSTATUS_GVA     (UINT64_C(1) << 6)
#define HSTATUS_SPV     (UINT64_C(1) << 7)
#define HSTATUS_SPVP    (UINT64_C(1) << 8)
#define HSTATUS_HU      (UINT64_C(1) << 9)
#define HSTATUS_VTVM    (UINT64_C(1) << 20)
#define HSTATUS_VTW     (UINT64_C(1) << 21)
#define HSTATUS_VTSR    (UINT64_C(1) << 22)
#define HSTATUS_VSXL_64 (UINT64_C(2) << 32)

/* hgatp (Priv. 21.2.10); modes are numbered as in satp. */
#define HGATP_MODE_SHIFT 60
#define HGATP_VMID_SHIFT 44
#define HGATP_VMID       UINT64_C(0x3fff)
#define HGATP_PPN        ((UINT64_C(1) << 44) - 1)

/* pmpcfg (Priv. 3.7.1), one byte per entry. */
#define PMP_R     UINT64_C(0x01)
#define PMP_W     UINT64_C(0x02)
#define PMP_X     UINT64_C(0x04)
#define PMP_TOR   UINT64_C(0x08)
#define PMP_NAPOT UINT64_C(0x18)
#define PMP_LOCK  UINT64_C(0x80)

#endif
