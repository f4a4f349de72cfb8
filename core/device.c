/* SPDX-License-Identifier: MIT */
/* What devices share: their interrupt line. */
#include "core/device.h"

#include "core/vm.h"

void device_irq(struct device *dev, bool level)
{
    struct irqchip *chip = dev->vm->irqchip;

    if (dev->irq != 0 && chip != NULL)
        chip->ops->set_line(chip, dev->irq, level);
}
