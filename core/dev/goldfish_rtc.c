/* SPDX-License-Identifier: MIT */
/* The goldfish real-time clock, on the host's wall clock and a device alarm in guest time. */
#include "core/dev/goldfish_rtc.h"

#include "core/vm.h"

enum {
    TIME_LOW = 0x00,  /* reading it latches TIME_HIGH */
    TIME_HIGH = 0x04, /* high half at the last read of TIME_LOW */
    ALARM_LOW = 0x08, /* writing it starts the alarm */
    ALARM_HIGH = 0x0c,
    IRQ_ENABLED = 0x10,
    CLEAR_ALARM = 0x14,
    ALARM_STATUS = 0x18, /* 1 while the alarm runs */
    CLEAR_INTERRUPT = 0x1c,
    REGISTERS_END = 0x24, /* beyond it `virt` faults */
};

#define NS_PER_SECOND UINT64_C(1000000000)

/* Longest stretch for which the host is asked at once: ticks of any timebase fit, and the wall
 * clock may be set meanwhile. A callback before the alarm's time asks again. */
#define MAX_WAIT_NS (3600 * NS_PER_SECOND)

static uint64_t clock_ns(const struct goldfish_rtc *rtc)
{
    return rtc->dev.vm->host->wall_ns(rtc->dev.vm) + rtc->offset_ns;
}

static void update_irq(struct goldfish_rtc *rtc)
{
    device_irq(&rtc->dev, rtc->irq_pending && rtc->irq_enabled);
}

static void set_low(uint64_t *word, uint32_t value)
{
    *word = (*word & ~(uint64_t)UINT32_MAX) | value;
}

static void set_high(uint64_t *word, uint32_t value)
{
    *word = (*word & UINT32_MAX) | (uint64_t)value << 32;
}

/* Guest time at which `wait_ns` nanoseconds have passed, rounded up. */
static uint64_t deadline_after(struct vm *vm, uint64_t wait_ns)
{
    uint64_t hz = vm->timebase_hz, now = vm_time(vm);
    uint64_t ticks = wait_ns / NS_PER_SECOND * hz +
                     (wait_ns % NS_PER_SECOND * hz + NS_PER_SECOND - 1) / NS_PER_SECOND;

    return now < UINT64_MAX - ticks ? now + ticks : UINT64_MAX;
}

/* Looks at a running alarm: fires it when its time has come, else asks the host to come back. */
static void check_alarm(struct goldfish_rtc *rtc)
{
    uint64_t now = clock_ns(rtc);

    if (!rtc->alarm_running)
        return;
    if (rtc->alarm_ns > now) {
        uint64_t wait = rtc->alarm_ns - now;
        uint64_t stretch = wait < MAX_WAIT_NS ? wait : MAX_WAIT_NS;
        device_alarm(&rtc->dev, deadline_after(rtc->dev.vm, stretch));
        return;
    }
    rtc->alarm_running = false;
    rtc->irq_pending = true;
    device_alarm(&rtc->dev, UINT64_MAX);
    update_irq(rtc);
}

static void stop_alarm(struct goldfish_rtc *rtc)
{
    rtc->alarm_running = false;
    device_alarm(&rtc->dev, UINT64_MAX);
}

static uint32_t read_register(struct goldfish_rtc *rtc, uint64_t offset)
{
    uint64_t now;

    switch (offset) {
    case TIME_LOW:
        now = clock_ns(rtc);
        rtc->time_high = (uint32_t)(now >> 32);
        return (uint32_t)now;
    case TIME_HIGH:
        return rtc->time_high;
    case ALARM_LOW:
        return (uint32_t)rtc->alarm_ns;
    case ALARM_HIGH:
        return rtc->alarm_high;
    case IRQ_ENABLED:
        return rtc->irq_enabled;
    case ALARM_STATUS:
        return rtc->alarm_running;
    default:
        return 0;
    }
}

/*
 * Either half of the time takes effect at once, in any order. The alarm is compared with the new
 * time only when the low half is written, which drivers do last: a clock with half of it changed
 * may lie far ahead.
 */
static void write_time(struct goldfish_rtc *rtc, uint64_t offset, uint32_t value)
{
    uint64_t now = clock_ns(rtc), time = now;

    if (offset == TIME_LOW)
        set_low(&time, value);
    else
        set_high(&time, value);
    rtc->offset_ns += time - now;
    if (offset == TIME_LOW)
        check_alarm(rtc);
}

static void start_alarm(struct goldfish_rtc *rtc, uint32_t low)
{
    rtc->alarm_ns = (uint64_t)rtc->alarm_high << 32 | low;
    rtc->alarm_running = true;
    check_alarm(rtc);
}

static void write_register(struct goldfish_rtc *rtc, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case TIME_LOW:
    case TIME_HIGH:
        write_time(rtc, offset, value);
        break;
    case ALARM_LOW:
        start_alarm(rtc, value);
        break;
    case ALARM_HIGH:
        rtc->alarm_high = value;
        break;
    case IRQ_ENABLED:
        rtc->irq_enabled = (value & 1) != 0;
        update_irq(rtc);
        break;
    case CLEAR_ALARM:
        stop_alarm(rtc);
        break;
    case CLEAR_INTERRUPT:
        rtc->irq_pending = false;
        update_irq(rtc);
        break;
    }
}

static int rtc_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    if (offset + size > REGISTERS_END)
        return ERR_RANGE;
    *value = read_register(ctx, offset);
    if (size == 8)
        *value |= (uint64_t)read_register(ctx, offset + 4) << 32;
    return 0;
}

/* The low halves are the ones that act, so they come last. */
static int rtc_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset + size > REGISTERS_END)
        return ERR_RANGE;
    if (size == 8)
        write_register(ctx, offset + 4, (uint32_t)(value >> 32));
    write_register(ctx, offset, (uint32_t)value);
    return 0;
}

/* The clock keeps its time. */
static void rtc_reset(struct device *dev)
{
    struct goldfish_rtc *rtc = CONTAINER_OF(dev, struct goldfish_rtc, dev);

    rtc->alarm_ns = 0;
    rtc->time_high = rtc->alarm_high = 0;
    rtc->irq_enabled = rtc->irq_pending = false;
    stop_alarm(rtc);
    update_irq(rtc);
}

static void rtc_timer(struct device *dev)
{
    check_alarm(CONTAINER_OF(dev, struct goldfish_rtc, dev));
}

enum { FLAG_RUNNING = 1 << 0, FLAG_ENABLED = 1 << 1, FLAG_PENDING = 1 << 2, FLAGS = 7 };

static int rtc_save(struct device *dev, struct stream *out)
{
    const struct goldfish_rtc *rtc = CONTAINER_OF(dev, struct goldfish_rtc, dev);
    uint32_t flags = (rtc->alarm_running ? FLAG_RUNNING : 0u) |
                     (rtc->irq_enabled ? FLAG_ENABLED : 0u) |
                     (rtc->irq_pending ? FLAG_PENDING : 0u);

    (void)stream_put_u64(out, rtc->offset_ns);
    (void)stream_put_u64(out, rtc->alarm_ns);
    (void)stream_put_u32(out, rtc->time_high);
    (void)stream_put_u32(out, rtc->alarm_high);
    return stream_put_u32(out, flags);
}

/* Every value of the words is one that a guest could have written; of the flags it is not. */
static int rtc_restore(struct device *dev, struct stream *in)
{
    struct goldfish_rtc *rtc = CONTAINER_OF(dev, struct goldfish_rtc, dev);
    struct goldfish_rtc next = *rtc;
    uint32_t flags;

    (void)stream_get_u64(in, &next.offset_ns);
    (void)stream_get_u64(in, &next.alarm_ns);
    (void)stream_get_u32(in, &next.time_high);
    (void)stream_get_u32(in, &next.alarm_high);
    if (stream_get_u32(in, &flags) != 0)
        return in->error;
    if ((flags & ~(uint32_t)FLAGS) != 0)
        return ERR_INVALID;
    next.alarm_running = (flags & FLAG_RUNNING) != 0;
    next.irq_enabled = (flags & FLAG_ENABLED) != 0;
    next.irq_pending = (flags & FLAG_PENDING) != 0;
    *rtc = next;
    if (!rtc->alarm_running)
        stop_alarm(rtc); /* one that was set before the restore */
    check_alarm(rtc);
    update_irq(rtc);
    return 0;
}

static void rtc_describe(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){.name = "rtc", .compatible = {"google,goldfish-rtc"}};
}

static const struct device_ops rtc_ops = {
    .reset = rtc_reset,
    .save = rtc_save,
    .restore = rtc_restore,
    .describe = rtc_describe,
    .timer = rtc_timer,
};

void goldfish_rtc_init(struct goldfish_rtc *rtc, struct vm *vm, gpa_t base, irq_t irq)
{
    *rtc = (struct goldfish_rtc){.dev = {.ops = &rtc_ops, .irq = irq, .vm = vm}};
    rtc->dev.region = (struct bus_region){
        .base = base,
        .size = GOLDFISH_RTC_SIZE,
        .widths = BUS_32 | BUS_64,
        .name = "goldfish-rtc",
        .ctx = rtc,
        .read = rtc_read,
        .write = rtc_write,
    };
}
