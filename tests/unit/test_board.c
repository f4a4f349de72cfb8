/* SPDX-License-Identifier: MIT */
/* The board as its device tree tells it: QEMU's own trees, and what is wrong with changed ones. */
#include <libfdt.h>

#include "core/error.h"
#include "host/metal/board/board.h"
#include "tests/unit/fixture.h"

#define TREE_MOST MIB(2)
#define CPU0      "/cpus/cpu@0"
#define CLINT     "/soc/clint@2000000"
#define PLIC      "/soc/plic@c000000"
#define SERIAL    "/soc/serial@10000000"

struct tree {
    uint8_t blob[TREE_MOST];
    struct board board;
    const char *why;
};

static struct tree *load(const char *name)
{
    struct tree *tree = calloc(1, sizeof(*tree));
    FILE *file = fopen(name, "rb");

    assert_non_null(tree);
    assert_non_null(file);
    assert_true(fread(tree->blob, 1, TREE_MOST, file) > 0);
    fclose(file);
    assert_int_equal(fdt_open_into(tree->blob, tree->blob, TREE_MOST), 0);
    return tree;
}

static int setup(void **state)
{
    *state = load("build/trees/virt.dtb");
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static int read_tree(struct tree *tree)
{
    return board_read(&tree->board, tree->blob, TREE_MOST, &tree->why);
}

static int node(struct tree *tree, const char *path)
{
    int offset = fdt_path_offset(tree->blob, path);

    assert_true(offset >= 0);
    return offset;
}

static void set_cells(struct tree *tree, const char *path, const char *name, unsigned count,
                      const uint32_t *cells)
{
    fdt32_t be[16];

    for (unsigned i = 0; i < count; i++)
        be[i] = cpu_to_fdt32(cells[i]);
    assert_int_equal(fdt_setprop(tree->blob, node(tree, path), name, be, (int)(4 * count)), 0);
}

#define SET(tree, path, name, ...)                                                                 \
    set_cells(tree, path, name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static void set_string(struct tree *tree, const char *path, const char *name, const char *value)
{
    assert_int_equal(fdt_setprop(tree->blob, node(tree, path), name, value, (int)strlen(value) + 1),
                     0);
}

static void remove_property(struct tree *tree, const char *path, const char *name)
{
    assert_int_equal(fdt_delprop(tree->blob, node(tree, path), name), 0);
}

static void virt_is_read_as_qemu_describes_it(void **state)
{
    struct tree *tree = *state;
    struct board *board = &tree->board;

    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(board->timebase_hz, 10000000);
    assert_int_equal(board->nharts, 4);
    assert_int_equal(board->nmemory, 1);
    assert_int_equal(board->memory[0].base, 0x80000000);
    assert_int_equal(board->memory[0].size, MIB(512));
    assert_int_equal(board->uart.kind, UART_16550);
    assert_int_equal(board->uart.base, 0x10000000);
    assert_int_equal(board->uart.irq, 10);
    assert_int_equal(board->plic.base, 0x0c000000);
    assert_int_equal(board->plic.contexts, 8);
    assert_int_equal(board->mtime, 0x0200bff8);
    assert_int_equal(board->power.base, 0x00100000);
    assert_int_equal(board->nvirtio, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(board->virtio[i].base, 0x10001000 + 0x1000 * i);
        assert_int_equal(board->virtio[i].irq, i + 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(board->hart[i].id, i);
        assert_true(board->hart[i].has_mmu);
        assert_int_equal(board->hart[i].plic_m, 2 * i);
        assert_int_equal(board->hart[i].plic_s, 2 * i + 1);
        assert_int_equal(board->hart[i].msip, 0x02000000 + 4 * i);
        assert_int_equal(board->hart[i].mtimecmp, 0x02004000 + 8 * i);
        assert_true(isa_has(&board->hart[i].isa, ISA_C));
    }
}

static void aclint_devices_give_each_hart_its_registers(void **state)
{
    struct tree *tree = load("build/trees/aclint.dtb");

    (void)state;
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.mtime, 0x0200bff8);
    assert_int_equal(tree->board.nmachine, 3);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(tree->board.hart[i].msip, 0x02000000 + 4 * i);
        assert_int_equal(tree->board.hart[i].mtimecmp, 0x02004000 + 8 * i);
    }
    free(tree);
}

static void hart_without_mmu_type_has_no_supervisor_context(void **state)
{
    struct tree *tree = load("build/trees/sifive_u.dtb");
    struct board *board = &tree->board;

    (void)state;
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(board->timebase_hz, 1000000);
    assert_int_equal(board->nharts, 5);
    assert_false(board->hart[0].has_mmu);
    assert_int_equal(board->hart[0].plic_m, 0);
    assert_int_equal(board->hart[0].plic_s, BOARD_NO_CONTEXT);
    assert_true(board->hart[4].has_mmu);
    assert_int_equal(board->hart[4].plic_s, 8);
    assert_int_equal(board->uart.kind, UART_SIFIVE);
    assert_int_equal(board->uart.base, 0x10010000);
    assert_int_equal(board->power.size, 0);
    free(tree);
}

static void harts_are_sorted_and_one_id_counts_once(void **state)
{
    struct tree *tree = *state;

    SET(tree, CPU0, "reg", 7);
    SET(tree, "/cpus/cpu@1", "reg", 3);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.nharts, 3);
    assert_int_equal(tree->board.hart[0].id, 2);
    assert_int_equal(tree->board.hart[1].id, 3);
    assert_int_equal(tree->board.hart[2].id, 7);
    assert_ptr_equal(board_hart(&tree->board, 7), &tree->board.hart[2]);
    assert_null(board_hart(&tree->board, 0));
}

static void disabled_hart_is_left_out(void **state)
{
    struct tree *tree = *state;

    set_string(tree, CPU0, "status", "disabled");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.nharts, 3);
    assert_int_equal(tree->board.hart[0].id, 1);
}

static void device_that_is_disabled_is_left_out(void **state)
{
    struct tree *tree = *state;

    set_string(tree, PLIC, "status", "disabled");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.plic.size, 0);
}

static void extension_list_goes_before_the_isa_string(void **state)
{
    static const char list[] = "i\0m\0zicboz\0smstateen\0xventana";
    struct tree *tree = *state;
    struct board_hart *hart = &tree->board.hart[0];

    assert_int_equal(
        fdt_setprop(tree->blob, node(tree, CPU0), "riscv,isa-extensions", list, sizeof(list)), 0);
    SET(tree, CPU0, "riscv,cboz-block-size", 128);
    assert_int_equal(read_tree(tree), 0);
    assert_true(hart->has_ext_list);
    assert_int_equal(hart->isa.ext, 1u << ISA_I | 1u << ISA_M | UINT64_C(1) << ISA_ZICBOZ);
    assert_int_equal(hart->ext, 1u << BOARD_SMSTATEEN);
    assert_int_equal(hart->isa.cbo_block, 128);
}

static void block_size_that_is_no_power_of_two_is_ignored(void **state)
{
    struct tree *tree = *state;

    SET(tree, CPU0, "riscv,cboz-block-size", 96);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.hart[0].isa.cbo_block, 64);
}

static void hart_with_a_mode_has_the_narrower_ones(void **state)
{
    struct tree *tree = *state;

    set_string(tree, CPU0, "mmu-type", "riscv,sv57");
    set_string(tree, "/cpus/cpu@1", "mmu-type", "riscv,sv39");
    set_string(tree, "/cpus/cpu@2", "mmu-type", "riscv,none");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.hart[0].isa.satp_modes,
                     SATP_MODES_SV39 | SATP_MODES_SV48 | SATP_MODES_SV57);
    assert_int_equal(tree->board.hart[1].isa.satp_modes, SATP_MODES_SV39);
    assert_false(tree->board.hart[2].has_mmu);
}

static uint64_t isa_of(const char *text)
{
    struct board_hart hart = {0};

    board_isa_string(&hart, text);
    return hart.isa.ext;
}

#define EXT(id) (UINT64_C(1) << ISA_##id)

static void isa_string_names_letters_and_then_names_with_underscores(void **state)
{
    (void)state;
    assert_int_equal(isa_of("rv64imac"), EXT(I) | EXT(M) | EXT(A) | EXT(C));
    assert_int_equal(isa_of("rv64ih_sstc_svpbmt"), EXT(I) | EXT(H) | EXT(SSTC) | EXT(SVPBMT));
    assert_int_equal(isa_of("rv64g"),
                     EXT(I) | EXT(M) | EXT(A) | EXT(F) | EXT(D) | EXT(ZICSR) | EXT(ZIFENCEI));
    assert_int_equal(isa_of("rv64imzicsr_zba"), EXT(I) | EXT(M) | EXT(ZICSR) | EXT(ZBA));
    assert_int_equal(isa_of("rv64imasu"), EXT(I) | EXT(M) | EXT(A));
    assert_int_equal(isa_of("rv64i_sstcx_xsstc"), EXT(I));
    assert_int_equal(isa_of("rv32imac"), 0);
    assert_int_equal(isa_of(""), 0);
    assert_int_equal(isa_of("rv64"), 0);
}

static void isa_string_versions_are_skipped(void **state)
{
    (void)state;
    assert_int_equal(isa_of("rv64i2p1m2p0a2_zba1p0_sstc1"),
                     EXT(I) | EXT(M) | EXT(A) | EXT(ZBA) | EXT(SSTC));
}

static void memory_that_wraps_or_is_empty_is_left_out(void **state)
{
    struct tree *tree = *state;

    SET(tree, "/memory@80000000", "reg", 0, 0x80000000, 0, 0);
    assert_int_equal(read_tree(tree), ERR_NOT_FOUND);
    assert_non_null(tree->why);
    SET(tree, "/memory@80000000", "reg", 0xffffffff, 0xfffff000, 0, 0x2000);
    assert_int_equal(read_tree(tree), ERR_NOT_FOUND);
    SET(tree, "/memory@80000000", "reg", 0, 0x80000000, 0); /* cut short */
    assert_int_equal(read_tree(tree), ERR_NOT_FOUND);
}

static void memory_ranges_are_sorted_and_bounded(void **state)
{
    struct tree *tree = *state;

    SET(tree, "/memory@80000000", "reg", 2, 0, 0, 0x1000, 1, 0, 0, 0x1000);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.nmemory, 2);
    assert_int_equal(tree->board.memory[0].base, UINT64_C(1) << 32);
    assert_true(board_is_memory(&tree->board, UINT64_C(2) << 32, 0x1000));
    assert_false(board_is_memory(&tree->board, UINT64_C(2) << 32, 0x1001));
    assert_false(board_is_memory(&tree->board, (UINT64_C(2) << 32) - 1, 1));
    assert_false(board_is_memory(&tree->board, UINT64_C(2) << 32, UINT64_MAX));
}

static void more_ranges_and_devices_than_fit_are_left_out(void **state)
{
    struct tree *tree = *state;
    fdt64_t reg[2 * (BOARD_MAX_RANGES + 4)];
    char name[32];

    for (unsigned i = 0; i < sizeof(reg) / sizeof(reg[0]); i += 2) {
        reg[i] = cpu_to_fdt64(0x100000000 + i * PAGE_SIZE * 4);
        reg[i + 1] = cpu_to_fdt64(PAGE_SIZE);
    }
    fdt_setprop(tree->blob, node(tree, "/memory@80000000"), "reg", reg, sizeof(reg));
    for (unsigned i = 0; i < BOARD_MAX_VIRTIO + 4; i++) {
        snprintf(name, sizeof(name), "/soc/virtio_mmio@%x", 0x30000000 + 0x1000 * i);
        fdt_add_subnode(tree->blob, node(tree, "/soc"), name + 5);
        set_string(tree, name, "compatible", "virtio,mmio");
        SET(tree, name, "reg", 0, 0x30000000 + 0x1000 * i, 0, 0x1000);
    }
    for (unsigned i = 8; i < 8 + BOARD_MAX_HARTS; i++) {
        snprintf(name, sizeof(name), "/cpus/cpu@%x", i);
        fdt_add_subnode(tree->blob, node(tree, "/cpus"), name + 6);
        set_string(tree, name, "device_type", "cpu");
        SET(tree, name, "reg", i);
    }
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.nmemory, BOARD_MAX_RANGES);
    assert_int_equal(tree->board.nvirtio, BOARD_MAX_VIRTIO);
    assert_int_equal(tree->board.nharts, BOARD_MAX_HARTS);
}

static void tree_without_harts_memory_or_timebase_says_which(void **state)
{
    struct tree *tree = *state;

    SET(tree, "/cpus", "timebase-frequency", 0);
    assert_int_equal(read_tree(tree), ERR_NOT_FOUND);
    assert_non_null(strstr(tree->why, "timebase"));
    set_string(tree, "/memory@80000000", "device_type", "memories");
    assert_int_equal(read_tree(tree), ERR_NOT_FOUND);
    assert_non_null(strstr(tree->why, "memory"));
    for (unsigned i = 0; i < 4; i++)
        set_string(tree,
                   (char[]){'/', 'c', 'p', 'u', 's', '/', 'c', 'p', 'u', '@', (char)('0' + i), 0},
                   "status", "disabled");
    assert_int_equal(read_tree(tree), ERR_NOT_FOUND);
    assert_non_null(strstr(tree->why, "/cpus"));
}

static void stdout_path_is_followed_through_aliases_and_options(void **state)
{
    struct tree *tree = *state;

    fdt_add_subnode(tree->blob, node(tree, "/soc"), "serial@20000000");
    set_string(tree, "/soc/serial@20000000", "compatible", "snps,dw-apb-uart");
    SET(tree, "/soc/serial@20000000", "reg", 0, 0x20000000, 0, 0x100);
    SET(tree, "/soc/serial@20000000", "reg-shift", 2);
    SET(tree, "/soc/serial@20000000", "reg-io-width", 4);
    fdt_add_subnode(tree->blob, 0, "aliases");
    set_string(tree, "/aliases", "serial1", "/soc/serial@20000000");
    set_string(tree, "/chosen", "stdout-path", "serial1:115200n8");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.base, 0x20000000);
    assert_int_equal(tree->board.uart.reg_shift, 2);
    assert_int_equal(tree->board.uart.io_width, 4);
    set_string(tree, "/chosen", "stdout-path", "serial7");
    assert_int_equal(read_tree(tree), 0);
    assert_int_not_equal(tree->board.uart.kind, UART_NONE);
}

static void uart_whose_registers_do_not_fit_is_none(void **state)
{
    struct tree *tree = *state;

    SET(tree, SERIAL, "reg-shift", 2);
    SET(tree, SERIAL, "reg", 0, 0x10000000, 0, 0x1f);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
    SET(tree, SERIAL, "reg", 0, 0x10000000, 0, 0x20);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_16550);
    SET(tree, SERIAL, "reg-shift", 70);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
    SET(tree, SERIAL, "reg-shift", 0);
    SET(tree, SERIAL, "reg-io-width", 4); /* would overlap, and be misaligned */
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
    SET(tree, SERIAL, "reg-io-width", 3);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
}

static void clint_that_is_too_small_or_misaligned_is_none(void **state)
{
    struct tree *tree = *state;

    SET(tree, CLINT, "reg", 0, 0x02000000, 0, 0xbfff);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.mtime, 0);
    assert_int_equal(tree->board.hart[0].msip, 0);
    SET(tree, CLINT, "reg", 0, 0x02000004, 0, 0x10000);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.nmachine, 0);
}

/* The last register of the CLINT that is one is number 4094: behind it lies mtime. */
static void harts_beyond_the_registers_of_a_clint_have_none(void **state)
{
    struct tree *tree = *state;
    uint32_t intc = fdt_get_phandle(tree->blob, node(tree, CPU0 "/interrupt-controller"));
    static fdt32_t entries[2 * 4096];

    for (unsigned i = 0; i < 4096; i++) {
        entries[2 * i] = cpu_to_fdt32(i == 4095 ? intc : 0xffffffff);
        entries[2 * i + 1] = cpu_to_fdt32(7);
    }
    fdt_setprop(tree->blob, node(tree, CLINT), "interrupts-extended", entries, sizeof(entries));
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.hart[0].mtimecmp, 0);
}

static void plic_with_more_sources_than_a_plic_has_is_none(void **state)
{
    struct tree *tree = *state;

    SET(tree, PLIC, "riscv,ndev", 1024);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.plic.size, 0);
    SET(tree, PLIC, "riscv,ndev", 1023);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.plic.sources, 1023);
    remove_property(tree, PLIC, "riscv,ndev");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.plic.size, 0);
}

static void plic_context_of_an_unused_interrupt_belongs_to_nobody(void **state)
{
    struct tree *tree = *state;
    uint32_t intc = fdt_get_phandle(tree->blob, node(tree, CPU0 "/interrupt-controller"));

    SET(tree, PLIC, "interrupts-extended", intc, 0xffffffff, 0, 9, intc, 9);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.plic.contexts, 3);
    assert_int_equal(tree->board.hart[0].plic_s, 2);
    assert_int_equal(tree->board.hart[0].plic_m, BOARD_NO_CONTEXT);
}

static void device_behind_a_bus_with_addresses_of_its_own_is_left_out(void **state)
{
    struct tree *tree = *state;

    SET(tree, "/soc", "ranges", 0, 0, 1, 0, 0, 0x40000000);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
    assert_int_equal(tree->board.mtime, 0);
    remove_property(tree, "/soc", "ranges");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
    /* ... nor one behind a bus that only looks innocent */
    fdt_add_subnode(tree->blob, node(tree, "/soc"), "bus");
    assert_int_equal(fdt_setprop_empty(tree->blob, node(tree, "/soc/bus"), "ranges"), 0);
    SET(tree, "/soc/bus", "#address-cells", 2);
    SET(tree, "/soc/bus", "#size-cells", 2);
    fdt_add_subnode(tree->blob, node(tree, "/soc/bus"), "serial@30000000");
    set_string(tree, "/soc/bus/serial@30000000", "compatible", "ns16550a");
    SET(tree, "/soc/bus/serial@30000000", "reg", 0, 0x30000000, 0, 0x100);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.uart.kind, UART_NONE);
}

static void reserved_ranges_of_both_kinds_are_listed(void **state)
{
    struct tree *tree = *state;

    assert_int_equal(fdt_add_mem_rsv(tree->blob, 0x90000000, 0x1000), 0);
    fdt_add_subnode(tree->blob, 0, "reserved-memory");
    SET(tree, "/reserved-memory", "#address-cells", 2);
    SET(tree, "/reserved-memory", "#size-cells", 1);
    fdt_add_subnode(tree->blob, node(tree, "/reserved-memory"), "mmode_resv");
    SET(tree, "/reserved-memory/mmode_resv", "reg", 0, 0x80000000, 0x20000);
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.nreserved, 2);
    assert_int_equal(tree->board.reserved[0].base, 0x80000000);
    assert_int_equal(tree->board.reserved[0].size, 0x20000);
    assert_int_equal(tree->board.reserved[1].base, 0x90000000);
}

static void initrd_and_arguments_are_what_chosen_says(void **state)
{
    struct tree *tree = *state;

    SET(tree, "/chosen", "linux,initrd-start", 0x88000000);
    SET(tree, "/chosen", "linux,initrd-end", 0, 0x88001234);
    set_string(tree, "/chosen", "bootargs", "console=ttyS0");
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.initrd.base, 0x88000000);
    assert_int_equal(tree->board.initrd.size, 0x1234);
    assert_string_equal(tree->board.bootargs, "console=ttyS0");
    SET(tree, "/chosen", "linux,initrd-end", 0x87ffffff);
    fdt_setprop(tree->blob, node(tree, "/chosen"), "bootargs", "abc", 3); /* no zero at the end */
    assert_int_equal(read_tree(tree), 0);
    assert_int_equal(tree->board.initrd.size, 0);
    assert_null(tree->board.bootargs);
}

/* The sanitizers see to it that nothing behind the end is read. */
static void tree_cut_short_anywhere_is_refused(void **state)
{
    struct tree *tree = *state;

    assert_int_equal(fdt_pack(tree->blob), 0);
    size_t size = fdt_totalsize(tree->blob);
    for (size_t length = 0; length < size; length += 1 + length / 16) {
        uint8_t *copy = malloc(length + 1);

        assert_non_null(copy);
        memcpy(copy, tree->blob, length);
        assert_int_equal(board_read(&tree->board, copy, length, &tree->why), ERR_FORMAT);
        free(copy);
    }
    assert_int_equal(board_read(&tree->board, tree->blob, size, &tree->why), 0);
}

#define BOARD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOARD_TEST(virt_is_read_as_qemu_describes_it),
        cmocka_unit_test(aclint_devices_give_each_hart_its_registers),
        cmocka_unit_test(hart_without_mmu_type_has_no_supervisor_context),
        BOARD_TEST(harts_are_sorted_and_one_id_counts_once),
        BOARD_TEST(disabled_hart_is_left_out),
        BOARD_TEST(device_that_is_disabled_is_left_out),
        BOARD_TEST(extension_list_goes_before_the_isa_string),
        BOARD_TEST(block_size_that_is_no_power_of_two_is_ignored),
        BOARD_TEST(hart_with_a_mode_has_the_narrower_ones),
        cmocka_unit_test(isa_string_names_letters_and_then_names_with_underscores),
        cmocka_unit_test(isa_string_versions_are_skipped),
        BOARD_TEST(memory_that_wraps_or_is_empty_is_left_out),
        BOARD_TEST(memory_ranges_are_sorted_and_bounded),
        BOARD_TEST(more_ranges_and_devices_than_fit_are_left_out),
        BOARD_TEST(tree_without_harts_memory_or_timebase_says_which),
        BOARD_TEST(stdout_path_is_followed_through_aliases_and_options),
        BOARD_TEST(uart_whose_registers_do_not_fit_is_none),
        BOARD_TEST(clint_that_is_too_small_or_misaligned_is_none),
        BOARD_TEST(harts_beyond_the_registers_of_a_clint_have_none),
        BOARD_TEST(plic_with_more_sources_than_a_plic_has_is_none),
        BOARD_TEST(plic_context_of_an_unused_interrupt_belongs_to_nobody),
        BOARD_TEST(device_behind_a_bus_with_addresses_of_its_own_is_left_out),
        BOARD_TEST(reserved_ranges_of_both_kinds_are_listed),
        BOARD_TEST(initrd_and_arguments_are_what_chosen_says),
        BOARD_TEST(tree_cut_short_anywhere_is_refused),
    };

    return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
