/* SPDX-License-Identifier: MIT */
/* The power device: one register whose writes end the VM or start it again. */
#include "core/dev/power.h"

#include "core/vm.h"

static int power_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    *value = 0;
    return 0;
}

/* The command is in bits 15:0, a failure's code in bits 31:16; a 16-bit write carries code 0. */
static int power_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct power *power = ctx;
    uint32_t code = (uint32_t)(value >> 16) & 0xffff;

    (void)size;
    if (offset != 0)
        return 0;
    switch (value & 0xffff) {
    case POWER_OFF:
        vm_request_stop(power->dev.vm, VM_OFF, 0);
        break;
    case POWER_RESET:
        vm_request_stop(power->dev.vm, VM_RESET_COLD, 0);
        break;
    case POWER_FAIL:
        vm_request_stop(power->dev.vm, VM_FAILED, code);
        break;
    }
    return 0;
}

/* The device has no state. */
static void power_reset(struct device *dev)
{
    (void)dev;
}

static int power_save(struct device *dev, struct stream *out)
{
    (void)dev;
    return out->error;
}

static int power_restore(struct device *dev, struct stream *in)
{
    (void)dev;
    return in->error;
}

static void power_describe(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){
        .name = "test",
        .compatible = {"sifive,test1", "sifive,test0", "syscon"},
    };
}

static const struct device_ops power_ops = {
    .reset = power_reset,
    .save = power_save,
    .restore = power_restore,
    .describe = power_describe,
};

void power_init(struct power *power, struct vm *vm, gpa_t base)
{
    *power = (struct power){.dev = {.ops = &power_ops, .vm = vm}};
    power->dev.region = (struct bus_region){
        .base = base,
        .size = POWER_SIZE,
        .widths = BUS_16 | BUS_32,
        .name = "power",
        .ctx = power,
        .read = power_read,
        .write = power_write,
    };
}
