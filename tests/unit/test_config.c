/* SPDX-License-Identifier: MIT */
/* machine.dtb: what it may say, and that everything else in it is refused with a reason. */
#include "fixture.h"

#include <libfdt.h>

#include "host/metal/config.h"

#define TREE_SIZE 8192

/* A tree under construction, and what was read from it. */
struct machine_tree {
    _Alignas(8) uint8_t fdt[TREE_SIZE];
    int vm;
    struct config config;
    const char *why;
};

static void put_string(struct machine_tree *t, int node, const char *name, const char *value)
{
    assert_int_equal(fdt_setprop(t->fdt, node, name, value, (int)strlen(value) + 1), 0);
}

static void begin(struct machine_tree *t)
{
    assert_int_equal(fdt_create_empty_tree(t->fdt, TREE_SIZE), 0);
    put_string(t, 0, "compatible", "trapeze,machine");
    t->vm = fdt_add_subnode(t->fdt, 0, "vm");
    assert_true(t->vm > 0);
}

static void set_string(struct machine_tree *t, const char *name, const char *value)
{
    put_string(t, t->vm, name, value);
}

static void set_u32(struct machine_tree *t, const char *name, uint32_t value)
{
    assert_int_equal(fdt_setprop_u32(t->fdt, t->vm, name, value), 0);
}

static void set_u64(struct machine_tree *t, const char *name, uint64_t value)
{
    assert_int_equal(fdt_setprop_u64(t->fdt, t->vm, name, value), 0);
}

static void set_empty(struct machine_tree *t, const char *name)
{
    assert_int_equal(fdt_setprop_empty(t->fdt, t->vm, name), 0);
}

/* The least that is a machine. */
static struct machine_tree *least(void **state)
{
    struct machine_tree *t = *state;

    begin(t);
    set_string(t, "compatible", "trapeze,vm");
    set_u64(t, "trapeze,memory", MIB(128));
    set_u32(t, "trapeze,vcpus", 2);
    set_string(t, "trapeze,kernel", "kernel");
    return t;
}

static int read_tree(struct machine_tree *t)
{
    t->why = NULL;
    int error = config_read(t->fdt, TREE_SIZE, &t->config, &t->why);

    if (error == 0)
        assert_null(t->why);
    else
        assert_non_null(t->why);
    return error;
}

static int add_node(struct machine_tree *t, const char *name, const char *compatible)
{
    int node = fdt_add_subnode(t->fdt, t->vm, name);

    assert_true(node > 0);
    put_string(t, node, "compatible", compatible);
    return node;
}

static int add_disk(struct machine_tree *t, const char *name, uint32_t slot, uint32_t board_disk)
{
    int node = add_node(t, name, "trapeze,disk");

    assert_int_equal(fdt_setprop_u32(t->fdt, node, "reg", slot), 0);
    assert_int_equal(fdt_setprop_u32(t->fdt, node, "trapeze,board-disk", board_disk), 0);
    return node;
}

static int add_range(struct machine_tree *t, const char *name, uint64_t base, uint64_t size)
{
    int node = add_node(t, name, "trapeze,passthrough");

    assert_int_equal(fdt_setprop_u64(t->fdt, node, "reg", base), 0);
    assert_int_equal(fdt_appendprop_u64(t->fdt, node, "reg", size), 0);
    return node;
}

static void what_is_not_said_has_its_default(void **state)
{
    struct machine_tree *t = least(state);
    const struct config *c = &t->config;

    assert_int_equal(read_tree(t), 0);
    assert_string_equal(c->name, "vm");
    assert_string_equal(c->kernel, "kernel");
    assert_null(c->initrd);
    assert_null(c->dtb);
    assert_null(c->append);
    assert_null(c->isa);
    assert_null(c->snapshot);
    assert_int_equal(c->satp_modes, SATP_MODES_SV39 | SATP_MODES_SV48 | SATP_MODES_SV57);
    assert_int_equal(c->memory, MIB(128));
    assert_int_equal(c->vcpus, 2);
    assert_true(c->sstc);
    assert_false(c->stats);
    assert_false(c->selftest);
    assert_int_equal(c->log, LOG_WARN);
    assert_int_equal(c->ndisks, 0);
    assert_int_equal(c->npassthrough, 0);
}

static void everything_that_is_said_is_read(void **state)
{
    struct machine_tree *t = least(state);
    const struct config *c = &t->config;

    set_string(t, "trapeze,name", "guest");
    set_string(t, "trapeze,initrd", "files");
    set_string(t, "trapeze,dtb", "tree");
    set_string(t, "trapeze,append", "console=ttyS0 quiet");
    set_string(t, "trapeze,isa", "rv64imac");
    set_string(t, "trapeze,snapshot", "saved");
    set_u32(t, "trapeze,sstc", 0);
    set_u32(t, "trapeze,log", LOG_DEBUG);
    set_empty(t, "trapeze,stats");
    assert_int_equal(fdt_setprop_empty(t->fdt, 0, "trapeze,selftest"), 0);
    t->vm = fdt_path_offset(t->fdt, "/vm");
    assert_int_equal(read_tree(t), 0);
    assert_string_equal(c->name, "guest");
    assert_string_equal(c->initrd, "files");
    assert_string_equal(c->dtb, "tree");
    assert_string_equal(c->append, "console=ttyS0 quiet");
    assert_string_equal(c->isa, "rv64imac");
    assert_string_equal(c->snapshot, "saved");
    assert_false(c->sstc);
    assert_true(c->stats);
    assert_true(c->selftest);
    assert_int_equal(c->log, LOG_DEBUG);
}

static void mmu_type_names_the_widest_mode_of_satp(void **state)
{
    struct machine_tree *t = least(state);

    set_string(t, "trapeze,mmu-type", "riscv,sv39");
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.satp_modes, SATP_MODES_SV39);
    set_string(t, "trapeze,mmu-type", "riscv,sv48");
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.satp_modes, SATP_MODES_SV39 | SATP_MODES_SV48);
    set_string(t, "trapeze,mmu-type", "riscv,sv57");
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.satp_modes, SATP_MODES_SV39 | SATP_MODES_SV48 | SATP_MODES_SV57);
    set_string(t, "trapeze,mmu-type", "riscv,sv64");
    assert_int_equal(read_tree(t), ERR_UNSUPPORTED);
    set_u32(t, "trapeze,mmu-type", 39);
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void disks_are_numbered_by_their_slots_in_whatever_order(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_disk(t, "disk@1", 1, 0);

    assert_int_equal(fdt_setprop_empty(t->fdt, node, "read-only"), 0);
    node = add_disk(t, "disk@0", 0, 5);
    assert_int_equal(fdt_setprop_empty(t->fdt, node, "trapeze,legacy"), 0);
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.ndisks, 2);
    assert_int_equal(t->config.disk[0].board_disk, 5);
    assert_true(t->config.disk[0].legacy);
    assert_false(t->config.disk[0].read_only);
    assert_int_equal(t->config.disk[1].board_disk, 0);
    assert_false(t->config.disk[1].legacy);
    assert_true(t->config.disk[1].read_only);
}

static void a_passthrough_range_has_base_size_and_interrupt(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_range(t, "passthrough@10000000", 0x10000000, PAGE_SIZE);

    assert_int_equal(fdt_setprop_u32(t->fdt, node, "interrupts", 10), 0);
    assert_int_equal(fdt_setprop_empty(t->fdt, node, "trapeze,no-dma"), 0);
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.npassthrough, 1);
    assert_int_equal(t->config.passthrough[0].base, 0x10000000);
    assert_int_equal(t->config.passthrough[0].size, PAGE_SIZE);
    assert_int_equal(t->config.passthrough[0].irq, 10);
    assert_true(t->config.passthrough[0].no_dma);
}

static void a_passthrough_range_lies_where_it_does_on_the_board_unless_told_otherwise(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_range(t, "passthrough@10000000", 0x10000000, PAGE_SIZE);

    assert_int_equal(fdt_setprop_u32(t->fdt, node, "interrupts", 10), 0);
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.passthrough[0].guest_base, 0x10000000);
    assert_int_equal(t->config.passthrough[0].guest_irq, 10);
    assert_false(t->config.passthrough[0].no_dma);
    assert_int_equal(fdt_setprop_u64(t->fdt, node, "trapeze,guest-base", 0x20000000), 0);
    assert_int_equal(fdt_setprop_u32(t->fdt, node, "trapeze,guest-interrupt", 20), 0);
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(t->config.passthrough[0].base, 0x10000000);
    assert_int_equal(t->config.passthrough[0].irq, 10);
    assert_int_equal(t->config.passthrough[0].guest_base, 0x20000000);
    assert_int_equal(t->config.passthrough[0].guest_irq, 20);
}

static void an_interrupt_on_one_side_only_is_refused(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_range(t, "passthrough@10000000", 0x10000000, PAGE_SIZE);

    assert_int_equal(fdt_setprop_u32(t->fdt, node, "trapeze,guest-interrupt", 20), 0);
    assert_int_equal(read_tree(t), ERR_INVALID);
    assert_int_equal(fdt_setprop_u32(t->fdt, node, "interrupts", 10), 0);
    assert_int_equal(read_tree(t), 0);
    assert_int_equal(fdt_setprop_u32(t->fdt, node, "trapeze,guest-interrupt", 0), 0);
    assert_int_equal(read_tree(t), ERR_INVALID);
}

static void a_place_in_the_vm_that_is_no_whole_pages_or_wraps_is_refused(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_range(t, "passthrough@10000000", 0x10000000, 2 * PAGE_SIZE);

    assert_int_equal(fdt_setprop_u64(t->fdt, node, "trapeze,guest-base", 0x20000100), 0);
    assert_int_equal(read_tree(t), ERR_INVALID);
    assert_int_equal(fdt_setprop_u64(t->fdt, node, "trapeze,guest-base", -PAGE_SIZE), 0);
    assert_int_equal(read_tree(t), ERR_RANGE);
    assert_int_equal(fdt_setprop_u32(t->fdt, node, "trapeze,guest-base", 0x20000000), 0);
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void what_is_no_device_tree_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    assert_int_equal(config_read(t->fdt, 39, &t->config, &t->why), ERR_FORMAT);
    t->fdt[0] ^= 1;
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void a_tree_of_something_else_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    put_string(t, 0, "compatible", "riscv-virtio");
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void a_machine_without_vm_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    set_string(t, "compatible", "trapeze,other");
    assert_int_equal(read_tree(t), ERR_NOT_FOUND);
}

static void a_second_vm_is_refused(void **state)
{
    struct machine_tree *t = least(state);
    int second = fdt_add_subnode(t->fdt, 0, "vm2");

    put_string(t, second, "compatible", "trapeze,vm");
    assert_int_equal(read_tree(t), ERR_UNSUPPORTED);
}

static void a_vm_without_kernel_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    assert_int_equal(fdt_delprop(t->fdt, t->vm, "trapeze,kernel"), 0);
    assert_int_equal(read_tree(t), ERR_NOT_FOUND);
}

static void text_that_does_not_end_in_a_zero_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    assert_int_equal(fdt_setprop(t->fdt, t->vm, "trapeze,append", "abc", 3), 0);
    assert_int_equal(read_tree(t), ERR_FORMAT);
    assert_int_equal(fdt_setprop(t->fdt, t->vm, "trapeze,append", "", 0), 0);
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void text_with_a_zero_inside_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    assert_int_equal(fdt_setprop(t->fdt, t->vm, "trapeze,kernel", "a\0b", 4), 0);
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void memory_is_a_positive_number_of_whole_pages_in_64_bits(void **state)
{
    struct machine_tree *t = least(state);

    set_u64(t, "trapeze,memory", 0);
    assert_int_equal(read_tree(t), ERR_INVALID);
    set_u64(t, "trapeze,memory", MIB(64) + 1);
    assert_int_equal(read_tree(t), ERR_INVALID);
    set_u32(t, "trapeze,memory", MIB(64));
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void vcpus_are_from_1_to_64(void **state)
{
    struct machine_tree *t = least(state);

    set_u32(t, "trapeze,vcpus", 64);
    assert_int_equal(read_tree(t), 0);
    set_u32(t, "trapeze,vcpus", 0);
    assert_int_equal(read_tree(t), ERR_RANGE);
    set_u32(t, "trapeze,vcpus", 65);
    assert_int_equal(read_tree(t), ERR_RANGE);
    set_u64(t, "trapeze,vcpus", 1);
    assert_int_equal(read_tree(t), ERR_FORMAT);
}

static void switches_and_levels_are_within_their_range(void **state)
{
    struct machine_tree *t = least(state);

    set_u32(t, "trapeze,sstc", 2);
    assert_int_equal(read_tree(t), ERR_RANGE);
    set_u32(t, "trapeze,sstc", 1);
    set_u32(t, "trapeze,log", LOG_TRACE + 1);
    assert_int_equal(read_tree(t), ERR_RANGE);
}

static void two_disks_in_one_slot_are_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_disk(t, "disk@0", 0, 0);
    add_disk(t, "disk@1", 0, 1);
    assert_int_equal(read_tree(t), ERR_OVERLAP);
}

static void a_slot_left_out_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_disk(t, "disk@1", 1, 0);
    assert_int_equal(read_tree(t), ERR_INVALID);
}

static void a_slot_that_does_not_exist_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_disk(t, "disk@7", MACHINE_MAX_DISKS, 0);
    assert_int_equal(read_tree(t), ERR_RANGE);
}

static void a_disk_without_slot_is_refused(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_node(t, "disk", "trapeze,disk");

    assert_int_equal(fdt_setprop_u32(t->fdt, node, "trapeze,board-disk", 0), 0);
    assert_int_equal(read_tree(t), ERR_RANGE);
}

static void a_disk_of_no_board_disk_is_refused(void **state)
{
    struct machine_tree *t = least(state);
    int node = add_node(t, "disk@0", "trapeze,disk");

    assert_int_equal(fdt_setprop_u32(t->fdt, node, "reg", 0), 0);
    assert_int_equal(read_tree(t), ERR_NOT_FOUND);
}

static void a_range_that_is_not_whole_pages_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_range(t, "passthrough@0", 0x10000000, 0);
    assert_int_equal(read_tree(t), ERR_INVALID);
    t = least(state);
    add_range(t, "passthrough@0", 0x10000100, PAGE_SIZE);
    assert_int_equal(read_tree(t), ERR_INVALID);
    t = least(state);
    add_range(t, "passthrough@0", 0x10000000, 0x100);
    assert_int_equal(read_tree(t), ERR_INVALID);
}

static void a_range_that_wraps_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_range(t, "passthrough@0", UINT64_MAX - PAGE_SIZE + 1, 2 * PAGE_SIZE);
    assert_int_equal(read_tree(t), ERR_RANGE);
}

static void a_passthrough_without_range_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_node(t, "passthrough@0", "trapeze,passthrough");
    assert_int_equal(read_tree(t), ERR_NOT_FOUND);
}

static void more_ranges_than_there_is_room_for_are_refused(void **state)
{
    static const char *const names[] = {"p@0", "p@1", "p@2", "p@3", "p@4"};
    struct machine_tree *t = least(state);

    for (unsigned i = 0; i < CONFIG_MAX_PASSTHROUGH; i++)
        add_range(t, names[i], 0x10000000, PAGE_SIZE);
    assert_int_equal(read_tree(t), 0);
    add_range(t, names[CONFIG_MAX_PASSTHROUGH], 0x10000000, PAGE_SIZE);
    assert_int_equal(read_tree(t), ERR_NO_MEMORY);
}

static void a_node_of_an_unknown_kind_is_refused(void **state)
{
    struct machine_tree *t = least(state);

    add_node(t, "gpu@0", "trapeze,gpu");
    assert_int_equal(read_tree(t), ERR_UNSUPPORTED);
}

static int setup(void **state)
{
    *state = aligned_alloc(8, (sizeof(struct machine_tree) + 7) / 8 * 8);
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_said_has_its_default),
        TEST(everything_that_is_said_is_read),
        TEST(mmu_type_names_the_widest_mode_of_satp),
        TEST(disks_are_numbered_by_their_slots_in_whatever_order),
        TEST(a_passthrough_range_has_base_size_and_interrupt),
        TEST(a_passthrough_range_lies_where_it_does_on_the_board_unless_told_otherwise),
        TEST(an_interrupt_on_one_side_only_is_refused),
        TEST(a_place_in_the_vm_that_is_no_whole_pages_or_wraps_is_refused),
        TEST(what_is_no_device_tree_is_refused),
        TEST(a_tree_of_something_else_is_refused),
        TEST(a_machine_without_vm_is_refused),
        TEST(a_second_vm_is_refused),
        TEST(a_vm_without_kernel_is_refused),
        TEST(text_that_does_not_end_in_a_zero_is_refused),
        TEST(text_with_a_zero_inside_is_refused),
        TEST(memory_is_a_positive_number_of_whole_pages_in_64_bits),
        TEST(vcpus_are_from_1_to_64),
        TEST(switches_and_levels_are_within_their_range),
        TEST(two_disks_in_one_slot_are_refused),
        TEST(a_slot_left_out_is_refused),
        TEST(a_slot_that_does_not_exist_is_refused),
        TEST(a_disk_without_slot_is_refused),
        TEST(a_disk_of_no_board_disk_is_refused),
        TEST(a_range_that_is_not_whole_pages_is_refused),
        TEST(a_range_that_wraps_is_refused),
        TEST(a_passthrough_without_range_is_refused),
        TEST(more_ranges_than_there_is_room_for_are_refused),
        TEST(a_node_of_an_unknown_kind_is_refused),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
