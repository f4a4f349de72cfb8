/* SPDX-License-Identifier: MIT */
/* The device tree, read back with libfdt and compared with the VM that it describes. Devicetree
 * Specification 0.4; Linux bindings riscv/cpus, riscv/extensions,
 * interrupt-controller/sifive,plic-1.0.0, power/reset/syscon-poweroff. */
#include "core/fdt.h"

#include <libfdt.h>

#include "tests/unit/fixture.h"

#define UART_BASE UINT64_C(0x10000000)

/* ---- a VM with devices that do nothing but describe themselves ---- */

static void describe_uart(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){
        .name = "serial",
        .compatible = {"ns16550a"},
        .props = {{"clock-frequency", DEVICE_PROP_U32, 3686400, NULL},
                  {"label", DEVICE_PROP_STRING, 0, "console"},
                  {"big-thing", DEVICE_PROP_EMPTY, 0, NULL}},
        .nprops = 3,
    };
}

static void describe_plic(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){.name = "interrupt-controller",
                                 .compatible = {"sifive,plic-1.0.0", "riscv,plic0"}};
}

static void describe_power(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){.name = "test",
                                 .compatible = {"sifive,test1", "sifive,test0", "syscon"}};
}

static const struct device_ops uart_ops = {.describe = describe_uart};
static const struct device_ops plic_ops = {.describe = describe_plic};
static const struct device_ops power_ops = {.describe = describe_power};

static int no_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

static int no_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

static struct device uart, plic, power;

static void add_device(struct vm *vm, struct device *dev, const struct device_ops *ops, gpa_t base,
                       uint64_t size, irq_t irq)
{
    *dev = (struct device){.ops = ops,
                           .region = {.base = base,
                                      .size = size,
                                      .widths = BUS_32,
                                      .read = no_read,
                                      .write = no_write},
                           .irq = irq};
    assert_int_equal(vm_add_device(vm, dev), 0);
}

static _Alignas(8) uint8_t tree[FDT_MAX_SIZE];

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;

    add_device(&f->vm, &power, &power_ops, 0x100000, 0x1000, 0);
    add_device(&f->vm, &plic, &plic_ops, 0x0c000000, 0x600000, 0);
    add_device(&f->vm, &uart, &uart_ops, UART_BASE, 0x100, 10);
    return 0;
}

static void build(void **state, const struct fdt_chosen *chosen)
{
    struct fixture *f = *state;
    int size = fdt_build(&f->vm, chosen, tree, sizeof(tree));

    assert_true(size > 0);
    assert_int_equal(fdt_check_full(tree, (size_t)size), 0);
    assert_int_equal(fdt_totalsize(tree), size);
}

static void build_plain(void **state)
{
    build(state, &(struct fdt_chosen){.stdout_base = UART_BASE});
}

/* ---- reading back ---- */

static int node_at(const char *path)
{
    int node = fdt_path_offset(tree, path);

    if (node < 0)
        fail_msg("there is no node %s", path);
    return node;
}

static const void *prop(const char *path, const char *name, int length)
{
    int found;
    const void *data = fdt_getprop(tree, node_at(path), name, &found);

    if (data == NULL)
        fail_msg("%s has no %s", path, name);
    if (length >= 0)
        assert_int_equal(found, length);
    return data;
}

static bool has_prop(const char *path, const char *name)
{
    return fdt_getprop(tree, node_at(path), name, NULL) != NULL;
}

static uint32_t cell(const char *path, const char *name, unsigned index)
{
    return fdt32_ld((const fdt32_t *)prop(path, name, -1) + index);
}

static uint32_t u32(const char *path, const char *name)
{
    return fdt32_ld(prop(path, name, 4));
}

static uint64_t u64(const char *path, const char *name)
{
    return fdt64_ld(prop(path, name, 8));
}

static void assert_text(const char *path, const char *name, const char *text)
{
    assert_string_equal(prop(path, name, (int)strlen(text) + 1), text);
}

static void assert_reg(const char *path, uint64_t base, uint64_t size)
{
    const fdt64_t *reg = prop(path, "reg", 16);

    assert_int_equal(fdt64_ld(&reg[0]), base);
    assert_int_equal(fdt64_ld(&reg[1]), size);
}

/* The n-th of the strings in a list, NULL behind the last. */
static const char *string_n(const char *path, const char *name, int n)
{
    return fdt_stringlist_get(tree, node_at(path), name, n, NULL);
}

/* ---- the root, chosen, memory ---- */

static void root_is_riscv_virtio_with_two_cells_each(void **state)
{
    build_plain(state);
    assert_text("/", "compatible", "riscv-virtio");
    assert_true(has_prop("/", "model"));
    assert_int_equal(u32("/", "#address-cells"), 2);
    assert_int_equal(u32("/", "#size-cells"), 2);
}

static void chosen_names_bootargs_initrd_and_seed(void **state)
{
    struct fdt_chosen chosen = {.bootargs = "console=ttyS0 quiet",
                                .initrd = UINT64_C(0x180000000),
                                .initrd_size = 12345,
                                .has_rng_seed = true,
                                .stdout_base = UART_BASE};

    for (unsigned i = 0; i < 32; i++)
        chosen.rng_seed[i] = (uint8_t)(i * 7);
    build(state, &chosen);
    assert_text("/chosen", "bootargs", "console=ttyS0 quiet");
    assert_int_equal(u64("/chosen", "linux,initrd-start"), UINT64_C(0x180000000));
    assert_int_equal(u64("/chosen", "linux,initrd-end"), UINT64_C(0x180000000) + 12345);
    assert_memory_equal(prop("/chosen", "rng-seed", 32), chosen.rng_seed, 32);
}

static void chosen_leaves_out_what_there_is_not(void **state)
{
    build_plain(state);
    assert_false(has_prop("/chosen", "bootargs"));
    assert_false(has_prop("/chosen", "linux,initrd-start"));
    assert_false(has_prop("/chosen", "linux,initrd-end"));
    assert_false(has_prop("/chosen", "rng-seed"));
}

static void stdout_path_leads_to_the_uart(void **state)
{
    build_plain(state);
    assert_text("/chosen", "stdout-path", "/soc/serial@10000000");
    assert_reg(prop("/chosen", "stdout-path", -1), UART_BASE, 0x100);
}

static void memory_is_what_gmem_holds(void **state)
{
    struct fixture *f = *state;
    static _Alignas(4096) uint8_t more[2 * PAGE_SIZE];

    assert_true(gmem_add(&f->vm.mem, UINT64_C(0x100000000), PAGE_SIZE, more, 0, NULL) > 0);
    assert_true(
        gmem_add(&f->vm.mem, 0x20000000, PAGE_SIZE, more + PAGE_SIZE, GMEM_READ_ONLY, NULL) > 0);
    build_plain(state);
    assert_text("/memory@80000000", "device_type", "memory");
    assert_reg("/memory@80000000", FIXTURE_RAM, FIXTURE_RAM_SIZE);
    assert_reg("/memory@100000000", UINT64_C(0x100000000), PAGE_SIZE);
    assert_true(fdt_path_offset(tree, "/memory@20000000") < 0);
}

/* ---- harts ---- */

static void each_hart_has_a_cpu_node(void **state)
{
    static const char *const path[] = {"/cpus/cpu@0", "/cpus/cpu@1", "/cpus/cpu@2", "/cpus/cpu@3"};

    build_plain(state);
    assert_int_equal(u32("/cpus", "#address-cells"), 1);
    assert_int_equal(u32("/cpus", "#size-cells"), 0);
    for (unsigned i = 0; i < FIXTURE_HARTS; i++) {
        assert_text(path[i], "device_type", "cpu");
        assert_text(path[i], "status", "okay");
        assert_text(path[i], "compatible", "riscv");
        assert_int_equal(u32(path[i], "reg"), i);
    }
    assert_true(fdt_path_offset(tree, "/cpus/cpu@4") < 0);
}

static void unit_addresses_are_hexadecimal(void **state)
{
    struct fixture *f = *state;
    static struct vcpu more[12];

    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(vm_add_vcpu(&f->vm, &more[i]), 0);
    build_plain(state);
    assert_int_equal(u32("/cpus/cpu@a", "reg"), 10);
    assert_int_equal(u32("/cpus/cpu@f", "reg"), 15);
}

static void timebase_frequency_is_the_engines(void **state)
{
    ((struct fixture *)*state)->vm.timebase_hz = 24000000;
    build_plain(state);
    assert_int_equal(u32("/cpus", "timebase-frequency"), 24000000);
}

static void isa_properties_name_exactly_the_extensions_of_the_vm(void **state)
{
    struct fixture *f = *state;
    static const enum isa_ext have[] = {ISA_I, ISA_M, ISA_A, ISA_C, ISA_ZICSR, ISA_SSTC};

    f->vm.isa.ext = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(have); i++)
        f->vm.isa.ext |= UINT64_C(1) << have[i];
    build_plain(state);
    assert_text("/cpus/cpu@0", "riscv,isa", "rv64imac_zicsr_sstc");
    assert_text("/cpus/cpu@0", "riscv,isa-base", "rv64i");
    static const char *const names[] = {"i", "m", "a", "c", "zicsr", "sstc"};
    for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
        assert_string_equal(string_n("/cpus/cpu@0", "riscv,isa-extensions", i), names[i]);
    assert_null(string_n("/cpus/cpu@0", "riscv,isa-extensions", (int)ARRAY_SIZE(names)));
}

static void every_extension_at_once_fits(void **state)
{
    struct fixture *f = *state;

    f->vm.isa.ext = (UINT64_C(1) << ISA_COUNT) - 1;
    build_plain(state);
    assert_string_equal(string_n("/cpus/cpu@0", "riscv,isa-extensions", ISA_COUNT - 1),
                        isa_name((enum isa_ext)(ISA_COUNT - 1)));
}

static void mmu_type_is_the_widest_mode(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t modes;
        const char *type;
    } row[] = {{SATP_MODES_SV39 | SATP_MODES_SV48 | SATP_MODES_SV57, "riscv,sv57"},
               {SATP_MODES_SV39 | SATP_MODES_SV48, "riscv,sv48"},
               {SATP_MODES_SV39, "riscv,sv39"},
               {0, "riscv,none"}};

    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        f->vm.isa.satp_modes = row[i].modes;
        build_plain(state);
        assert_text("/cpus/cpu@0", "mmu-type", row[i].type);
    }
}

static void cache_block_sizes_come_with_their_extensions(void **state)
{
    struct fixture *f = *state;

    f->vm.isa.cbo_block = 128;
    build_plain(state);
    assert_int_equal(u32("/cpus/cpu@0", "riscv,cbom-block-size"), 128);
    assert_int_equal(u32("/cpus/cpu@0", "riscv,cboz-block-size"), 128);
    f->vm.isa.ext &= ~(UINT64_C(1) << ISA_ZICBOM | UINT64_C(1) << ISA_ZICBOZ);
    build_plain(state);
    assert_false(has_prop("/cpus/cpu@0", "riscv,cbom-block-size"));
    assert_false(has_prop("/cpus/cpu@0", "riscv,cboz-block-size"));
}

/* ---- devices ---- */

static void soc_is_a_simple_bus_that_maps_one_to_one(void **state)
{
    build_plain(state);
    assert_text("/soc", "compatible", "simple-bus");
    assert_int_equal(u32("/soc", "#address-cells"), 2);
    assert_int_equal(u32("/soc", "#size-cells"), 2);
    prop("/soc", "ranges", 0);
}

static void device_node_is_made_of_its_bus_registration(void **state)
{
    build_plain(state);
    assert_reg("/soc/serial@10000000", uart.region.base, uart.region.size);
    assert_text("/soc/serial@10000000", "compatible", "ns16550a");
    assert_int_equal(u32("/soc/serial@10000000", "interrupts"), uart.irq);
    assert_int_equal(u32("/soc/serial@10000000", "interrupt-parent"),
                     u32("/soc/interrupt-controller@c000000", "phandle"));
}

static void device_props_are_passed_on_by_kind(void **state)
{
    build_plain(state);
    assert_int_equal(u32("/soc/serial@10000000", "clock-frequency"), 3686400);
    assert_text("/soc/serial@10000000", "label", "console");
    prop("/soc/serial@10000000", "big-thing", 0);
}

static void device_without_a_line_has_no_interrupts(void **state)
{
    build_plain(state);
    assert_false(has_prop("/soc/test@100000", "interrupts"));
    assert_false(has_prop("/soc/test@100000", "interrupt-parent"));
}

static void compatible_lists_every_name_most_specific_first(void **state)
{
    build_plain(state);
    assert_string_equal(string_n("/soc/test@100000", "compatible", 0), "sifive,test1");
    assert_string_equal(string_n("/soc/test@100000", "compatible", 1), "sifive,test0");
    assert_string_equal(string_n("/soc/test@100000", "compatible", 2), "syscon");
    assert_null(string_n("/soc/test@100000", "compatible", 3));
}

static void plic_contexts_2n_and_2n_plus_1_are_m_and_s_mode_of_hart_n(void **state)
{
    static const char *const intc[] = {
        "/cpus/cpu@0/interrupt-controller", "/cpus/cpu@1/interrupt-controller",
        "/cpus/cpu@2/interrupt-controller", "/cpus/cpu@3/interrupt-controller"};
    const char *path = "/soc/interrupt-controller@c000000";

    build_plain(state);
    prop(path, "interrupts-extended", 16 * FIXTURE_HARTS);
    for (unsigned n = 0; n < FIXTURE_HARTS; n++) {
        assert_int_equal(cell(path, "interrupts-extended", 4 * n), u32(intc[n], "phandle"));
        assert_int_equal(cell(path, "interrupts-extended", 4 * n + 1), 11);
        assert_int_equal(cell(path, "interrupts-extended", 4 * n + 2), u32(intc[n], "phandle"));
        assert_int_equal(cell(path, "interrupts-extended", 4 * n + 3), 9);
        assert_text(intc[n], "compatible", "riscv,cpu-intc");
        assert_int_equal(u32(intc[n], "#interrupt-cells"), 1);
        prop(intc[n], "interrupt-controller", 0);
    }
    assert_int_equal(u32(path, "#interrupt-cells"), 1);
    assert_int_equal(u32(path, "#address-cells"), 0);
    prop(path, "interrupt-controller", 0);
}

static void phandles_are_unique(void **state)
{
    build_plain(state);
    for (int a = fdt_next_node(tree, -1, NULL); a >= 0; a = fdt_next_node(tree, a, NULL)) {
        uint32_t handle = fdt_get_phandle(tree, a);
        if (handle != 0)
            assert_int_equal(fdt_node_offset_by_phandle(tree, handle), a);
    }
}

static void syscon_nodes_write_off_and_reset_to_the_power_device(void **state)
{
    uint32_t handle;

    build_plain(state);
    handle = u32("/soc/test@100000", "phandle");
    assert_text("/poweroff", "compatible", "syscon-poweroff");
    assert_int_equal(u32("/poweroff", "regmap"), handle);
    assert_int_equal(u32("/poweroff", "offset"), 0);
    assert_int_equal(u32("/poweroff", "value"), 0x5555);
    assert_text("/reboot", "compatible", "syscon-reboot");
    assert_int_equal(u32("/reboot", "regmap"), handle);
    assert_int_equal(u32("/reboot", "offset"), 0);
    assert_int_equal(u32("/reboot", "value"), 0x7777);
}

static void machine_without_m_mode_has_no_clint(void **state)
{
    build_plain(state);
    assert_true(fdt_node_offset_by_compatible(tree, -1, "riscv,clint0") < 0);
    assert_true(fdt_node_offset_by_compatible(tree, -1, "sifive,clint0") < 0);
}

static void tree_has_room_for_a_boot_loader_that_edits_it_in_place(void **state)
{
    static char longer[FDT_ROOM - 64];
    size_t packed;

    build_plain(state);
    packed = fdt_off_dt_strings(tree) + fdt_size_dt_strings(tree);
    assert_int_equal(fdt_totalsize(tree), packed + FDT_ROOM);
    assert_int_equal(fdt_setprop(tree, node_at("/chosen"), "bootargs", longer, sizeof(longer)), 0);
    assert_int_equal(fdt_check_full(tree, packed + FDT_ROOM), 0);
}

static void buffer_too_small_is_out_of_memory_at_every_size(void **state)
{
    struct fixture *f = *state;
    struct fdt_chosen chosen = {.bootargs = "x", .stdout_base = UART_BASE};
    size_t needed = 0;

    while (fdt_build(&f->vm, &chosen, tree, needed) < 0) {
        uint8_t *exact = malloc(needed);
        assert_int_equal(fdt_build(&f->vm, &chosen, exact, needed), ERR_NO_MEMORY);
        free(exact);
        assert_true(++needed < sizeof(tree));
    }
    assert_int_equal(fdt_totalsize(tree), needed);
    assert_true(needed > 1000);
    uint8_t *exact = malloc(needed);
    assert_in_range(fdt_build(&f->vm, &chosen, exact, needed), 1, needed);
    free(exact);
}

static char long_name[250];

static void describe_long_name(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){.name = long_name, .compatible = {"a"}};
}

static void describe_long_compatible(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){.name = "a", .compatible = {long_name}};
}

static void device_names_beyond_what_a_node_takes_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct device_ops name_ops = {.describe = describe_long_name};
    static const struct device_ops compatible_ops = {.describe = describe_long_compatible};
    struct fdt_chosen chosen = {.stdout_base = 0};

    memset(long_name, 'a', sizeof(long_name) - 1);
    uart.ops = &name_ops;
    assert_int_equal(fdt_build(&f->vm, &chosen, tree, sizeof(tree)), ERR_NO_MEMORY);
    uart.ops = &compatible_ops;
    assert_int_equal(fdt_build(&f->vm, &chosen, tree, sizeof(tree)), ERR_NO_MEMORY);
}

static void vm_without_a_power_device_has_no_syscon_nodes(void **state)
{
    power.ops = &uart_ops;
    build_plain(state);
    assert_true(fdt_path_offset(tree, "/poweroff") < 0);
    assert_true(fdt_path_offset(tree, "/reboot") < 0);
}

static void bootargs_longer_than_the_buffer_are_out_of_memory(void **state)
{
    struct fixture *f = *state;
    static char longer[FDT_MAX_SIZE + 1];

    memset(longer, 'a', sizeof(longer) - 1);
    assert_int_equal(
        fdt_build(&f->vm, &(struct fdt_chosen){.bootargs = longer}, tree, sizeof(tree)),
        ERR_NO_MEMORY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(root_is_riscv_virtio_with_two_cells_each),
        TEST(chosen_names_bootargs_initrd_and_seed),
        TEST(chosen_leaves_out_what_there_is_not),
        TEST(stdout_path_leads_to_the_uart),
        TEST(memory_is_what_gmem_holds),
        TEST(each_hart_has_a_cpu_node),
        TEST(unit_addresses_are_hexadecimal),
        TEST(timebase_frequency_is_the_engines),
        TEST(isa_properties_name_exactly_the_extensions_of_the_vm),
        TEST(every_extension_at_once_fits),
        TEST(mmu_type_is_the_widest_mode),
        TEST(cache_block_sizes_come_with_their_extensions),
        TEST(soc_is_a_simple_bus_that_maps_one_to_one),
        TEST(device_node_is_made_of_its_bus_registration),
        TEST(device_props_are_passed_on_by_kind),
        TEST(device_without_a_line_has_no_interrupts),
        TEST(compatible_lists_every_name_most_specific_first),
        TEST(plic_contexts_2n_and_2n_plus_1_are_m_and_s_mode_of_hart_n),
        TEST(phandles_are_unique),
        TEST(syscon_nodes_write_off_and_reset_to_the_power_device),
        TEST(machine_without_m_mode_has_no_clint),
        TEST(tree_has_room_for_a_boot_loader_that_edits_it_in_place),
        TEST(buffer_too_small_is_out_of_memory_at_every_size),
        TEST(device_names_beyond_what_a_node_takes_are_refused),
        TEST(vm_without_a_power_device_has_no_syscon_nodes),
        TEST(bootargs_longer_than_the_buffer_are_out_of_memory),
    };

    return cmocka_run_group_tests_name("fdt", tests, NULL, NULL);
}
