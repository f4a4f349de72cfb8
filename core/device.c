/* SPDX-License-Identifier: MIT */
/* What devices share: their interrupt line and their alarm. */
#include "core/device.h"

#include "core/vm.h"

void device_irq(struct device *dev, bool level)
{
    struct irqchip *chip = dev->vm->irqchip;

    if (dev->irq != 0 && chip != NULL)
        chip->ops->set_line(chip, dev->irq, level);
}

void device_irq_anew(struct device *dev)
{
    device_irq(dev, false);
    device_irq(dev, true);
}

void device_alarm(struct device *dev, uint64_t deadline)
{
    dev->vm->host->device_timer(dev->vm, dev->index, deadline);
}
