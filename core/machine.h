/* SPDX-License-Identifier: MIT */
/* The board that every guest sees: QEMU's `virt` as far as S-mode can tell. */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include "core/dev/goldfish_rtc.h"
#include "core/dev/plic.h"
#include "core/dev/power.h"
#include "core/dev/uart16550.h"
#include "core/dev/virtio_blk.h"
#include "core/dev/virtio_mmio.h"
#include "core/dev/virtio_rng.h"
#include "core/fdt.h"
#include "core/image.h"
#include "core/vm.h"

#define MACHINE_POWER        UINT64_C(0x00100000)
#define MACHINE_RTC          UINT64_C(0x00101000)
#define MACHINE_PLIC         UINT64_C(0x0c000000)
#define MACHINE_UART         UINT64_C(0x10000000)
#define MACHINE_VIRTIO       UINT64_C(0x10001000)
#define MACHINE_RAM          UINT64_C(0x80000000)
#define MACHINE_VIRTIO_SLOTS 8
#define MACHINE_VIRTIO_IRQ   1
#define MACHINE_UART_IRQ     10
#define MACHINE_RTC_IRQ      11
#define MACHINE_MAX_DISKS    (MACHINE_VIRTIO_SLOTS - 1) /* the last slot carries the rng */

struct machine {
    struct vm vm;
    struct plic plic;
    struct uart16550 uart;
    struct power power;
    struct goldfish_rtc rtc;
    struct virtio_mmio slot[MACHINE_VIRTIO_SLOTS];
    struct virtio_blk *disk; /* array with room for max_disks, the host's memory */
    unsigned ndisks, max_disks;
    struct virtio_rng rng;
    struct vcpu *vcpu; /* array of vm.nvcpus, the host's memory */
    gpa_t entry, fdt;  /* where hart 0 starts, and its a1 */
};

struct machine_config {
    const char *name;
    const struct host_ops *host;
    void *host_data;
    const struct engine_ops *engine;
    const struct engine_caps *caps;
    void *ram; /* zeroed, page-aligned */
    uint64_t ram_size;
    int ram_fd; /* with caps->shared_ram */
    unsigned max_spaces;
    _Atomic uint64_t *dirty; /* gmem_dirty_bytes(ram_size), or NULL */
    struct vcpu *vcpus;      /* zeroed array */
    unsigned nvcpus;
    struct virtio_blk *disks; /* zeroed array: as many as will be plugged in */
    unsigned ndisks;
};

/* Builds the board. Disks are plugged in afterwards; then machine_boot. */
int machine_init(struct machine *machine, const struct machine_config *config) MUST_CHECK;
int machine_add_disk(struct machine *machine, const struct blk_info *info, bool legacy) MUST_CHECK;

/* What a machine boots. Pointers stay the caller's. */
struct machine_boot {
    const uint8_t *kernel;
    size_t kernel_size;
    const uint8_t *initrd;
    size_t initrd_size;
    const char *append; /* or NULL */
    const uint8_t *dtb; /* or NULL: made from the machine */
    size_t dtb_size;
    const uint8_t *rng_seed; /* 32 bytes, or NULL */
};

/*
 * Places kernel, initrd and device tree in RAM and resets the machine, so that hart 0 stands at the
 * kernel's entry. `scratch` holds the device tree while it is made (FDT_MAX_SIZE, or dtb_size more
 * with a tree from outside). *why is one line on error.
 */
int machine_boot(struct machine *machine, const struct machine_boot *boot, void *scratch,
                 size_t scratch_size, const char **why) MUST_CHECK;

#endif
