/* SPDX-License-Identifier: MIT */
/*
 * What the board is, read once from its device tree: everything that firmware and hypervisor want
 * of the tree, in plain numbers. The tree may be hostile (a file on somebody's disk): whatever does
 * not make sense in it is left out.
 */
#ifndef HOST_METAL_BOARD_BOARD_H
#define HOST_METAL_BOARD_BOARD_H

#include "core/isa.h"
#include "core/types.h"
#include "host/metal/board/uart.h"

#define BOARD_MAX_RANGES 16
#define BOARD_MAX_HARTS  64
#define BOARD_MAX_VIRTIO 32
#define BOARD_FDT_MOST   MIB(2) /* bytes of the largest tree that is looked at */

struct board_range {
    hpa_t base;
    uint64_t size; /* base + size does not wrap; 0: no range */
};

/* Extensions that matter on the metal only, beside those of core/isa.def. */
enum board_ext {
#define BOARD_EXT(id, text) BOARD_##id,
#include "host/metal/board/board_ext.def"
    BOARD_EXT_COUNT
};

#define BOARD_NO_CONTEXT (-1)

struct board_hart {
    uint64_t id;       /* mhartid */
    struct isa isa;    /* as far as the tree tells: asid_bits is 16, vlenb 0 */
    uint32_t ext;      /* bit n: extension n of enum board_ext */
    uint32_t intc;     /* phandle of its interrupt controller, 0: none */
    int32_t plic_m;    /* its contexts at the PLIC, or BOARD_NO_CONTEXT */
    int32_t plic_s;    /* ... */
    hpa_t msip;        /* its CLINT registers, 0: none */
    hpa_t mtimecmp;    /* ... */
    bool has_mmu;      /* an mmu-type: S-mode code can run there */
    bool has_ext_list; /* its extensions come from riscv,isa-extensions */
};

struct board_plic {
    hpa_t base;
    uint64_t size;    /* 0: there is no PLIC */
    uint32_t sources; /* riscv,ndev: ids 1 to sources */
    uint32_t contexts;
};

struct board_virtio {
    hpa_t base;
    uint64_t size;
    irq_t irq;
};

struct board {
    const void *fdt;
    uint64_t timebase_hz;
    unsigned nmemory, nreserved, nharts, nvirtio;
    struct board_range memory[BOARD_MAX_RANGES];   /* ascending */
    struct board_range reserved[BOARD_MAX_RANGES]; /* /memreserve/ and /reserved-memory */
    struct board_hart hart[BOARD_MAX_HARTS];      /* those that are not disabled, by ascending id */
    struct board_virtio virtio[BOARD_MAX_VIRTIO]; /* ascending */
    struct board_uart uart;                       /* stdout-path's, or the first there is */
    struct board_plic plic;
    hpa_t mtime; /* 0: none */
    unsigned nmachine;
    struct board_range machine[BOARD_MAX_RANGES]; /* M-mode's own registers: CLINT, ACLINT */
    struct board_range power;                     /* sifive,test1 or test0 */
    struct board_range initrd;
    const char *bootargs; /* in the tree; NULL: none */
};

/*
 * Reads the tree at `fdt`, of which no more than `most` bytes may be looked at. The board keeps
 * pointing into it. ERR_FORMAT when it is no sound tree, ERR_NOT_FOUND when it names no hart, no
 * memory or no timebase; *why is then one line.
 */
int board_read(struct board *board, const void *fdt, size_t most, const char **why) MUST_CHECK;

/* The hart with this mhartid, or NULL. */
const struct board_hart *board_hart(const struct board *board, uint64_t id);

/* Does the hart have the extension? */
static inline bool board_hart_has(const struct board_hart *hart, enum board_ext ext)
{
    return (hart->ext >> ext) & 1;
}

/* Does [base, base + size) lie in one range of memory? */
bool board_is_memory(const struct board *board, hpa_t base, uint64_t size);

/*
 * The extensions of an ISA string ("rv64imafdc_zicsr_...") into isa and ext of the hart (Unpriv.
 * "ISA Extension Naming Conventions"): g is imafd, versions are skipped, unknown names too.
 */
void board_isa_string(struct board_hart *hart, const char *text);

/* One extension by its name, of `length` characters. */
void board_isa_add(struct board_hart *hart, const char *name, size_t length);

/* "smstateen", or "" */
const char *board_ext_name(enum board_ext ext);

#endif
