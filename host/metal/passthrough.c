/* SPDX-License-Identifier: MIT */
/*
 * A device of the board in the VM: its registers in the G-stage, so that no access leaves the
 * guest, and its interrupt from the board's PLIC to the VM's. The source stays claimed at the board
 * until the guest has completed it, as the gateway of a level-triggered line wants it.
 */
#include <libfdt.h>
#include <string.h>

#include "engine/hs/hs.h"
#include "host/metal/grant.h"
#include "host/metal/metal.h"

#define RTC_SIZE 0x1000

static struct passthrough *of_device(const struct device *dev)
{
    return CONTAINER_OF(dev, struct passthrough, dev);
}

/* The guest never comes here: the G-stage has these pages. Core may, for a buffer there. */
static int read_register(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

static int write_register(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

/* The device's own state is out of reach: the guest finds it as it left it. */
static void release(struct passthrough *p)
{
    if (p->held) {
        p->held = false;
        irq_complete(p->irq);
    }
}

static void device_reset(struct device *dev)
{
    release(of_device(dev));
}

static int device_save(struct device *dev, struct stream *out)
{
    (void)dev;
    return out->error != 0 ? out->error : ERR_UNSUPPORTED;
}

static int device_restore(struct device *dev, struct stream *in)
{
    (void)dev;
    return in->error != 0 ? in->error : ERR_UNSUPPORTED;
}

/* As the board's tree has it, but for what would tie it to other nodes there. */
static void describe(const struct device *dev, struct device_node *node)
{
    static const char *const numbers[DEVICE_MAX_PROPS] = {"clock-frequency", "current-speed",
                                                          "reg-shift", "reg-io-width"};
    const struct passthrough *p = of_device(dev);
    const void *fdt = metal.board.fdt;
    int length;

    node->name = p->name;
    for (unsigned i = 0; i < ARRAY_SIZE(node->compatible); i++)
        node->compatible[i] = fdt_stringlist_get(fdt, p->node, "compatible", (int)i, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        const fdt32_t *value = fdt_getprop(fdt, p->node, numbers[i], &length);
        if (value != NULL && length == sizeof(*value))
            node->props[node->nprops++] = (struct device_prop){
                .name = numbers[i], .kind = DEVICE_PROP_U32, .u32 = fdt32_ld(value)};
    }
}

static const struct device_ops passthrough_ops = {
    .reset = device_reset,
    .save = device_save,
    .restore = device_restore,
    .describe = describe,
};

/* The node whose first register lies at `base`, and what it is called. */
static void find_node(struct passthrough *p, hpa_t base)
{
    const void *fdt = metal.board.fdt;
    const char *name = NULL;
    int length, at;

    strcpy(p->name, "device");
    for (p->node = 0; p->node >= 0; p->node = fdt_next_node(fdt, p->node, NULL)) {
        const fdt64_t *reg = fdt_getprop(fdt, p->node, "reg", &length);
        if (reg != NULL && length >= 16 && fdt64_ld(reg) == base)
            break;
    }
    name = fdt_get_name(fdt, p->node, &length);
    for (at = 0; name != NULL && at < length && at < (int)sizeof(p->name) - 1 && name[at] != '@';
         at++)
        p->name[at] = name[at];
    if (at > 0)
        p->name[at] = '\0';
}

/* On the I/O hart. */
static void raise_line(void *arg)
{
    struct passthrough *p = arg;

    vm_lock(p->dev.vm);
    p->held = true;
    device_irq(&p->dev, true);
    vm_unlock(p->dev.vm);
}

/* The guest has served the interrupt. If the device still asserts its line, the board's PLIC says
 * so again. Under the VM lock. */
static void completed(struct irqchip *chip, irq_t irq)
{
    struct guest *guest = guest_of(chip->vm);

    for (unsigned i = 0; i < guest->npassthrough; i++) {
        struct passthrough *p = &guest->passthrough[i];
        if (p->dev.irq == irq && p->held) {
            device_irq(&p->dev, false);
            release(p);
        }
    }
}

static bool is_one_to_one(const struct vm *vm)
{
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        const struct gmem_slot *slot = &vm->mem.slots[i];
        if (slot->size != 0 && slot->gpa != (uintptr_t)slot->host)
            return false;
    }
    return true;
}

/* The UART is the hypervisor's only as long as nobody has been given it. */
static int check_grant(const struct vm *vm, const struct config_passthrough *c, bool uart,
                       const char **why)
{
    struct grant grant = {.board = &metal.board, .one_to_one = is_one_to_one(vm)};

    for (unsigned i = 0; i < metal.ndisks; i++)
        grant_own(&grant, &(struct grant_own){{metal.disk[i].base, PAGE_SIZE},
                                              metal.disk[i].irq,
                                              "a disk of the VM's is there"});
    if (metal.rtc != 0)
        grant_own(&grant,
                  &(struct grant_own){{metal.rtc, RTC_SIZE}, 0, "the hypervisor reads its clock"});
    if (!uart)
        grant_own(&grant, &(struct grant_own){.irq = metal.board.uart.irq});
    return grant_check(&grant, c, why);
}

static bool has_uart(const struct config_passthrough *c)
{
    const struct board_uart *uart = &metal.board.uart;

    return uart->kind != UART_NONE && uart->base < c->base + c->size &&
           c->base < uart->base + uart->size;
}

static bool line_is_free(const struct vm *vm, irq_t irq)
{
    for (unsigned i = 0; i < vm->ndevices; i++) {
        if (irq != 0 && vm->device[i]->irq == irq)
            return false;
    }
    return irq < PLIC_SOURCES;
}

static int map(struct vm *vm, struct passthrough *p, const struct config_passthrough *c,
               const char **why)
{
    if (!line_is_free(vm, c->guest_irq)) {
        *why = "the VM's line for it is taken or does not exist: give trapeze,guest-interrupt";
        return ERR_OVERLAP;
    }
    int error = hs_passthrough(vm, c->guest_base, c->base, c->size);
    if (error == 0)
        error = vm_add_device(vm, &p->dev);
    *why = "the VM has something else at that address, or none such: give trapeze,guest-base";
    if (error == 0 && c->irq != 0) {
        *why = "its interrupt cannot be had from the board's PLIC";
        error = irq_hold(c->irq, raise_line, p);
    }
    return error;
}

int passthrough_add(struct guest *guest, const struct config_passthrough *c)
{
    struct passthrough *p = &guest->passthrough[guest->npassthrough];
    struct vm *vm = &guest->machine.vm;
    bool uart = metal.uart_given || has_uart(c);
    const char *why = NULL;

    find_node(p, c->base);
    p->irq = c->irq;
    p->dev = (struct device){.ops = &passthrough_ops, .irq = c->guest_irq, .vm = vm};
    p->dev.region = (struct bus_region){c->guest_base, c->size,       BUS_ANY, "passthrough", p,
                                        read_register, write_register};
    int error = check_grant(vm, c, uart, &why);
    if (error == 0)
        error = map(vm, p, c, &why);
    if (error != 0) {
        message("passthrough of 0x%llx: %s", (unsigned long long)c->base, why);
        return error;
    }
    metal.uart_given = uart;
    vm->irqchip->completed = completed;
    guest->npassthrough++;
    message("passthrough: the guest has the board's %s at 0x%llx%s", p->name,
            (unsigned long long)c->base,
            c->no_dma ? "; that it does no DMA is as machine.dtb declares, and trusted" : "");
    return 0;
}
