/* SPDX-License-Identifier: MIT */
/* The devices of a board's tree, found by their `compatible` anywhere in it. */
#include <string.h>

#include "host/metal/board/board_parts.h"

#define MOST_DEPTH 8

/* CLINT registers (SiFive FU540 manual, ch. 9; RISC-V ACLINT 1.0). */
#define CLINT_MSIP     UINT64_C(0)
#define CLINT_MTIMECMP UINT64_C(0x4000)
#define CLINT_MTIME    UINT64_C(0xbff8)
#define CLINT_SIZE     UINT64_C(0xc000)

/* Interrupts of a hart's own controller (Priv. table "Machine cause register values"). */
enum { INTC_MSI = 3, INTC_MTI = 7, INTC_SEI = 9, INTC_MEI = 11 };

struct device_walk {
    struct board *board;
    struct board_node node;
    int stdout_node; /* libfdt error: none is named */
    bool stdout_read;
};

static struct board_hart *hart_of_intc(struct board *board, uint32_t phandle)
{
    for (unsigned i = 0; i < board->nharts; i++) {
        if (board->hart[i].intc == phandle && phandle != 0)
            return &board->hart[i];
    }
    return NULL;
}

/* The n-th entry of interrupts-extended: which hart (NULL: one that is not used) and which of its
 * interrupts. False behind the last one. */
static bool target(const struct device_walk *walk, unsigned n, struct board_hart **hart,
                   uint32_t *irq)
{
    int length;
    const fdt32_t *cell =
        fdt_getprop(walk->node.fdt, walk->node.offset, "interrupts-extended", &length);

    if (cell == NULL || (uint64_t)length / (2 * sizeof(*cell)) <= n)
        return false;
    *hart = hart_of_intc(walk->board, fdt32_to_cpu(cell[2 * n]));
    *irq = fdt32_to_cpu(cell[2 * n + 1]);
    return true;
}

static void own(struct board *board, const struct board_range *range)
{
    board_add_range(board->machine, &board->nmachine, range);
}

/* The first cell of `interrupts` is the source at the PLIC. */
static irq_t read_irq(const struct board_node *node)
{
    int length;
    const fdt32_t *cell = fdt_getprop(node->fdt, node->offset, "interrupts", &length);

    return cell == NULL || length < (int)sizeof(*cell) ? 0 : fdt32_to_cpu(*cell);
}

/* Gives every hart of interrupts-extended its register: the k-th entry with this interrupt has the
 * k-th one. */
static void place_registers(struct device_walk *walk, uint32_t wanted, hpa_t base, uint64_t size,
                            unsigned width)
{
    struct board_hart *hart;
    uint64_t used = 0;
    uint32_t irq;

    for (unsigned n = 0; target(walk, n, &hart, &irq); n++) {
        if (irq != wanted)
            continue;
        if (size - used < width)
            return;
        if (hart != NULL && wanted == INTC_MSI)
            hart->msip = base + used;
        else if (hart != NULL)
            hart->mtimecmp = base + used;
        used += width;
    }
}

static void read_clint(struct device_walk *walk)
{
    struct board_range range;

    if (!board_reg(&walk->node, 0, &range) || range.size < CLINT_SIZE || range.base % 8 != 0)
        return;
    own(walk->board, &range);
    place_registers(walk, INTC_MSI, range.base + CLINT_MSIP, CLINT_MTIMECMP - CLINT_MSIP, 4);
    place_registers(walk, INTC_MTI, range.base + CLINT_MTIMECMP, CLINT_MTIME - CLINT_MTIMECMP, 8);
    if (walk->board->mtime == 0)
        walk->board->mtime = range.base + CLINT_MTIME;
}

/* reg: mtime, then the mtimecmp registers. */
static void read_mtimer(struct device_walk *walk)
{
    struct board_range time, compare;

    if (!board_reg(&walk->node, 0, &time) || time.size < 8 || time.base % 8 != 0 ||
        !board_reg(&walk->node, 1, &compare) || compare.base % 8 != 0)
        return;
    own(walk->board, &time);
    own(walk->board, &compare);
    place_registers(walk, INTC_MTI, compare.base, compare.size, 8);
    if (walk->board->mtime == 0)
        walk->board->mtime = time.base;
}

static void read_mswi(struct device_walk *walk)
{
    struct board_range range;

    if (!board_reg(&walk->node, 0, &range) || range.base % 4 != 0)
        return;
    own(walk->board, &range);
    place_registers(walk, INTC_MSI, range.base, range.size, 4);
}

/* Contexts beyond this are none (PLIC specification, "Memory Map"). */
#define PLIC_MOST_CONTEXTS 15872

static void read_plic(struct device_walk *walk)
{
    struct board_plic *plic = &walk->board->plic;
    uint64_t sources = 0;
    struct board_range range;
    struct board_hart *hart;
    uint32_t irq;

    if (plic->size != 0 || !board_reg(&walk->node, 0, &range) || range.base % PAGE_SIZE != 0 ||
        !board_number(walk->node.fdt, walk->node.offset, "riscv,ndev", &sources) || sources > 1023)
        return;
    *plic =
        (struct board_plic){.base = range.base, .size = range.size, .sources = (uint32_t)sources};
    while (plic->contexts < PLIC_MOST_CONTEXTS && target(walk, plic->contexts, &hart, &irq)) {
        if (hart != NULL && irq == INTC_MEI)
            hart->plic_m = (int32_t)plic->contexts;
        else if (hart != NULL && irq == INTC_SEI)
            hart->plic_s = (int32_t)plic->contexts;
        plic->contexts++;
    }
}

/* A 16550's registers must all lie in what `reg` names. */
static bool read_16550(const struct board_node *node, struct board_uart *uart)
{
    uint64_t shift = 0, width = 1;

    (void)board_number(node->fdt, node->offset, "reg-shift", &shift);
    (void)board_number(node->fdt, node->offset, "reg-io-width", &width);
    if (shift > 3 || (width != 1 && width != 4) || uart->size >> shift < 8 ||
        (width == 4 && (shift < 2 || uart->base % 4 != 0)))
        return false;
    uart->kind = UART_16550;
    uart->reg_shift = (uint32_t)shift;
    uart->io_width = (uint32_t)width;
    return true;
}

static bool read_sifive(struct board_uart *uart)
{
    if (uart->base % 4 != 0 || uart->size < 0x1c)
        return false;
    uart->kind = UART_SIFIVE;
    return true;
}

/* The one that stdout-path names goes before any other. */
static void read_uart(struct device_walk *walk)
{
    struct board_uart uart = {.irq = read_irq(&walk->node)};
    bool is_stdout = walk->node.offset == walk->stdout_node;
    struct board_range range;

    if ((walk->board->uart.kind != UART_NONE && !is_stdout) || !board_reg(&walk->node, 0, &range))
        return;
    uart.base = range.base;
    uart.size = range.size;
    bool sifive = fdt_node_check_compatible(walk->node.fdt, walk->node.offset, "sifive,uart0") == 0;
    if (sifive ? read_sifive(&uart) : read_16550(&walk->node, &uart))
        walk->board->uart = uart;
}

static void read_virtio(struct device_walk *walk)
{
    struct board *board = walk->board;
    struct board_range range;
    unsigned at = board->nvirtio;

    if (board->nvirtio == BOARD_MAX_VIRTIO || !board_reg(&walk->node, 0, &range) ||
        range.base % 8 != 0 || range.size < 0x200)
        return;
    for (; at > 0 && board->virtio[at - 1].base > range.base; at--)
        board->virtio[at] = board->virtio[at - 1];
    board->virtio[at] =
        (struct board_virtio){.base = range.base, .size = range.size, .irq = read_irq(&walk->node)};
    board->nvirtio++;
}

static void read_power(struct device_walk *walk)
{
    struct board_range range;

    if (walk->board->power.size == 0 && board_reg(&walk->node, 0, &range) && range.size >= 4 &&
        range.base % 4 == 0)
        walk->board->power = range;
}

static const struct {
    const char *compatible;
    void (*read)(struct device_walk *walk);
} devices[] = {
    {"sifive,clint0", read_clint},
    {"riscv,clint0", read_clint},
    {"riscv,aclint-mtimer", read_mtimer},
    {"riscv,aclint-mswi", read_mswi},
    {"sifive,plic-1.0.0", read_plic},
    {"riscv,plic0", read_plic},
    {"ns16550a", read_uart},
    {"ns16550", read_uart},
    {"snps,dw-apb-uart", read_uart},
    {"sifive,uart0", read_uart},
    {"virtio,mmio", read_virtio},
    {"sifive,test1", read_power},
    {"sifive,test0", read_power},
};

static void read_device(struct device_walk *walk)
{
    const void *fdt = walk->node.fdt;
    int length;

    if (fdt_getprop(fdt, walk->node.offset, "compatible", &length) == NULL ||
        !board_enabled(fdt, walk->node.offset))
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        if (fdt_node_check_compatible(fdt, walk->node.offset, devices[i].compatible) == 0) {
            devices[i].read(walk);
            return;
        }
    }
}

/* Addresses below this node are physical ones: it is the root, or a bus with empty `ranges`. */
static bool is_identity(const void *fdt, int node)
{
    int length;

    return fdt_getprop(fdt, node, "ranges", &length) != NULL && length == 0;
}

/* "serial0:115200n8": an alias or a path, and perhaps options. */
static int find_stdout(const void *fdt)
{
    const char *path =
        fdt_stringlist_get(fdt, fdt_path_offset(fdt, "/chosen"), "stdout-path", 0, NULL);
    const char *options;

    if (path == NULL)
        return -FDT_ERR_NOTFOUND;
    options = strchr(path, ':');
    return fdt_path_offset_namelen(fdt, path,
                                   options == NULL ? (int)strlen(path) : (int)(options - path));
}

void board_read_devices(struct board *board, const void *fdt)
{
    struct device_walk walk = {.board = board, .stdout_node = find_stdout(fdt)};
    struct {
        unsigned address_cells, size_cells;
        bool identity;
    } above[MOST_DEPTH + 1] = {{2, 1, true}};
    int depth = 0;

    for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(fdt, node, &depth)) {
        int address_cells = fdt_address_cells(fdt, node), size_cells = fdt_size_cells(fdt, node);

        if (depth > MOST_DEPTH)
            continue;
        walk.node = (struct board_node){.fdt = fdt, .offset = node};
        if (depth > 0 && above[depth - 1].identity) {
            walk.node.address_cells = above[depth - 1].address_cells;
            walk.node.size_cells = above[depth - 1].size_cells;
            read_device(&walk);
        }
        above[depth].address_cells = address_cells < 0 ? 0 : (unsigned)address_cells;
        above[depth].size_cells = size_cells < 0 ? 0 : (unsigned)size_cells;
        above[depth].identity = depth == 0 || (above[depth - 1].identity && is_identity(fdt, node));
    }
}
