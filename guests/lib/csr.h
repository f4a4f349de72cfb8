/* SPDX-License-Identifier: MIT */
/*
 * CSR access for guests, and the few fields that they use, under the privileged specification's
 * names.
 */
#ifndef GUESTS_LIB_CSR_H
#define GUESTS_LIB_CSR_H

#include <stdint.h>

#define csr_read(csr)                                                                              \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("csrr %0, " #csr : "=r"(value_) : : "memory");                            \
        value_;                                                                                    \
    })
#define csr_write(csr, value)                                                                      \
    __asm__ volatile("csrw " #csr ", %0" : : "rK"((uint64_t)(value)) : "memory")
#define csr_set(csr, bits)                                                                         \
    __asm__ volatile("csrs " #csr ", %0" : : "rK"((uint64_t)(bits)) : "memory")
#define csr_clear(csr, bits)                                                                       \
    __asm__ volatile("csrc " #csr ", %0" : : "rK"((uint64_t)(bits)) : "memory")

#define SSTATUS_SIE                  (1UL << 1)
#define SSTATUS_SPIE                 (1UL << 5)
#define SSTATUS_SPP                  (1UL << 8)
#define SSTATUS_FS                   (3UL << 13)
#define SSTATUS_SUM                  (1UL << 18)
#define SSTATUS_MXR                  (1UL << 19)
#define SSTATUS_UXL                  (3UL << 32)
#define SSTATUS_SD                   (1UL << 63)

#define SIE_SSIE                     (1UL << 1)
#define SIE_STIE                     (1UL << 5)
#define SIE_SEIE                     (1UL << 9)

#define SATP_SV39                    (8UL << 60)

#define CAUSE_INTERRUPT              (1UL << 63)
#define CAUSE_SUPERVISOR_SOFTWARE    (CAUSE_INTERRUPT | 1)
#define CAUSE_SUPERVISOR_TIMER       (CAUSE_INTERRUPT | 5)
#define CAUSE_SUPERVISOR_EXTERNAL    (CAUSE_INTERRUPT | 9)
#define CAUSE_FETCH_ACCESS           1
#define CAUSE_ILLEGAL_INSTRUCTION    2
#define CAUSE_BREAKPOINT             3
#define CAUSE_LOAD_MISALIGNED        4
#define CAUSE_LOAD_ACCESS            5
#define CAUSE_STORE_MISALIGNED       6
#define CAUSE_STORE_ACCESS           7
#define CAUSE_ECALL_FROM_U           8
#define CAUSE_INSTRUCTION_PAGE_FAULT 12
#define CAUSE_LOAD_PAGE_FAULT        13
#define CAUSE_STORE_PAGE_FAULT       15

static inline uint64_t rdtime(void)
{
    return csr_read(time);
}

static inline void sfence_vma(void)
{
    __asm__ volatile("sfence.vma" : : : "memory");
}

#endif
