/* SPDX-License-Identifier: MIT */
/* The goldfish real-time clock: nanoseconds since 1970, an alarm with an interrupt. */
#ifndef CORE_DEV_GOLDFISH_RTC_H
#define CORE_DEV_GOLDFISH_RTC_H

#include "core/device.h"

#define GOLDFISH_RTC_SIZE 0x1000

struct goldfish_rtc {
    struct device dev;
    unsigned timer_id;  /* of host_ops.device_timer */
    uint64_t offset_ns; /* guest clock minus host wall clock, wrapping */
    uint64_t alarm_ns;
    uint32_t time_high; /* latched by a read of TIME_LOW */
    uint32_t set_high;  /* written TIME_HIGH, used by the next TIME_LOW */
    uint32_t alarm_high;
    bool alarm_running, irq_enabled, irq_pending;
};

void goldfish_rtc_init(struct goldfish_rtc *rtc, struct vm *vm, gpa_t base, irq_t irq);

/* From vm_device_timer. */
void goldfish_rtc_alarm(struct goldfish_rtc *rtc);

#endif
