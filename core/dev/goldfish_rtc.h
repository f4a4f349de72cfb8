/* SPDX-License-Identifier: MIT */
/*
 * The goldfish real-time clock: nanoseconds since 1970, an alarm with an interrupt. Registers of
 * 32 bits as the Goldfish virtual hardware document lists them; as on QEMU's `virt` the clock can
 * be set, and an access of 64 bits reaches two registers.
 */
#ifndef CORE_DEV_GOLDFISH_RTC_H
#define CORE_DEV_GOLDFISH_RTC_H

#include "core/device.h"

#define GOLDFISH_RTC_SIZE 0x1000

struct goldfish_rtc {
    struct device dev;
    uint64_t offset_ns;  /* guest clock minus host wall clock, wrapping */
    uint64_t alarm_ns;   /* guest clock at which the alarm goes off */
    uint32_t time_high;  /* latched by a read of TIME_LOW */
    uint32_t alarm_high; /* takes effect with the next write of ALARM_LOW */
    bool alarm_running, irq_enabled, irq_pending;
};

void goldfish_rtc_init(struct goldfish_rtc *rtc, struct vm *vm, gpa_t base, irq_t irq);

#endif
