/* SPDX-License-Identifier: MIT */
/*
 * machine.dtb: which VM to run and with what. A device tree that dtc made from
 *
 *     / { compatible = "trapeze,machine";
 *         trapeze,selftest;                       optional: test core's parts at boot
 *         vm { compatible = "trapeze,vm";
 *              trapeze,name = "..."; trapeze,memory = /bits/ 64 <bytes>; trapeze,vcpus = <n>;
 *              trapeze,kernel = "member of the bundle";
 *              trapeze,initrd, trapeze,dtb         optional: members too
 *              trapeze,append = "boot arguments";  optional
 *              trapeze,sstc = <0|1>;               optional: 0 withholds Sstc
 *              trapeze,isa = "rv64ima...";         optional: no other extensions
 *              trapeze,mmu-type = "riscv,sv39";    optional: no wider mode of satp
 *              trapeze,snapshot = "member";        optional: go on from there
 *              trapeze,log = <level>; trapeze,stats; trapeze,dump-dtb;     optional
 *              disk@0 { compatible = "trapeze,disk"; reg = <slot>; trapeze,board-disk = <k>;
 *                       read-only; trapeze,legacy; };
 *              passthrough@10000000 { compatible = "trapeze,passthrough";
 *                       reg = <64-bit base, 64-bit size>; interrupts = <n>;  of the board
 *                       trapeze,guest-base = /bits/ 64 <base>;     optional: elsewhere in the VM
 *                       trapeze,guest-interrupt = <n>;             optional: another line there
 *                       trapeze,no-dma; }; };
 * };
 *
 * Every value is checked; strings point into the tree.
 */
#ifndef HOST_METAL_CONFIG_H
#define HOST_METAL_CONFIG_H

#include "core/error.h"
#include "core/host.h"
#include "core/machine.h"

#define CONFIG_MAX_PASSTHROUGH 4

struct config_disk {
    unsigned board_disk; /* number among the board's virtio disks, by ascending address */
    bool read_only, legacy;
};

struct config_passthrough {
    uint64_t base, size; /* whole pages of the board's address space */
    uint64_t guest_base; /* where the VM has them */
    uint32_t irq;        /* at the board's PLIC, 0: none */
    uint32_t guest_irq;  /* the VM's line for it; 0 if and only if irq is */
    bool no_dma;         /* as whoever wrote the file declares */
};

struct config {
    const char *name;
    const char *kernel, *initrd, *dtb, *append; /* all but kernel may be NULL */
    const char *isa, *snapshot;                 /* so may these */
    uint32_t satp_modes;                        /* no others; SATP_MODES_* */
    uint64_t memory;                            /* whole pages */
    unsigned vcpus;
    bool sstc; /* offer it when the harts have it */
    bool stats, dump_dtb, selftest;
    enum log_level log;
    unsigned ndisks;
    struct config_disk disk[MACHINE_MAX_DISKS]; /* index: slot */
    unsigned npassthrough;
    struct config_passthrough passthrough[CONFIG_MAX_PASSTHROUGH];
};

/*
 * Reads and checks machine.dtb. `fdt` is 8-aligned and stays the caller's. ERR_FORMAT,
 * ERR_INVALID, ERR_RANGE, ERR_NOT_FOUND, ERR_NO_MEMORY (more of something than there is room
 * for), ERR_UNSUPPORTED; *why then is one line that says what is wrong with it.
 */
int config_read(const void *fdt, size_t size, struct config *config, const char **why) MUST_CHECK;

#endif
