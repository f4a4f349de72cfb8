/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controller as an interface. Devices know a line number only. The first
 * implementation is dev/plic; an engine may bring its own (KVM's in-kernel AIA).
 */
#ifndef CORE_IRQCHIP_H
#define CORE_IRQCHIP_H

#include "core/stream.h"
#include "core/types.h"

struct irqchip;
struct vcpu;

struct irqchip_ops {
    void (*reset)(struct irqchip *chip);
    /* Level of a wired line; drives SEIP of the harts through vcpu_set_pending. */
    void (*set_line)(struct irqchip *chip, irq_t irq, bool level);
    /* A message-signalled interrupt; NULL: this chip takes none. */
    int (*send_msi)(struct irqchip *chip, gpa_t address, uint32_t data);
    /* Is there something to claim for this hart? */
    bool (*claimable)(struct irqchip *chip, hartid_t hart);
    /* siselect/sireg/stopei (Smaia); NULL: the registers do not exist. */
    int (*csr)(struct irqchip *chip, struct vcpu *vcpu, unsigned number, uint64_t write,
               uint64_t mask, uint64_t *old);
    int (*save)(struct irqchip *chip, struct stream *out);
    int (*restore)(struct irqchip *chip, struct stream *in);
};

/* All functions run under the VM lock. */
struct irqchip {
    const struct irqchip_ops *ops;
    struct vm *vm;
    /* A hart has completed an interrupt of this line, which may be set from here. For lines that
     * come from outside the VM, whose source waits for it; NULL: nobody asks. */
    void (*completed)(struct irqchip *chip, irq_t irq);
};

#endif
