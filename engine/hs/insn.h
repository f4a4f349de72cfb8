/* SPDX-License-Identifier: MIT */
/* The instructions of the H extension, for assemblers that do not know them. */
#ifndef ENGINE_HS_INSN_H
#define ENGINE_HS_INSN_H

#include "core/trap.h"
#include "core/types.h"
#include "host/metal/board/csr.h"

/* hfence.vvma: guest-virtual translations of the VMID in hgatp (Priv. 21.3.2). */
static inline void hfence_vvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" : : : "memory");
}

static inline void hfence_vvma_asid(uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, %0" : : "r"(asid) : "memory");
}

static inline void hfence_vvma_va(gva_t va)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" : : "r"(va) : "memory");
}

static inline void hfence_vvma_va_asid(gva_t va, uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, %1" : : "r"(va), "r"(asid) : "memory");
}

/* hfence.gvma: guest-physical translations, of every VMID. */
static inline void hfence_gvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" : : : "memory");
}

static inline void fence_i(void)
{
    __asm__ volatile("fence.i" : : : "memory");
}

/*
 * The 16 bits that the guest would fetch at va, by hlvx.hu (Priv. 21.3.1). False when that faults:
 * the page went away meanwhile. The fault lands behind the access and overwrites the trap CSRs and
 * where sret goes, but no state of the guest's.
 */
static inline bool hlvx_hu(gva_t va, uint32_t *half)
{
    uint64_t vector, got = 0, passed = 0;

    __asm__ volatile("la %0, 1f\n\t"
                     "csrrw %0, %4, %0\n\t"
                     ".insn r 0x73, 4, 0x32, %1, %3, x3\n\t"
                     "li %2, 1\n\t"
                     ".balign 4\n"
                     "1:\tcsrw %4, %0"
                     : "=&r"(vector), "+&r"(got), "+&r"(passed)
                     : "r"(va), "i"(HART_CSR_stvec)
                     : "memory");
    *half = (uint32_t)got;
    return passed != 0;
}

#endif
