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
 * The instruction at pc as the guest would fetch it, by hlvx.hu (Priv. 21.3.1); 16 bits of it when
 * it is a compressed one. False when that faults: the page went away meanwhile. The fault lands
 * behind the access and overwrites the trap CSRs and where sret goes, but no state of the guest's.
 */
static inline bool hlvx_insn(gva_t pc, uint32_t *raw)
{
    uint64_t vector, low = 0, high, passed = 0;

    __asm__ volatile(
        "la %[vector], 2f\n\t"
        "csrrw %[vector], %[stvec], %[vector]\n\t"
        ".insn r 0x73, 4, 0x32, %[low], %[pc], x3\n\t"
        "not %[high], %[low]\n\t"
        "andi %[high], %[high], 3\n\t"
        "bnez %[high], 1f\n\t"
        "addi %[high], %[pc], 2\n\t"
        ".insn r 0x73, 4, 0x32, %[high], %[high], x3\n\t"
        "slli %[high], %[high], 16\n\t"
        "or %[low], %[low], %[high]\n"
        "1:\tli %[passed], 1\n\t"
        ".balign 4\n"
        "2:\tcsrw %[stvec], %[vector]"
        : [vector] "=&r"(vector), [low] "+&r"(low), [high] "=&r"(high), [passed] "+&r"(passed)
        : [pc] "r"(pc), [stvec] "i"(HART_CSR_stvec)
        : "memory");
    *raw = (uint32_t)low;
    return passed != 0;
}

#endif
