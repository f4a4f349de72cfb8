/* SPDX-License-Identifier: MIT */
/* The hypervisor from the hart that boots to the harts that run the guest. */
#include <libfdt.h>

#include "host/metal/metal.h"

/* In seconds: half of what 63 bits of nanoseconds hold, in which some boards count. */
#define YEARS_146 (INT64_MAX / 2 / 1000000000)

struct metal metal;

/* Some devices that board.h does not know. */
static void read_extras(const void *fdt)
{
    int length, node = fdt_node_offset_by_compatible(fdt, -1, "google,goldfish-rtc");
    const fdt64_t *reg = fdt_getprop(fdt, node, "reg", &length);

    if (reg != NULL && length == 16)
        metal.rtc = fdt64_ld(reg);
    node = fdt_path_offset(fdt, "/chosen");
    const uint8_t *seed = fdt_getprop(fdt, node, "rng-seed", &length);
    entropy_init(&metal.entropy, seed, seed != NULL ? (size_t)length : 0, csr_read(time));
}

static _Noreturn void fail(const char *why)
{
    message("%s", why);
    board_end(END_ERROR);
}

/* The first hart without H, or NULL. */
static const struct board_hart *without_h(void)
{
    for (unsigned i = 0; i < metal.nharts; i++) {
        const struct board_hart *hart = board_hart(&metal.board, metal.hart[i]->id);
        if (!isa_has(&hart->isa, ISA_H))
            return hart;
    }
    return NULL;
}

static void require_h(void)
{
    const struct board_hart *hart = without_h();

    if (hart == NULL)
        return;
    message("hart %llu has no H extension (no `h` in its %s): run with --engine interp",
            (unsigned long long)hart->id,
            hart->has_ext_list ? "riscv,isa-extensions" : "riscv,isa");
    board_end(END_ERROR);
}

/* All harts have it, and the firmware has enabled it for us. */
static bool use_sstc(void)
{
    uint64_t value;

    for (unsigned i = 0; i < metal.board.nharts; i++) {
        if (!isa_has(&metal.board.hart[i].isa, ISA_SSTC))
            return false;
    }
    return csr_try_read(stvec, stimecmp, &value);
}

static void read_config(const struct bundle *bundle, struct config *config)
{
    struct bundle_file file;
    const char *why = NULL;
    int error = bundle_find(bundle, BUNDLE_MACHINE, &file);
    void *tree = error == 0 ? memory_alloc_bytes(file.size) : NULL;

    if (tree == NULL)
        fail("no memory for machine.dtb: give the board more");
    /* Members of plain archives lie anywhere; a device tree wants 8-byte alignment. */
    __builtin_memcpy(tree, file.data, file.size);
    if (config_read(tree, file.size, config, &why) != 0) {
        message("machine.dtb: %s", why);
        board_end(END_ERROR);
    }
}

_Noreturn void metal_main(uint64_t hartid, const void *fdt)
{
    struct config config;
    struct bundle bundle;
    struct hart *self;
    const char *why = NULL;

    metal.log = LOG_WARN;
    int error = board_read(&metal.board, fdt, BOARD_FDT_MOST, &why);
    uart_init(&metal.board.uart);
    if (error != 0)
        fail(why);
    metal.never = YEARS_146 * metal.board.timebase_hz;
    read_extras(fdt);
    metal.copy_ticks = -csr_read(time);
    memory_settle_bundle();
    metal.copy_ticks += csr_read(time);
    if (memory_init(&why) != 0 || harts_init(hartid, &self, &why) != 0)
        fail(why);
    __asm__ volatile("mv tp, %0" : : "r"(self));
    require_h();
    metal.sstc = use_sstc();
    memory_probe_zeroing();
    if (guest_find_bundle(&bundle, &why) != 0)
        fail(why);
    read_config(&bundle, &config);
    metal.log = config.log;
    if (config.selftest && !selftest_run())
        fail("the self test failed");
    if (guest_create(&bundle, &config) != 0 ||
        (config.snapshot != NULL ? snapshot_load(metal.guest) : guest_boot(metal.guest, false)) !=
            0)
        board_end(END_ERROR);
    if (config.dump_dtb) {
        dump_tree(metal.guest);
        board_end(END_OFF);
    }
    console_start_input(metal.guest);
    metal.guest->start_ticks = csr_read(time);
    harts_start(self);
    hart_entry(hartid, self);
}
