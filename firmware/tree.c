/* SPDX-License-Identifier: MIT */
/* Changes to the device tree before it is handed on: the firmware's memory is reserved, and harts
 * that cannot run S-mode are disabled. */
#include <libfdt.h>
#include <string.h>

#include "firmware/firmware.h"
#include "host/metal/board/board_parts.h"

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

/* A number of one or two cells to the end of `reg`. */
static int append(void *fdt, int node, uint64_t value, int cells)
{
    const fdt32_t cell[2] = {cpu_to_fdt32((uint32_t)(value >> 32)), cpu_to_fdt32((uint32_t)value)};

    return fdt_appendprop(fdt, node, "reg", cell + 2 - cells, 4 * cells);
}

static int reserve(void *fdt, const struct board_range *range)
{
    int parent = reserved_memory(fdt);

    if (parent < 0)
        return parent;
    int address_cells = fdt_address_cells(fdt, parent), size_cells = fdt_size_cells(fdt, parent);
    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2)
        return -FDT_ERR_BADNCELLS;
    int node = fdt_add_subnode(fdt, parent, "mmode_resv");
    if (node < 0)
        return node;
    if (append(fdt, node, range->base, address_cells) != 0 ||
        append(fdt, node, range->size, size_cells) != 0 ||
        fdt_setprop_empty(fdt, node, "no-map") != 0)
        return -FDT_ERR_NOSPACE;
    return 0;
}

/* A hart of the tree that was not given to the payload: SBI would not start it. */
static bool is_unusable(const void *fdt, int node)
{
    const char *type = fdt_getprop(fdt, node, "device_type", NULL);
    uint64_t id;

    if (type == NULL || strcmp(type, "cpu") != 0 || !board_number(fdt, node, "reg", &id))
        return false;
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
