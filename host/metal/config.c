/* SPDX-License-Identifier: MIT */
/* Reads machine.dtb with libfdt. The first thing wrong ends it, with a line that names it. */
#include "host/metal/config.h"

#include <libfdt.h>
#include <string.h>

#include "core/fdt.h"

/* The node being read and the first error. */
struct reader {
    const void *fdt;
    int node;
    int error;
    const char *why;
};

static void complain(struct reader *r, int error, const char *why)
{
    if (r->error == 0) {
        r->error = error;
        r->why = why;
    }
}

static bool has(const struct reader *r, const char *name)
{
    return fdt_getprop(r->fdt, r->node, name, NULL) != NULL;
}

/* A property of exactly `size` bytes, or NULL when there is none; another size is an error. */
static const void *sized(struct reader *r, const char *name, int size, const char *why)
{
    int length;
    const void *data = fdt_getprop(r->fdt, r->node, name, &length);

    if (data != NULL && length != size) {
        complain(r, ERR_FORMAT, why);
        return NULL;
    }
    return data;
}

static uint32_t get_u32(struct reader *r, const char *name, uint32_t otherwise, const char *why)
{
    const fdt32_t *data = sized(r, name, 4, why);

    return data != NULL ? fdt32_ld(data) : otherwise;
}

static uint64_t get_u64(struct reader *r, const char *name, uint64_t otherwise, const char *why)
{
    const fdt64_t *data = sized(r, name, 8, why);

    return data != NULL ? fdt64_ld(data) : otherwise;
}

/* One string that ends where the property ends. */
static const char *get_string(struct reader *r, const char *name, const char *why)
{
    int length;
    const char *text = fdt_getprop(r->fdt, r->node, name, &length);

    if (text == NULL)
        return NULL;
    if (length <= 0 || memchr(text, '\0', (size_t)length) != text + length - 1) {
        complain(r, ERR_FORMAT, why);
        return NULL;
    }
    return text;
}

static bool is(const struct reader *r, const char *compatible)
{
    return fdt_node_check_compatible(r->fdt, r->node, compatible) == 0;
}

static void read_disk(struct reader *r, struct config *c, uint32_t *slots)
{
    uint32_t slot = get_u32(r, "reg", UINT32_MAX, "a disk's reg must be one cell: its slot");

    if (r->error == 0 && slot >= MACHINE_MAX_DISKS)
        complain(r, ERR_RANGE, "a disk's reg must be a slot from 0 to 6");
    else if (r->error == 0 && (*slots >> slot & 1) != 0)
        complain(r, ERR_OVERLAP, "two disks have the same reg: give each a slot of its own");
    if (!has(r, "trapeze,board-disk"))
        complain(r, ERR_NOT_FOUND, "a disk lacks trapeze,board-disk");
    uint32_t board_disk =
        get_u32(r, "trapeze,board-disk", 0, "trapeze,board-disk must be one cell");
    if (r->error != 0)
        return;
    *slots |= 1u << slot;
    c->ndisks++;
    c->disk[slot] = (struct config_disk){
        .board_disk = board_disk,
        .read_only = has(r, "read-only"),
        .legacy = has(r, "trapeze,legacy"),
    };
}

static void read_passthrough(struct reader *r, struct config *c)
{
    const fdt64_t *reg = sized(r, "reg", 16, "passthrough: reg must be a 64-bit base and size");
    struct config_passthrough *p = &c->passthrough[c->npassthrough];

    if (r->error == 0 && reg == NULL)
        complain(r, ERR_NOT_FOUND, "passthrough: reg is missing");
    if (c->npassthrough == CONFIG_MAX_PASSTHROUGH)
        complain(r, ERR_NO_MEMORY, "more than 4 passthrough nodes");
    if (r->error != 0)
        return;
    p->base = fdt64_ld(&reg[0]);
    p->size = fdt64_ld(&reg[1]);
    p->guest_base = get_u64(r, "trapeze,guest-base", p->base,
                            "passthrough: trapeze,guest-base must have 64 bits: /bits/ 64");
    p->irq = get_u32(r, "interrupts", 0, "passthrough: interrupts must be one cell");
    p->guest_irq = get_u32(r, "trapeze,guest-interrupt", p->irq,
                           "passthrough: trapeze,guest-interrupt must be one cell");
    p->no_dma = has(r, "trapeze,no-dma");
    if (p->size == 0 || (p->base | p->size | p->guest_base) % PAGE_SIZE != 0)
        complain(r, ERR_INVALID, "passthrough: ranges must be whole pages of 4 KiB");
    else if (p->size > UINT64_MAX - p->base || p->size > UINT64_MAX - p->guest_base)
        complain(r, ERR_RANGE, "passthrough: a range goes beyond the address space");
    if ((p->irq == 0) != (p->guest_irq == 0))
        complain(r, ERR_INVALID, "passthrough: interrupts and its line in the VM go together");
    c->npassthrough++;
}

static void read_children(struct reader *r, struct config *c)
{
    int vm = r->node;
    uint32_t slots = 0;

    for (int child = fdt_first_subnode(r->fdt, vm); child >= 0 && r->error == 0;
         child = fdt_next_subnode(r->fdt, child)) {
        r->node = child;
        if (is(r, "trapeze,disk"))
            read_disk(r, c, &slots);
        else if (is(r, "trapeze,passthrough"))
            read_passthrough(r, c);
        else
            complain(r, ERR_UNSUPPORTED, "the VM has a node that is neither disk nor passthrough");
    }
    r->node = vm;
    if (slots != (1u << c->ndisks) - 1)
        complain(r, ERR_INVALID, "the disks' slots must be 0, 1, ... without a gap");
}

static void read_files(struct reader *r, struct config *c)
{
    static const char why[] = "a property that names a file or gives text is not one string";

    c->name = get_string(r, "trapeze,name", why);
    c->kernel = get_string(r, "trapeze,kernel", why);
    c->initrd = get_string(r, "trapeze,initrd", why);
    c->dtb = get_string(r, "trapeze,dtb", why);
    c->append = get_string(r, "trapeze,append", why);
    c->isa = get_string(r, "trapeze,isa", why);
    c->snapshot = get_string(r, "trapeze,snapshot", why);
    if (r->error == 0 && c->kernel == NULL)
        complain(r, ERR_NOT_FOUND, "trapeze,kernel is missing: name a member of the bundle");
    if (c->name == NULL)
        c->name = "vm";
}

static void read_mmu_type(struct reader *r, struct config *c)
{
    static const char *const types[] = {"riscv,sv39", "riscv,sv48", "riscv,sv57"};
    const char *type = get_string(r, "trapeze,mmu-type", "trapeze,mmu-type is not one string");
    unsigned i = 0;

    if (type == NULL)
        type = "riscv,sv57";
    for (; i < ARRAY_SIZE(types) && strcmp(type, types[i]) != 0; i++)
        c->satp_modes |= 1u << i;
    c->satp_modes |= 1u << i;
    if (i == ARRAY_SIZE(types))
        complain(r, ERR_UNSUPPORTED, "trapeze,mmu-type must be riscv,sv39, sv48 or sv57");
}

static void read_numbers(struct reader *r, struct config *c)
{
    c->memory = get_u64(r, "trapeze,memory", 0, "trapeze,memory must have 64 bits: /bits/ 64");
    c->vcpus = get_u32(r, "trapeze,vcpus", 1, "trapeze,vcpus must be one cell");
    uint32_t sstc = get_u32(r, "trapeze,sstc", 1, "trapeze,sstc must be one cell, 0 or 1");
    uint32_t log = get_u32(r, "trapeze,log", LOG_WARN, "trapeze,log must be one cell");
    if (c->memory == 0 || c->memory % PAGE_SIZE != 0)
        complain(r, ERR_INVALID, "trapeze,memory must be a positive multiple of 4 KiB");
    if (c->vcpus == 0 || c->vcpus > VM_MAX_VCPUS)
        complain(r, ERR_RANGE, "trapeze,vcpus must be from 1 to 64");
    if (sstc > 1)
        complain(r, ERR_RANGE, "trapeze,sstc must be 0 or 1");
    if (log > LOG_TRACE)
        complain(r, ERR_RANGE, "trapeze,log must be from 0 (error) to 4 (trace)");
    c->sstc = sstc != 0;
    c->log = (enum log_level)log;
    c->stats = has(r, "trapeze,stats");
    c->dump_dtb = has(r, "trapeze,dump-dtb");
}

/* The one VM; r->node is the root before and the VM behind. */
static void find_vm(struct reader *r)
{
    int vm = fdt_node_offset_by_compatible(r->fdt, -1, "trapeze,vm");

    if (vm < 0)
        complain(r, ERR_NOT_FOUND, "no node is compatible with trapeze,vm");
    else if (fdt_node_offset_by_compatible(r->fdt, vm, "trapeze,vm") >= 0)
        complain(r, ERR_UNSUPPORTED, "more than one VM: this hypervisor runs one");
    r->node = vm;
}

int config_read(const void *fdt, size_t size, struct config *config, const char **why)
{
    struct reader r = {.fdt = fdt};

    memset(config, 0, sizeof(*config));
    if (!fdt_is_sound(fdt, size))
        complain(&r, ERR_FORMAT, "it is not a flattened device tree: compile it with dtc");
    else if (!is(&r, "trapeze,machine"))
        complain(&r, ERR_FORMAT, "its root is not compatible with trapeze,machine");
    if (r.error == 0) {
        config->selftest = has(&r, "trapeze,selftest");
        find_vm(&r);
    }
    if (r.error == 0) {
        read_files(&r, config);
        read_numbers(&r, config);
        read_mmu_type(&r, config);
        read_children(&r, config);
    }
    *why = r.why;
    return r.error;
}
