/* SPDX-License-Identifier: MIT */
/*
 * The platform-level interrupt controller, as on QEMU's `virt` board: contexts 2n (M-mode of hart
 * n, inert: it stores what is written and raises nothing) and 2n+1 (S-mode). RISC-V PLIC
 * specification 1.0.0; where `virt` differs the specification wins: a request is never retracted
 * when its line falls, a claim does not look at the threshold, completion needs the enable bit.
 *
 * But for one thing. By the specification a line that stays asserted is a new request after every
 * completion. On `virt` it is none before a device asserts it anew, and kernels live on that whose
 * handlers do not end the cause of an interrupt: that of xv6 never reads the UART's IIR, that of
 * rCore never acknowledges virtio's. They would be interrupted for ever. So such a line is a new
 * request after the first completion only.
 */
#ifndef CORE_DEV_PLIC_H
#define CORE_DEV_PLIC_H

#include "core/device.h"
#include "core/irqchip.h"
#include "core/vm.h"

#define PLIC_SIZE         0x600000
#define PLIC_SOURCES      96 /* as on `virt`: 1..95 exist, 0 does not */
#define PLIC_PRIORITY_MAX 7
#define PLIC_CONTEXTS     (2 * VM_MAX_VCPUS)
#define PLIC_WORDS        ((PLIC_SOURCES + 31) / 32)

struct plic_context {
    uint32_t enable[PLIC_WORDS];
    uint32_t threshold;
};

/* A source's gateway is open while it is neither pending nor claimed; so level & ~claimed &
 * ~repeated is always part of pending, and nothing is pending and claimed at once. */
struct plic {
    struct irqchip chip;
    struct device dev;
    unsigned ncontexts; /* 2 x harts */
    uint32_t priority[PLIC_SOURCES];
    uint32_t level[PLIC_WORDS]; /* lines as the devices drive them */
    uint32_t pending[PLIC_WORDS];
    uint32_t claimed[PLIC_WORDS]; /* claimed by someone, not completed */
    /* Was a request again after completion since the line was last asserted; part of level. */
    uint32_t repeated[PLIC_WORDS];
    struct plic_context context[PLIC_CONTEXTS];
};

/* Also makes the PLIC the VM's irqchip. State is reset, saved and restored as the irqchip's; as a
 * device it has none. nharts <= VM_MAX_VCPUS. */
void plic_init(struct plic *plic, struct vm *vm, gpa_t base, unsigned nharts);

#endif
