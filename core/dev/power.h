/* SPDX-License-Identifier: MIT */
/* The power device `sifive,test1`: 0x5555 off, 0x7777 reset, 0x3333 | code << 16 failure. */
#ifndef CORE_DEV_POWER_H
#define CORE_DEV_POWER_H

#include "core/device.h"

#define POWER_SIZE  0x1000
#define POWER_OFF   0x5555
#define POWER_FAIL  0x3333
#define POWER_RESET 0x7777

struct power {
    struct device dev;
};

void power_init(struct power *power, struct vm *vm, gpa_t base);

#endif
