/* SPDX-License-Identifier: MIT */
/*
 * From reset to the harts' start, on the hart that came first: the board is read, every hart that
 * can run S-mode becomes a vCPU, and the payload's entry is given to one of them through HSM.
 */
#include <libfdt.h>
#include <string.h>

#include "core/trap.h"
#include "firmware/access.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

#define NEXT_DEFAULT MIB(2) /* behind the start of the firmware's memory, when nobody says more */

/* fw_dynamic, the protocol by which an earlier stage (QEMU, U-Boot SPL) tells OpenSBI what is next.
 */
#define FW_DYNAMIC_MAGIC UINT64_C(0x4942534f)
struct fw_dynamic_info {
    uint64_t magic, version, next_addr, next_mode, options, boot_hart;
};

struct firmware firmware;

extern char image_start[], image_end[];
extern _Atomic uint32_t boot_done;

static void read_board(void *fdt)
{
    const char *why;
    int error = ((uintptr_t)fdt & 7) != 0 || fdt_check_header(fdt) != 0
                    ? ERR_FORMAT
                    : board_read(&firmware.board, fdt, fdt_totalsize(fdt), &why);

    if (error != 0)
        hart_halt(); /* without a tree there is no console to complain on */
    uart_init(&firmware.board.uart);
}

/* S-mode runs where there is an MMU, and only harts that can be interrupted can be started. */
static bool is_usable(const struct board_hart *hart)
{
    return hart->has_mmu && hart->id < VM_MAX_VCPUS && hart->msip != 0 && hart->mtimecmp != 0;
}

/* The harts lie behind the image, in the order of the board. */
static void add_harts(void)
{
    struct board *board = &firmware.board;
    struct hart *hart = (struct hart *)(void *)image_end;

    for (unsigned i = 0; i < board->nharts; i++) {
        if (!is_usable(&board->hart[i]))
            continue;
        memset(hart, 0, sizeof(*hart));
        hart->board = &board->hart[i];
        hart->stack_top = (uint64_t)(uintptr_t)(hart->stack + HART_STACK_SIZE);
        hartid_t id = (hartid_t)hart->board->id;
        vcpu_reset(&hart->vcpu, &firmware.vm, id);
        firmware.vm.vcpu[id] = &hart->vcpu;
        firmware.vm.nvcpus = id + 1;
        hart++;
    }
    if (firmware.vm.nvcpus == 0)
        panic("the device tree has no hart with an MMU and a CLINT");
    firmware.own.base = (hpa_t)(uintptr_t)image_start;
    firmware.own.size = (((hpa_t)(uintptr_t)hart + PAGE_SIZE - 1) & PAGE_MASK) - firmware.own.base;
}

static void add_slot(hpa_t base, hpa_t end)
{
    base = (base + PAGE_SIZE - 1) & PAGE_MASK;
    end &= PAGE_MASK;
    if (base < end &&
        gmem_add(&firmware.vm.mem, base, end - base, (void *)(uintptr_t)base, 0, NULL) < 0)
        say("memory at 0x%lx is not used by SBI calls", base);
}

/* What SBI calls may name: the board's memory without the firmware's. */
static void add_memory(void)
{
    hpa_t own = firmware.own.base, own_end = own + firmware.own.size;

    for (unsigned i = 0; i < firmware.board.nmemory; i++) {
        hpa_t base = firmware.board.memory[i].base, end = base + firmware.board.memory[i].size;

        if (base < own && own_end < end) {
            add_slot(base, own);
            add_slot(own_end, end);
        } else if (base < own_end && own < end) {
            add_slot(base < own ? base : own_end, end < own_end ? own : end);
        } else {
            add_slot(base, end);
        }
    }
}

/* Emulated instructions may belong to any hart: the extensions that a single one has. */
static struct isa all_isa(void)
{
    struct isa isa = firmware.board.hart[firmware.board.nharts - 1].isa;

    for (unsigned i = 0; i < firmware.board.nharts; i++)
        isa.ext |= firmware.board.hart[i].isa.ext;
    return isa;
}

/* `info` may be anything: an earlier stage that does not know the protocol left it in a2. */
static bool read_info(const void *info, struct fw_dynamic_info *out)
{
    struct access_fault fault;

    if (info == NULL || ((uintptr_t)info & 7) != 0 ||
        access_in(out, (uintptr_t)info, sizeof(*out), 0, &fault, false) != 0)
        return false;
    return out->magic == FW_DYNAMIC_MAGIC && out->version >= 1 && out->version <= 2;
}

static void find_next(const void *info, uint64_t *boot_hart)
{
    struct fw_dynamic_info dynamic;

    firmware.next = firmware.own.base + NEXT_DEFAULT;
    if (!read_info(info, &dynamic))
        return;
    if (dynamic.next_addr != 0)
        firmware.next = dynamic.next_addr;
    if (dynamic.next_mode != PRIV_S)
        say("the next stage is asked to run in mode %lu; it runs in S-mode", dynamic.next_mode);
    if (dynamic.version >= 2 && dynamic.boot_hart < VM_MAX_VCPUS &&
        vm_hart(&firmware.vm, (hartid_t)dynamic.boot_hart) != NULL)
        *boot_hart = dynamic.boot_hart;
}

/* This hart when it can run S-mode, else the lowest that can. */
static uint64_t default_boot_hart(uint64_t hartid)
{
    if (hartid < firmware.vm.nvcpus && firmware.vm.vcpu[hartid] != NULL)
        return hartid;
    for (hartid = 0; firmware.vm.vcpu[hartid] == NULL;)
        hartid++;
    return hartid;
}

static void start_payload(uint64_t boot_hart)
{
    struct vcpu *vcpu = firmware.vm.vcpu[boot_hart];

    vcpu->priv.hsm_start = firmware.next;
    vcpu->priv.hsm_opaque = (uintptr_t)firmware.fdt;
    atomic_store(&vcpu->hsm, HSM_START_PENDING);
    say("%u harts, %lu KiB at 0x%lx kept, hart %lu goes on at 0x%lx", firmware.board.nharts,
        firmware.own.size >> 10, firmware.own.base, boot_hart, firmware.next);
}

static void wake_others(uint64_t hartid)
{
    atomic_store(&boot_done, 1);
    for (unsigned i = 0; i < firmware.vm.nvcpus; i++) {
        if (i != hartid && firmware.vm.vcpu[i] != NULL)
            ipi_raise(hart_of(firmware.vm.vcpu[i]));
    }
}

struct hart *firmware_boot(uint64_t hartid, void *fdt, const void *info)
{
    read_board(fdt);
    struct isa isa = all_isa();
    vm_init(&firmware.vm, "board", &firmware_host, NULL, &isa, firmware.board.timebase_hz);
    firmware.vm.engine = &firmware_engine;
    firmware.vm.mvendorid = csr_read(mvendorid);
    firmware.vm.marchid = csr_read(marchid);
    firmware.vm.mimpid = csr_read(mimpid);
    add_harts();
    add_memory();
    uint64_t boot_hart = default_boot_hart(hartid);
    find_next(info, &boot_hart);
    firmware.fdt = tree_hand_on(fdt);
    if (firmware.fdt == NULL) {
        say("the device tree cannot be changed: it does not tell which memory is kept");
        firmware.fdt = fdt;
    }
    start_payload(boot_hart);
    wake_others(hartid);
    return hartid < firmware.vm.nvcpus && firmware.vm.vcpu[hartid] != NULL
               ? hart_of(firmware.vm.vcpu[hartid])
               : NULL;
}
