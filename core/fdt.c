/* SPDX-License-Identifier: MIT */
/*
 * The guest's device tree, written in one pass with libfdt's sequential functions.
 * Devicetree Specification 0.4; the bindings are those that Linux documents.
 */
#include "core/fdt.h"

#include <libfdt.h>
#include <string.h>

#include "core/vm.h"

/* Interrupt numbers at a hart's own interrupt controller (Priv. 10.1.3, scause codes). */
#define INTERRUPT_S_EXTERNAL 9
#define INTERRUPT_M_EXTERNAL 11

#define ISA_STRING_MAX       512
#define NODE_NAME_MAX        64

/* The tree being written. The first error sticks, as in struct stream. */
struct tree {
    const struct vm *vm;
    void *fdt;
    int error;
};

/* phandles: hart n's interrupt controller, then the PLIC, then the power device. */
static uint32_t phandle_hart(unsigned hart)
{
    return 1 + hart;
}

static uint32_t phandle_irqchip(const struct vm *vm)
{
    return 1 + vm->nvcpus;
}

static uint32_t phandle_power(const struct vm *vm)
{
    return 2 + vm->nvcpus;
}

static void put(struct tree *t, const char *name, const void *data, size_t length)
{
    if (t->error == 0)
        t->error =
            length > INT32_MAX ? -FDT_ERR_NOSPACE : fdt_property(t->fdt, name, data, (int)length);
}

static void put_empty(struct tree *t, const char *name)
{
    put(t, name, NULL, 0);
}

static void put_u32(struct tree *t, const char *name, uint32_t value)
{
    fdt32_t word = cpu_to_fdt32(value);

    put(t, name, &word, sizeof(word));
}

static void put_u64(struct tree *t, const char *name, uint64_t value)
{
    fdt64_t word = cpu_to_fdt64(value);

    put(t, name, &word, sizeof(word));
}

static void put_string(struct tree *t, const char *name, const char *text)
{
    put(t, name, text, strlen(text) + 1);
}

/* #address-cells = 2, #size-cells = 2 hold wherever this is used. */
static void put_reg(struct tree *t, gpa_t base, uint64_t size)
{
    fdt64_t reg[2] = {cpu_to_fdt64(base), cpu_to_fdt64(size)};

    put(t, "reg", reg, sizeof(reg));
}

static void put_cells(struct tree *t, uint32_t address_cells, uint32_t size_cells)
{
    put_u32(t, "#address-cells", address_cells);
    put_u32(t, "#size-cells", size_cells);
}

static void begin(struct tree *t, const char *name)
{
    if (t->error == 0)
        t->error = fdt_begin_node(t->fdt, name);
}

static void end(struct tree *t)
{
    if (t->error == 0)
        t->error = fdt_end_node(t->fdt);
}

/* prefix, name, "@", unit address in hexadecimal. */
static void unit_name(struct tree *t, const char *prefix, const char *name, uint64_t unit,
                      char out[NODE_NAME_MAX])
{
    size_t before = strlen(prefix), length = strlen(name), digits = 1;

    while (digits < 16 && unit >> (4 * digits) != 0)
        digits++;
    if (before + length + 1 + digits + 1 > NODE_NAME_MAX) {
        t->error = -FDT_ERR_BADVALUE;
        out[0] = '\0';
        return;
    }
    memcpy(out, prefix, before);
    memcpy(out + before, name, length);
    char *at = out + before + length;
    *at++ = '@';
    for (size_t i = digits; i-- > 0;)
        *at++ = "0123456789abcdef"[(unit >> (4 * i)) & 15];
    *at = '\0';
}

static void begin_unit(struct tree *t, const char *name, uint64_t unit)
{
    char full[NODE_NAME_MAX];

    unit_name(t, "", name, unit, full);
    begin(t, full);
}

static void describe(const struct device *dev, struct device_node *node)
{
    memset(node, 0, sizeof(*node));
    dev->ops->describe(dev, node);
}

static bool is_compatible(const struct device_node *node, const char *with)
{
    for (unsigned i = 0; i < ARRAY_SIZE(node->compatible) && node->compatible[i] != NULL; i++) {
        if (strcmp(node->compatible[i], with) == 0)
            return true;
    }
    return false;
}

static void put_stdout(struct tree *t, gpa_t base)
{
    char path[NODE_NAME_MAX];
    struct device_node node;

    for (unsigned i = 0; i < t->vm->ndevices; i++) {
        const struct device *dev = t->vm->device[i];
        if (dev->region.base != base)
            continue;
        describe(dev, &node);
        unit_name(t, "/soc/", node.name, base, path);
        put_string(t, "stdout-path", path);
    }
}

static void put_chosen(struct tree *t, const struct fdt_chosen *chosen)
{
    begin(t, "chosen");
    if (chosen->bootargs != NULL)
        put_string(t, "bootargs", chosen->bootargs);
    if (chosen->initrd_size != 0) {
        put_u64(t, "linux,initrd-start", chosen->initrd);
        put_u64(t, "linux,initrd-end", chosen->initrd + chosen->initrd_size);
    }
    put_stdout(t, chosen->stdout_base);
    if (chosen->has_rng_seed)
        put(t, "rng-seed", chosen->rng_seed, sizeof(chosen->rng_seed));
    end(t);
}

static void put_memory(struct tree *t)
{
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        const struct gmem_slot *slot = &t->vm->mem.slots[i];
        if (slot->size == 0 || (slot->flags & GMEM_READ_ONLY) != 0)
            continue;
        begin_unit(t, "memory", slot->gpa);
        put_string(t, "device_type", "memory");
        put_reg(t, slot->gpa, slot->size);
        end(t);
    }
}

/* Bytes that the names of all extensions take, each with its terminating zero. */
enum {
    ISA_NAMES_SIZE = 0
#define ISA(id, text) +sizeof(text)
#include "core/isa.def"
#undef ISA
};

/* riscv,isa-extensions: the names as strings one after the other. */
static void put_isa_extensions(struct tree *t, const struct isa *isa)
{
    char list[ISA_NAMES_SIZE];
    size_t used = 0;

    for (unsigned ext = 0; ext < ISA_COUNT; ext++) {
        if (!isa_has(isa, (enum isa_ext)ext))
            continue;
        const char *name = isa_name((enum isa_ext)ext);
        memcpy(list + used, name, strlen(name) + 1);
        used += strlen(name) + 1;
    }
    put(t, "riscv,isa-extensions", list, used);
}

static const char *mmu_type(uint32_t satp_modes)
{
    if ((satp_modes & SATP_MODES_SV57) != 0)
        return "riscv,sv57";
    if ((satp_modes & SATP_MODES_SV48) != 0)
        return "riscv,sv48";
    if ((satp_modes & SATP_MODES_SV39) != 0)
        return "riscv,sv39";
    return "riscv,none";
}

static void put_isa(struct tree *t, const struct isa *isa)
{
    char text[ISA_STRING_MAX];

    if (isa_string(isa, text, sizeof(text)) < 0) {
        t->error = -FDT_ERR_BADVALUE;
        return;
    }
    put_string(t, "riscv,isa", text);
    put_string(t, "riscv,isa-base", "rv64i");
    put_isa_extensions(t, isa);
    put_string(t, "mmu-type", mmu_type(isa->satp_modes));
    if (isa_has(isa, ISA_ZICBOM))
        put_u32(t, "riscv,cbom-block-size", isa->cbo_block);
    if (isa_has(isa, ISA_ZICBOZ))
        put_u32(t, "riscv,cboz-block-size", isa->cbo_block);
}

static void put_cpus(struct tree *t)
{
    begin(t, "cpus");
    put_cells(t, 1, 0);
    put_u32(t, "timebase-frequency", (uint32_t)t->vm->timebase_hz);
    for (unsigned hart = 0; hart < t->vm->nvcpus; hart++) {
        begin_unit(t, "cpu", hart);
        put_string(t, "device_type", "cpu");
        put_u32(t, "reg", hart);
        put_string(t, "status", "okay");
        put_string(t, "compatible", "riscv");
        put_isa(t, &t->vm->isa);
        begin(t, "interrupt-controller");
        put_string(t, "compatible", "riscv,cpu-intc");
        put_u32(t, "#address-cells", 0);
        put_u32(t, "#interrupt-cells", 1);
        put_empty(t, "interrupt-controller");
        put_u32(t, "phandle", phandle_hart(hart));
        end(t);
        end(t);
    }
    end(t);
}

static void put_compatible(struct tree *t, const struct device_node *node)
{
    char list[3 * NODE_NAME_MAX];
    size_t used = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(node->compatible) && node->compatible[i] != NULL; i++) {
        size_t length = strlen(node->compatible[i]) + 1;
        if (length > sizeof(list) - used) {
            t->error = -FDT_ERR_BADVALUE;
            return;
        }
        memcpy(list + used, node->compatible[i], length);
        used += length;
    }
    put(t, "compatible", list, used);
}

/* What makes a device the interrupt controller of the others. Contexts 2n and 2n+1 of the PLIC are
 * hart n's M-mode and S-mode, so the list names both lines of each hart in this order. */
static void put_irqchip(struct tree *t)
{
    fdt32_t lines[4 * VM_MAX_VCPUS] = {0};

    for (unsigned hart = 0; hart < t->vm->nvcpus; hart++) {
        lines[4 * hart] = cpu_to_fdt32(phandle_hart(hart));
        lines[4 * hart + 1] = cpu_to_fdt32(INTERRUPT_M_EXTERNAL);
        lines[4 * hart + 2] = lines[4 * hart];
        lines[4 * hart + 3] = cpu_to_fdt32(INTERRUPT_S_EXTERNAL);
    }
    put(t, "interrupts-extended", lines, t->vm->nvcpus * 4 * sizeof(lines[0]));
    put_u32(t, "#address-cells", 0);
    put_u32(t, "#interrupt-cells", 1);
    put_empty(t, "interrupt-controller");
    put_u32(t, "phandle", phandle_irqchip(t->vm));
}

static void put_props(struct tree *t, const struct device_node *node)
{
    for (unsigned i = 0; i < node->nprops && i < DEVICE_MAX_PROPS; i++) {
        const struct device_prop *prop = &node->props[i];
        switch (prop->kind) {
        case DEVICE_PROP_U32:
            put_u32(t, prop->name, prop->u32);
            break;
        case DEVICE_PROP_STRING:
            put_string(t, prop->name, prop->string);
            break;
        case DEVICE_PROP_EMPTY:
            put_empty(t, prop->name);
            break;
        }
    }
}

static void put_device(struct tree *t, const struct device *dev)
{
    struct device_node node;

    describe(dev, &node);
    begin_unit(t, node.name, dev->region.base);
    put_compatible(t, &node);
    put_reg(t, dev->region.base, dev->region.size);
    if (is_compatible(&node, "riscv,plic0"))
        put_irqchip(t);
    if (is_compatible(&node, "syscon"))
        put_u32(t, "phandle", phandle_power(t->vm));
    if (dev->irq != 0) {
        put_u32(t, "interrupts", dev->irq);
        put_u32(t, "interrupt-parent", phandle_irqchip(t->vm));
    }
    put_props(t, &node);
    end(t);
}

static void put_soc(struct tree *t)
{
    begin(t, "soc");
    put_cells(t, 2, 2);
    put_string(t, "compatible", "simple-bus");
    put_empty(t, "ranges");
    for (unsigned i = 0; i < t->vm->ndevices; i++)
        put_device(t, t->vm->device[i]);
    end(t);
}

/* How the guest switches off or resets without the SBI: a word into the power device. */
static void put_syscon(struct tree *t, const char *name, const char *compatible, uint32_t value)
{
    begin(t, name);
    put_string(t, "compatible", compatible);
    put_u32(t, "regmap", phandle_power(t->vm));
    put_u32(t, "offset", 0);
    put_u32(t, "value", value);
    end(t);
}

static void put_power(struct tree *t)
{
    struct device_node node;

    for (unsigned i = 0; i < t->vm->ndevices; i++) {
        describe(t->vm->device[i], &node);
        if (!is_compatible(&node, "syscon"))
            continue;
        put_syscon(t, "poweroff", "syscon-poweroff", 0x5555);
        put_syscon(t, "reboot", "syscon-reboot", 0x7777);
        return;
    }
}

/* Boot loaders edit the tree where it lies, and count on room behind it, as firmware leaves some.
 */
static int leave_room(void *fdt, size_t size)
{
    size_t used = fdt_totalsize(fdt);

    if (used > INT32_MAX - FDT_ROOM || size < used + FDT_ROOM)
        return -FDT_ERR_NOSPACE;
    memset((uint8_t *)fdt + used, 0, FDT_ROOM);
    return fdt_open_into(fdt, fdt, (int)(used + FDT_ROOM));
}

int fdt_build(const struct vm *vm, const struct fdt_chosen *chosen, void *buf, size_t size)
{
    struct tree t = {.vm = vm, .fdt = buf};

    t.error = fdt_create(buf, size > INT32_MAX ? INT32_MAX : (int)size);
    if (t.error == 0)
        t.error = fdt_finish_reservemap(buf);
    begin(&t, "");
    put_cells(&t, 2, 2);
    put_string(&t, "compatible", "riscv-virtio");
    put_string(&t, "model", "riscv-virtio,trapeze");
    put_chosen(&t, chosen);
    put_memory(&t);
    put_cpus(&t);
    put_soc(&t);
    put_power(&t);
    end(&t);
    if (t.error == 0)
        t.error = fdt_finish(buf);
    if (t.error == 0)
        t.error = leave_room(buf, size);
    return t.error == 0 ? (int)fdt_totalsize(buf) : ERR_NO_MEMORY;
}

static int set_chosen(void *fdt, const struct fdt_chosen *chosen)
{
    int node = fdt_subnode_offset(fdt, 0, "chosen");

    if (node == -FDT_ERR_NOTFOUND)
        node = fdt_add_subnode(fdt, 0, "chosen");
    if (node < 0)
        return node;
    size_t length = chosen->bootargs != NULL ? strlen(chosen->bootargs) + 1 : 0;
    if (length > INT32_MAX)
        return -FDT_ERR_NOSPACE;
    int error = 0;
    if (length != 0)
        error = fdt_setprop(fdt, node, "bootargs", chosen->bootargs, (int)length);
    if (error == 0 && chosen->initrd_size != 0)
        error = fdt_setprop_u64(fdt, node, "linux,initrd-start", chosen->initrd);
    if (error == 0 && chosen->initrd_size != 0)
        error =
            fdt_setprop_u64(fdt, node, "linux,initrd-end", chosen->initrd + chosen->initrd_size);
    return error;
}

/* Do names and properties of the structure block end within it? libfdt before 1.7 walks in circles
 * when the length of a property makes its offset wrap. */
static bool tokens_fit(const void *fdt)
{
    const uint8_t *block = (const uint8_t *)fdt + fdt_off_dt_struct(fdt);
    uint64_t size = fdt_size_dt_struct(fdt), at = 0;

    while (at <= size && size - at >= FDT_TAGSIZE) {
        uint32_t tag = fdt32_ld((const fdt32_t *)(block + at));
        at += FDT_TAGSIZE;
        if (tag == FDT_END)
            return true;
        if (tag == FDT_BEGIN_NODE) {
            while (at < size && block[at] != '\0')
                at++;
            at++;
        } else if (tag == FDT_PROP) {
            if (size - at < 8)
                return false;
            at += 8 + (uint64_t)fdt32_ld((const fdt32_t *)(block + at)); /* length, name */
        }
        at = (at + FDT_TAGSIZE - 1) & ~(uint64_t)(FDT_TAGSIZE - 1);
    }
    return false;
}

/* libfdt trusts the fields of versions before 17 too much to be given them; dtc writes 17. */
bool fdt_is_sound(const void *fdt, size_t size)
{
    return size >= sizeof(struct fdt_header) && fdt_magic(fdt) == FDT_MAGIC &&
           fdt_version(fdt) >= 17 && fdt_totalsize(fdt) <= size && fdt_check_header(fdt) == 0 &&
           tokens_fit(fdt) && fdt_check_full(fdt, size) == 0;
}

int fdt_adopt(const void *dtb, size_t dtb_size, const struct fdt_chosen *chosen, void *buf,
              size_t size)
{
    if (dtb_size > size)
        return ERR_NO_MEMORY;
    /* libfdt wants alignment, which a file in memory need not have. */
    memmove(buf, dtb, dtb_size);
    if (!fdt_is_sound(buf, dtb_size))
        return ERR_FORMAT;
    int error = fdt_open_into(buf, buf, size > INT32_MAX ? INT32_MAX : (int)size);
    if (error == 0)
        error = set_chosen(buf, chosen);
    if (error == 0)
        error = fdt_pack(buf);
    if (error == 0)
        error = leave_room(buf, size);
    if (error != 0)
        return error == -FDT_ERR_NOSPACE ? ERR_NO_MEMORY : ERR_FORMAT;
    return (int)fdt_totalsize(buf);
}
