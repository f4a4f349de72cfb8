/* SPDX-License-Identifier: MIT */
/* Reading a board's device tree: harts, memory, what was chosen. The devices: board_devices.c. */
#include "host/metal/board/board.h"

#include <libfdt.h>
#include <string.h>

#include "core/error.h"
#include "core/fdt.h"
#include "host/metal/board/board_parts.h"

const struct board_hart *board_hart(const struct board *board, uint64_t id)
{
    for (unsigned i = 0; i < board->nharts; i++) {
        if (board->hart[i].id == id)
            return &board->hart[i];
    }
    return NULL;
}

bool board_is_memory(const struct board *board, hpa_t base, uint64_t size)
{
    for (unsigned i = 0; i < board->nmemory; i++) {
        const struct board_range *memory = &board->memory[i];

        if (base - memory->base < memory->size && size <= memory->size - (base - memory->base))
            return true;
    }
    return false;
}

uint64_t board_cells(const fdt32_t *cell, unsigned n)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n; i++)
        value = value << 32 | fdt32_to_cpu(cell[i]);
    return value;
}

bool board_number(const void *fdt, int node, const char *name, uint64_t *value)
{
    int length;
    const fdt32_t *cell = fdt_getprop(fdt, node, name, &length);

    if (cell == NULL || (length != 4 && length != 8))
        return false;
    *value = board_cells(cell, (unsigned)length / 4);
    return true;
}

bool board_reg(const struct board_node *node, unsigned n, struct board_range *range)
{
    unsigned cells = node->address_cells + node->size_cells;
    int length;
    const fdt32_t *cell = fdt_getprop(node->fdt, node->offset, "reg", &length);

    if (cell == NULL || node->address_cells == 0 || node->address_cells > 2 ||
        node->size_cells == 0 || node->size_cells > 2 ||
        (uint64_t)length < (n + UINT64_C(1)) * cells * sizeof(*cell))
        return false;
    cell += (size_t)n * cells;
    range->base = board_cells(cell, node->address_cells);
    range->size = board_cells(cell + node->address_cells, node->size_cells);
    return range->base + range->size > range->base; /* nor is it empty */
}

bool board_enabled(const void *fdt, int node)
{
    const char *status = fdt_stringlist_get(fdt, node, "status", 0, NULL);

    return status == NULL || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

void board_add_range(struct board_range *ranges, unsigned *count, const struct board_range *range)
{
    unsigned at = *count;

    if (*count == BOARD_MAX_RANGES)
        return;
    for (; at > 0 && ranges[at - 1].base > range->base; at--)
        ranges[at] = ranges[at - 1];
    ranges[at] = *range;
    (*count)++;
}

/* Sizes of `reg` of this node's children; libfdt's error for nonsense becomes 0, which board_reg
 * refuses. */
static struct board_node child_of(const void *fdt, int parent, int child)
{
    int address_cells = fdt_address_cells(fdt, parent), size_cells = fdt_size_cells(fdt, parent);

    return (struct board_node){
        .fdt = fdt,
        .offset = child,
        .address_cells = address_cells < 0 ? 0 : (unsigned)address_cells,
        .size_cells = size_cells < 0 ? 0 : (unsigned)size_cells,
    };
}

/* "riscv,sv48" and so on: a hart that has a mode has the narrower ones too (Priv. 12.1.11). */
static void read_mmu(struct board_hart *hart, const void *fdt, int node)
{
    const char *type = fdt_stringlist_get(fdt, node, "mmu-type", 0, NULL);

    if (type == NULL || strncmp(type, "riscv,sv", 8) != 0)
        return;
    hart->has_mmu = true;
    hart->isa.satp_modes = SATP_MODES_SV39;
    if (strcmp(type, "riscv,sv48") == 0 || strcmp(type, "riscv,sv57") == 0)
        hart->isa.satp_modes |= SATP_MODES_SV48;
    if (strcmp(type, "riscv,sv57") == 0)
        hart->isa.satp_modes |= SATP_MODES_SV57;
}

static void read_extensions(struct board_hart *hart, const void *fdt, int node)
{
    int count = fdt_stringlist_count(fdt, node, "riscv,isa-extensions");
    int length;
    const char *name;

    hart->has_ext_list = count > 0;
    for (int i = 0; i < count; i++) {
        name = fdt_stringlist_get(fdt, node, "riscv,isa-extensions", i, &length);
        if (name != NULL)
            board_isa_add(hart, name, (size_t)length);
    }
    if (count <= 0 && (name = fdt_stringlist_get(fdt, node, "riscv,isa", 0, NULL)) != NULL)
        board_isa_string(hart, name);
}

static void read_block_size(struct board_hart *hart, const void *fdt, int node)
{
    uint64_t size;

    if (!board_number(fdt, node, "riscv,cboz-block-size", &size) &&
        !board_number(fdt, node, "riscv,cbom-block-size", &size))
        return;
    if (size >= 8 && size <= PAGE_SIZE && (size & (size - 1)) == 0)
        hart->isa.cbo_block = (uint32_t)size;
}

/* The phandle of the child that is the hart's interrupt controller. */
static uint32_t read_intc(const void *fdt, int node)
{
    int child;

    fdt_for_each_subnode(child, fdt, node)
    {
        if (fdt_node_check_compatible(fdt, child, "riscv,cpu-intc") == 0)
            return fdt_get_phandle(fdt, child);
    }
    return 0;
}

/* Keeps the harts sorted; of two with one id the first stays. */
static void add_hart(struct board *board, const struct board_hart *hart)
{
    unsigned at = board->nharts;

    if (board->nharts == BOARD_MAX_HARTS || board_hart(board, hart->id) != NULL)
        return;
    for (; at > 0 && board->hart[at - 1].id > hart->id; at--)
        board->hart[at] = board->hart[at - 1];
    board->hart[at] = *hart;
    board->nharts++;
}

static void read_hart(struct board *board, const struct board_node *node)
{
    struct board_hart hart = {.plic_m = BOARD_NO_CONTEXT, .plic_s = BOARD_NO_CONTEXT};
    const char *type = fdt_stringlist_get(node->fdt, node->offset, "device_type", 0, NULL);

    if (type == NULL || strcmp(type, "cpu") != 0 || !board_enabled(node->fdt, node->offset) ||
        !board_number(node->fdt, node->offset, "reg", &hart.id))
        return;
    hart.isa.asid_bits = 16;
    hart.isa.cbo_block = 64;
    hart.intc = read_intc(node->fdt, node->offset);
    read_mmu(&hart, node->fdt, node->offset);
    read_extensions(&hart, node->fdt, node->offset);
    read_block_size(&hart, node->fdt, node->offset);
    add_hart(board, &hart);
    if (board->timebase_hz == 0)
        (void)board_number(node->fdt, node->offset, "timebase-frequency", &board->timebase_hz);
}

static void read_harts(struct board *board, const void *fdt)
{
    int cpus = fdt_path_offset(fdt, "/cpus"), child;

    (void)board_number(fdt, cpus, "timebase-frequency", &board->timebase_hz);
    fdt_for_each_subnode(child, fdt, cpus)
    {
        struct board_node node = child_of(fdt, cpus, child);

        read_hart(board, &node);
    }
}

static void read_memory(struct board *board, const void *fdt)
{
    int child;

    fdt_for_each_subnode(child, fdt, 0)
    {
        const char *type = fdt_stringlist_get(fdt, child, "device_type", 0, NULL);
        struct board_node node = child_of(fdt, 0, child);
        struct board_range range;

        if (type == NULL || strcmp(type, "memory") != 0 || !board_enabled(fdt, child))
            continue;
        for (unsigned i = 0; board_reg(&node, i, &range); i++)
            board_add_range(board->memory, &board->nmemory, &range);
    }
}

static void read_reserved(struct board *board, const void *fdt)
{
    int reserved = fdt_path_offset(fdt, "/reserved-memory"), child;
    int count = fdt_num_mem_rsv(fdt);
    struct board_range range;

    for (int i = 0; i < count; i++) {
        if (fdt_get_mem_rsv(fdt, i, &range.base, &range.size) == 0 &&
            range.base + range.size > range.base)
            board_add_range(board->reserved, &board->nreserved, &range);
    }
    fdt_for_each_subnode(child, fdt, reserved)
    {
        struct board_node node = child_of(fdt, reserved, child);

        for (unsigned i = 0; board_enabled(fdt, child) && board_reg(&node, i, &range); i++)
            board_add_range(board->reserved, &board->nreserved, &range);
    }
}

static void read_chosen(struct board *board, const void *fdt)
{
    int chosen = fdt_path_offset(fdt, "/chosen");
    uint64_t start, end;

    board->bootargs = fdt_stringlist_get(fdt, chosen, "bootargs", 0, NULL);
    if (board_number(fdt, chosen, "linux,initrd-start", &start) &&
        board_number(fdt, chosen, "linux,initrd-end", &end) && start < end)
        board->initrd = (struct board_range){.base = start, .size = end - start};
}

/* Frequencies beyond this would overflow where time is computed with. */
#define TIMEBASE_MOST UINT64_C(10000000000)

static int complete(const struct board *board, const char **why)
{
    *why = NULL;
    if (board->nharts == 0)
        *why = "the device tree has no usable node under /cpus";
    else if (board->nmemory == 0)
        *why = "the device tree has no usable memory node";
    else if (board->timebase_hz == 0 || board->timebase_hz > TIMEBASE_MOST)
        *why = "the device tree has no usable /cpus/timebase-frequency";
    return *why == NULL ? 0 : ERR_NOT_FOUND;
}

int board_read(struct board *board, const void *fdt, size_t most, const char **why)
{
    memset(board, 0, sizeof(*board));
    board->fdt = fdt;
    if (!fdt_is_sound(fdt, most)) {
        *why = "there is no sound device tree";
        return ERR_FORMAT;
    }
    read_harts(board, fdt);
    read_memory(board, fdt);
    read_reserved(board, fdt);
    read_chosen(board, fdt);
    board_read_devices(board, fdt);
    return complete(board, why);
}
