/* SPDX-License-Identifier: MIT */
/*
 * Guest-virtual memory as one vCPU sees it now: software TLB, walker and guest memory together.
 * exec and the engines that emulate single instructions use it; so do debuggers.
 */
#ifndef CORE_VMEM_H
#define CORE_VMEM_H

#include "core/mmu.h"
#include "core/trap.h"
#include "core/types.h"

enum vmem_status {
    VMEM_OK = 0,
    VMEM_TRAP, /* *trap is filled; deliver it */
    VMEM_MMIO, /* not RAM: *gpa is filled; nothing was accessed */
};

/* Where one access went. After VMEM_OK only vmem_translate and vmem_walk fill it. */
struct vmem_at {
    void *host;       /* VMEM_OK */
    gpa_t gpa;        /* VMEM_OK and VMEM_MMIO */
    struct trap trap; /* VMEM_TRAP */
};

/* The current context number for the vCPU's stlb: space of satp, and mode, SUM, MXR. */
unsigned vmem_context(struct vcpu *vcpu);

/*
 * Translates [va, va + size), which must lie in one page, for `access` at the vCPU's current
 * privilege; fills the stlb. An access to guest-physical space that is neither RAM nor a device's
 * region is an access fault; a fetch from a device too. With VMEM_OK and MMU_STORE the page is
 * marked dirty, once: whoever fetches the dirty bits flushes the stlb.
 */
enum vmem_status vmem_translate(struct vcpu *vcpu, gva_t va, unsigned size, enum mmu_access access,
                                struct vmem_at *at) MUST_CHECK;

/* The same for one byte at va, by the tables even if the stlb has it; tells the leaf, too, if the
 * tables allow the access (also with VMEM_MMIO). */
enum vmem_status vmem_walk(struct vcpu *vcpu, gva_t va, enum mmu_access access,
                           struct mmu_leaf *leaf, struct vmem_at *at) MUST_CHECK;

/*
 * Loads and stores of 1, 2, 4 or 8 bytes. Misaligned ones are done in RAM, also across pages (both
 * pages are checked before a byte is stored); a misaligned one that touches a device is an access
 * fault. Values are zero-extended. Aligned ones are single-copy atomic.
 */
enum vmem_status vmem_load(struct vcpu *vcpu, gva_t va, unsigned size, uint64_t *value,
                           struct vmem_at *at) MUST_CHECK;
enum vmem_status vmem_store(struct vcpu *vcpu, gva_t va, unsigned size, uint64_t value,
                            struct vmem_at *at) MUST_CHECK;

/* The instruction at pc: 16 or 32 bits, across a page boundary if need be. *raw holds a compressed
 * one zero-extended. Never VMEM_MMIO. An odd pc is an instruction-address-misaligned exception. */
enum vmem_status vmem_fetch(struct vcpu *vcpu, gva_t pc, uint32_t *raw,
                            struct vmem_at *at) MUST_CHECK;

/* sfence.vma on this vCPU's own software TLB; pointers NULL for "all". Ignores the bits of the ASID
 * above ASIDLEN. */
void vmem_flush(struct vcpu *vcpu, const gva_t *va, const uint16_t *asid);

/* The leaf that va leads to, whatever it allows, for debuggers and other onlookers: no A/D update,
 * no privilege check, no stlb. ERR_RANGE if unmapped. */
int vmem_probe(struct vcpu *vcpu, gva_t va, struct mmu_leaf *leaf) MUST_CHECK;

#endif
