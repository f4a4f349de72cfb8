/* SPDX-License-Identifier: MIT */
/* The board as a guest finds it: the map of QEMU's `virt`, disks, booting. */
#define _POSIX_C_SOURCE 200809L /* mkstemp, popen */

#include "core/csr.h"
#include "core/machine.h"

#include <libfdt.h>
#include <unistd.h>

#include "tests/unit/fixture.h"

#define RAM_SIZE MIB(32)
#define HARTS    2

/* The fixture lends its host; the machine is its own VM. */
struct board {
    struct fixture *fixture;
    struct machine machine;
    struct vcpu vcpu[HARTS];
    struct virtio_blk disks[MACHINE_MAX_DISKS];
    struct engine_caps caps;
    struct machine_config config;
    uint8_t *ram;
    _Alignas(8) uint8_t scratch[2 * FDT_MAX_SIZE];
    struct machine_boot boot;
    const char *why;
};

static uint8_t kernel[KIB(4)];

static int setup(void **state)
{
    struct board *b = calloc(1, sizeof(*b));
    void *fixture;

    assert_non_null(b);
    fixture_setup(&fixture);
    b->fixture = fixture;
    b->ram = aligned_alloc(PAGE_SIZE, RAM_SIZE);
    assert_non_null(b->ram);
    memset(b->ram, 0, RAM_SIZE);
    b->caps = (struct engine_caps){
        .isa = fixture_isa, .timebase_hz = 10000000, .time_offset = true, .max_vcpus = HARTS};
    b->config = (struct machine_config){.name = "board",
                                        .host = b->fixture->vm.host,
                                        .host_data = b->fixture,
                                        .caps = &b->caps,
                                        .ram = b->ram,
                                        .ram_size = RAM_SIZE,
                                        .vcpus = b->vcpu,
                                        .nvcpus = HARTS,
                                        .disks = b->disks,
                                        .ndisks = MACHINE_MAX_DISKS};
    assert_int_equal(machine_init(&b->machine, &b->config), 0);
    memset(kernel, 0x13, sizeof(kernel));
    b->boot = (struct machine_boot){.kernel = kernel, .kernel_size = sizeof(kernel)};
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct board *b = *state;
    void *fixture = b->fixture;

    fixture_teardown(&fixture);
    free(b->ram);
    free(b);
    return 0;
}

static int boot(struct board *b)
{
    return machine_boot(&b->machine, &b->boot, b->scratch, sizeof(b->scratch), &b->why);
}

static uint64_t peek(struct board *b, gpa_t gpa, unsigned size)
{
    uint64_t value = 0;

    assert_int_equal(bus_read(&b->machine.vm.bus, gpa, size, &value), 0);
    return value;
}

/* ---- the map ---- */

static void devices_stand_where_virt_has_them(void **state)
{
    struct board *b = *state;
    static const struct {
        gpa_t base;
        uint64_t size;
    } map[] = {{0x00100000, 0x1000}, {0x00101000, 0x1000}, {0x0c000000, 0x600000},
               {0x10000000, 0x100},  {0x10001000, 0x1000}, {0x10002000, 0x1000},
               {0x10003000, 0x1000}, {0x10004000, 0x1000}, {0x10005000, 0x1000},
               {0x10006000, 0x1000}, {0x10007000, 0x1000}, {0x10008000, 0x1000}};

    assert_int_equal(b->machine.vm.bus.count, ARRAY_SIZE(map));
    for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
        const struct bus_region *region = bus_find(&b->machine.vm.bus, map[i].base);
        assert_non_null(region);
        assert_int_equal(region->base, map[i].base);
        assert_int_equal(region->size, map[i].size);
    }
}

static void lines_are_those_of_virt(void **state)
{
    struct board *b = *state;

    assert_int_equal(b->machine.uart.dev.irq, 10);
    assert_int_equal(b->machine.rtc.dev.irq, 11);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(b->machine.slot[i].dev.irq, 1 + i);
}

static void ram_is_at_0x80000000(void **state)
{
    struct board *b = *state;

    assert_ptr_equal(gmem_ptr(&b->machine.vm.mem, 0x80000000, RAM_SIZE, GMEM_WRITE), b->ram);
    assert_null(gmem_ptr(&b->machine.vm.mem, 0x80000000 + RAM_SIZE, 1, GMEM_READ));
}

static void vm_has_the_engines_isa_and_timebase(void **state)
{
    struct board *b = *state;

    assert_int_equal(b->machine.vm.isa.ext, fixture_isa.ext);
    assert_int_equal(b->machine.vm.timebase_hz, 10000000);
    assert_int_equal(b->machine.vm.nvcpus, HARTS);
    assert_ptr_equal(b->machine.vm.irqchip, &b->machine.plic.chip);
}

static void number_of_harts_has_bounds(void **state)
{
    struct board *b = *state;

    b->config.nvcpus = 0;
    assert_int_equal(machine_init(&b->machine, &b->config), ERR_INVALID);
    b->config.nvcpus = HARTS + 1; /* one more than the engine can */
    assert_int_equal(machine_init(&b->machine, &b->config), ERR_INVALID);
    b->caps.max_vcpus = 1000;
    b->config.nvcpus = VM_MAX_VCPUS + 1;
    assert_int_equal(machine_init(&b->machine, &b->config), ERR_INVALID);
}

static void more_disks_than_slots_are_refused(void **state)
{
    struct board *b = *state;

    b->config.ndisks = MACHINE_MAX_DISKS + 1;
    assert_int_equal(machine_init(&b->machine, &b->config), ERR_INVALID);
}

static void ram_that_is_no_whole_page_is_refused(void **state)
{
    struct board *b = *state;

    b->config.ram_size = RAM_SIZE - 1;
    assert_true(machine_init(&b->machine, &b->config) < 0);
}

/* ---- virtio slots ---- */

static void empty_slot_reads_magic_version_and_device_id_0(void **state)
{
    struct board *b = *state;

    assert_int_equal(peek(b, 0x10001000, 4), 0x74726976);
    assert_int_equal(peek(b, 0x10001004, 4), 2);
    assert_int_equal(peek(b, 0x10001008, 4), 0);
}

static void last_slot_carries_the_rng(void **state)
{
    assert_int_equal(peek(*state, 0x10008008, 4), 4);
}

static void disks_take_the_slots_from_the_first(void **state)
{
    struct board *b = *state;
    struct blk_info info = {.capacity = 512 * 7};

    assert_int_equal(machine_add_disk(&b->machine, &info, false), 0);
    info.capacity = 512 * 9;
    assert_int_equal(machine_add_disk(&b->machine, &info, true), 0);
    assert_int_equal(peek(b, 0x10001008, 4), 2);
    assert_int_equal(peek(b, 0x10001004, 4), 2);
    assert_int_equal(peek(b, 0x10001100, 4), 7); /* capacity in sectors */
    assert_int_equal(peek(b, 0x10002008, 4), 2);
    assert_int_equal(peek(b, 0x10002004, 4), 1); /* legacy */
    assert_int_equal(peek(b, 0x10002100, 4), 9);
    assert_int_equal(peek(b, 0x10003008, 4), 0);
}

static void an_eighth_disk_finds_no_slot(void **state)
{
    struct board *b = *state;
    const struct blk_info info = {.capacity = 512};

    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(machine_add_disk(&b->machine, &info, false), 0);
    assert_int_equal(machine_add_disk(&b->machine, &info, false), ERR_NO_MEMORY);
    assert_int_equal(peek(b, 0x10008008, 4), 4); /* still the rng */
}

static void disk_of_half_a_sector_is_refused(void **state)
{
    struct board *b = *state;

    assert_int_equal(machine_add_disk(&b->machine, &(struct blk_info){.capacity = 700}, false),
                     ERR_INVALID);
    assert_int_equal(b->machine.ndisks, 0);
}

/* ---- booting ---- */

static void hart_0_starts_at_the_entry_with_the_tree_in_a1_and_the_others_stopped(void **state)
{
    struct board *b = *state;

    assert_int_equal(boot(b), 0);
    assert_int_equal(b->vcpu[0].user.pc, 0x80200000);
    assert_int_equal(b->vcpu[0].user.x[10], 0);
    assert_int_equal(b->vcpu[0].user.x[11], b->machine.fdt);
    assert_int_equal(b->vcpu[0].priv.mode, PRIV_S);
    assert_int_equal(b->vcpu[0].priv.satp, 0);
    assert_int_equal(atomic_load(&b->vcpu[0].hsm), HSM_STARTED);
    assert_int_equal(atomic_load(&b->vcpu[1].hsm), HSM_STOPPED);
    assert_int_equal(b->machine.entry, 0x80200000);
}

/* What firmware leaves behind and the SBI calls undefined; kernels that never set it exist. */
static void every_hart_starts_with_floating_point_on_and_its_counters_open_to_u_mode(void **state)
{
    struct board *b = *state;

    assert_int_equal(boot(b), 0);
    for (unsigned i = 0; i < b->machine.vm.nvcpus; i++) {
        assert_int_not_equal(b->vcpu[i].priv.sstatus & SSTATUS_FS, 0);
        assert_int_equal(b->vcpu[i].priv.sstatus & SSTATUS_VS, 0); /* there is no V */
        assert_int_equal(b->vcpu[i].priv.scounteren, 7);
    }
}

static const uint8_t *guest_tree(struct board *b)
{
    const uint8_t *tree = b->ram + (b->machine.fdt - 0x80000000);

    assert_int_equal(b->machine.fdt % 8, 0);
    assert_int_equal(fdt_check_full(tree, RAM_SIZE - (b->machine.fdt - 0x80000000)), 0);
    return tree;
}

static void initrd_lies_where_the_tree_says(void **state)
{
    struct board *b = *state;
    static uint8_t initrd[10001];

    memset(initrd, 0x42, sizeof(initrd));
    b->boot.initrd = initrd;
    b->boot.initrd_size = sizeof(initrd);
    b->boot.append = "root=/dev/vda";
    assert_int_equal(boot(b), 0);
    const uint8_t *tree = guest_tree(b);
    int chosen = fdt_path_offset(tree, "/chosen");
    uint64_t start = fdt64_ld(fdt_getprop(tree, chosen, "linux,initrd-start", NULL));
    uint64_t end = fdt64_ld(fdt_getprop(tree, chosen, "linux,initrd-end", NULL));
    assert_int_equal(end - start, sizeof(initrd));
    assert_int_equal(start % PAGE_SIZE, 0);
    assert_memory_equal(b->ram + (start - 0x80000000), initrd, sizeof(initrd));
    assert_string_equal(fdt_getprop(tree, chosen, "bootargs", NULL), "root=/dev/vda");
    assert_memory_equal(b->ram + MIB(2), kernel, sizeof(kernel));
}

static void rng_seed_reaches_the_tree(void **state)
{
    struct board *b = *state;
    uint8_t seed[32];

    memset(seed, 0x99, sizeof(seed));
    b->boot.rng_seed = seed;
    assert_int_equal(boot(b), 0);
    const uint8_t *tree = guest_tree(b);
    int length;
    const void *data = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "rng-seed", &length);
    assert_int_equal(length, 32);
    assert_memory_equal(data, seed, 32);
}

static void every_region_of_the_bus_has_its_node(void **state)
{
    struct board *b = *state;

    assert_int_equal(boot(b), 0);
    const uint8_t *tree = guest_tree(b);
    int soc = fdt_path_offset(tree, "/soc"), node;
    unsigned nodes = 0;
    fdt_for_each_subnode(node, tree, soc)
    {
        const fdt64_t *reg = fdt_getprop(tree, node, "reg", NULL);
        assert_non_null(reg);
        const struct bus_region *region = bus_find(&b->machine.vm.bus, fdt64_ld(&reg[0]));
        assert_non_null(region);
        assert_int_equal(region->base, fdt64_ld(&reg[0]));
        assert_int_equal(region->size, fdt64_ld(&reg[1]));
        nodes++;
    }
    assert_int_equal(nodes, b->machine.vm.bus.count);
}

static void plic_node_says_how_many_sources_there_are(void **state)
{
    struct board *b = *state;

    assert_int_equal(boot(b), 0);
    const uint8_t *tree = guest_tree(b);
    int plic = fdt_node_offset_by_compatible(tree, -1, "riscv,plic0");
    assert_true(plic >= 0);
    assert_int_equal(fdt32_ld(fdt_getprop(tree, plic, "riscv,ndev", NULL)), PLIC_SOURCES - 1);
}

static void dtc_finds_nothing_to_warn_about(void **state)
{
    struct board *b = *state;
    char path[] = "/tmp/test_machine_XXXXXX", command[200], line[200] = "";

    if (system("command -v dtc >/dev/null") != 0)
        skip(); /* dtc is not installed */
    assert_int_equal(boot(b), 0);
    const uint8_t *tree = guest_tree(b);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, tree, fdt_totalsize(tree)), fdt_totalsize(tree));
    close(fd);
    snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    bool warned = fgets(line, sizeof(line), output) != NULL;
    assert_int_equal(pclose(output), 0);
    unlink(path);
    if (warned)
        fail_msg("%s", line);
}

static void tree_from_outside_replaces_the_machines(void **state)
{
    struct board *b = *state;
    static _Alignas(8) uint8_t tree[KIB(4)];

    assert_int_equal(fdt_create_empty_tree(tree, sizeof(tree)), 0);
    b->boot.dtb = tree;
    b->boot.dtb_size = sizeof(tree);
    b->boot.append = "mine";
    assert_int_equal(boot(b), 0);
    const uint8_t *got = guest_tree(b);
    assert_true(fdt_path_offset(got, "/soc") < 0);
    assert_string_equal(fdt_getprop(got, fdt_path_offset(got, "/chosen"), "bootargs", NULL),
                        "mine");
}

static void machine_boots_again_after_the_guest_has_run(void **state)
{
    struct board *b = *state;

    assert_int_equal(boot(b), 0);
    gpa_t fdt = b->machine.fdt;
    memset(b->ram, 0xff, RAM_SIZE);
    atomic_store(&b->vcpu[1].hsm, HSM_STARTED);
    b->vcpu[0].priv.satp = 1;
    assert_int_equal(boot(b), 0);
    assert_int_equal(b->machine.fdt, fdt);
    assert_memory_equal(b->ram + MIB(2), kernel, sizeof(kernel));
    assert_int_equal(b->vcpu[0].priv.satp, 0);
    assert_int_equal(atomic_load(&b->vcpu[1].hsm), HSM_STOPPED);
    (void)guest_tree(b);
}

static void two_machines_do_not_share_anything(void **state)
{
    struct board *b = *state;
    void *second_state;

    setup(&second_state);
    struct board *second = second_state;
    assert_int_equal(boot(b), 0);
    assert_int_equal(machine_add_disk(&second->machine, &(struct blk_info){.capacity = 512}, false),
                     0);
    assert_int_equal(peek(b, 0x10001008, 4), 0);
    assert_int_equal(second->ram[MIB(2)], 0);
    assert_int_equal(atomic_load(&second->vcpu[0].hsm), HSM_STOPPED);
    teardown(&second_state);
}

/* ---- what cannot boot ---- */

static void assert_no_boot(struct board *b, int error, const char *cause)
{
    b->why = NULL;
    assert_int_equal(boot(b), error);
    assert_non_null(b->why);
    if (strstr(b->why, cause) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", b->why, cause);
    assert_int_equal(atomic_load(&b->vcpu[0].hsm), HSM_STOPPED);
}

static void refused_kernel_says_why(void **state)
{
    struct board *b = *state;

    b->boot.kernel_size = 0;
    assert_no_boot(b, ERR_FORMAT, "empty");
}

static void initrd_larger_than_what_is_left_is_refused(void **state)
{
    struct board *b = *state;
    uint8_t *initrd = calloc(1, RAM_SIZE);

    b->boot.initrd = initrd;
    b->boot.initrd_size = RAM_SIZE - MIB(1);
    assert_no_boot(b, ERR_RANGE, "do not fit");
    free(initrd);
}

static void boot_arguments_longer_than_a_tree_are_refused(void **state)
{
    struct board *b = *state;
    static char longer[3 * FDT_MAX_SIZE];

    memset(longer, 'a', sizeof(longer) - 1);
    b->boot.append = longer;
    assert_no_boot(b, ERR_NO_MEMORY, "boot arguments");
}

static void broken_tree_from_outside_is_refused(void **state)
{
    struct board *b = *state;

    b->boot.dtb = kernel;
    b->boot.dtb_size = sizeof(kernel);
    assert_no_boot(b, ERR_FORMAT, "not a flattened device tree");
}

static void tree_from_outside_larger_than_scratch_is_refused(void **state)
{
    struct board *b = *state;

    b->boot.dtb = b->ram;
    b->boot.dtb_size = sizeof(b->scratch) + 1;
    assert_no_boot(b, ERR_NO_MEMORY, "too large");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_stand_where_virt_has_them),
        TEST(lines_are_those_of_virt),
        TEST(ram_is_at_0x80000000),
        TEST(vm_has_the_engines_isa_and_timebase),
        TEST(number_of_harts_has_bounds),
        TEST(ram_that_is_no_whole_page_is_refused),
        TEST(empty_slot_reads_magic_version_and_device_id_0),
        TEST(last_slot_carries_the_rng),
        TEST(disks_take_the_slots_from_the_first),
        TEST(more_disks_than_slots_are_refused),
        TEST(an_eighth_disk_finds_no_slot),
        TEST(disk_of_half_a_sector_is_refused),
        TEST(hart_0_starts_at_the_entry_with_the_tree_in_a1_and_the_others_stopped),
        TEST(every_hart_starts_with_floating_point_on_and_its_counters_open_to_u_mode),
        TEST(initrd_lies_where_the_tree_says),
        TEST(rng_seed_reaches_the_tree),
        TEST(every_region_of_the_bus_has_its_node),
        TEST(plic_node_says_how_many_sources_there_are),
        TEST(dtc_finds_nothing_to_warn_about),
        TEST(tree_from_outside_replaces_the_machines),
        TEST(machine_boots_again_after_the_guest_has_run),
        TEST(two_machines_do_not_share_anything),
        TEST(refused_kernel_says_why),
        TEST(initrd_larger_than_what_is_left_is_refused),
        TEST(boot_arguments_longer_than_a_tree_are_refused),
        TEST(broken_tree_from_outside_is_refused),
        TEST(tree_from_outside_larger_than_scratch_is_refused),
    };

    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
