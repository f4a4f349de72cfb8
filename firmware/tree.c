/* SPDX-License-Identifier: MIT */
/* Changes to the device tree before it is handed on: the firmware's memory is reserved, and harts
 * that cannot run S-mode are disabled. */
#include <libfdt.h>
#include <string.h>

#include "firmware/firmware.h"

#define ROOM 512 /* bytes that the changes take at most */

/* The tree grows where it lies: only into memory that holds nothing known. */
static bool has_room(const struct board_range *tree)
{
    const struct board_range *taken[] = {&firmware.board.initrd, &firmware.own};

    if (!board_is_memory(&firmware.board, tree->base, tree->size))
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++) {
        if (tree->base < taken[i]->base + taken[i]->size &&
            taken[i]->base < tree->base + tree->size)
            return false;
    }
    return true;
}

static int set_cells(void *fdt, int node, const char *name, uint64_t value, int cells)
{
    return cells == 2 ? fdt_appendprop_u64(fdt, node, name, value)
                      : fdt_appendprop_u32(fdt, node, name, (uint32_t)value);
}

/* /reserved-memory, made when there is none, with the cells of the root. */
static int reserved_memory(void *fdt)
{
    int node = fdt_path_offset(fdt, "/reserved-memory");

    if (node != -FDT_ERR_NOTFOUND)
        return node;
    int address_cells = fdt_address_cells(fdt, 0), size_cells = fdt_size_cells(fdt, 0);
    node = fdt_add_subnode(fdt, 0, "reserved-memory");
    if (node < 0 || fdt_setprop_empty(fdt, node, "ranges") != 0 ||
        fdt_setprop_u32(fdt, node, "#address-cells", (uint32_t)address_cells) != 0 ||
        fdt_setprop_u32(fdt, node, "#size-cells", (uint32_t)size_cells) != 0)
        return -FDT_ERR_NOSPACE;
    return node;
}

static int reserve(void *fdt, const struct board_range *range)
{
    int parent = reserved_memory(fdt);

    if (parent < 0)
        return parent;
    int address_cells = fdt_address_cells(fdt, parent), size_cells = fdt_size_cells(fdt, parent);
    int node = fdt_add_subnode(fdt, parent, "mmode_resv");
    if (node < 0)
        return node;
    if (set_cells(fdt, node, "reg", range->base, address_cells) != 0 ||
        set_cells(fdt, node, "reg", range->size, size_cells) != 0 ||
        fdt_setprop_empty(fdt, node, "no-map") != 0)
        return -FDT_ERR_NOSPACE;
    return 0;
}

/* A hart of the tree that was not given to the payload: SBI would not start it. */
static bool is_unusable(const void *fdt, int node)
{
    int length;
    const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &length);
    const char *type = fdt_getprop(fdt, node, "device_type", NULL);
    uint64_t id;

    if (reg == NULL || type == NULL || strcmp(type, "cpu") != 0 || (length != 4 && length != 8))
        return false;
    id = fdt32_to_cpu(reg[0]);
    if (length == 8)
        id = id << 32 | fdt32_to_cpu(reg[1]);
    return id >= VM_MAX_VCPUS || vm_hart(&firmware.vm, (hartid_t)id) == NULL;
}

static int disable_harts(void *fdt)
{
    static const char disabled[] = "disabled";
    int node, error = 0;

    fdt_for_each_subnode(node, fdt, fdt_path_offset(fdt, "/cpus"))
    {
        if (error == 0 && is_unusable(fdt, node))
            error = fdt_setprop(fdt, node, "status", disabled, sizeof(disabled));
    }
    return error;
}

void *tree_hand_on(void *fdt)
{
    struct board_range tree = {(hpa_t)(uintptr_t)fdt, fdt_totalsize(fdt) + ROOM};

    if (!has_room(&tree) || fdt_open_into(fdt, fdt, (int)tree.size) != 0 ||
        reserve(fdt, &firmware.own) != 0 || disable_harts(fdt) != 0)
        return NULL;
    return fdt;
}
