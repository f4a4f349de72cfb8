/* SPDX-License-Identifier: MIT */
/* The address space of the guest: the image, and pages to try rules on. */
#ifndef GUESTS_RULES_SPACE_H
#define GUESTS_RULES_SPACE_H

#include <stdint.h>

#include "guests/lib/paging.h"

/* In the half of the address space that the image lies in. CODE_S is run_insn's page, for S-mode;
 * the next one is unmapped. */
#if KERNEL_OFFSET
#define HALF   0xffffffc000000000UL
#define CODE_S (HALF + 0x10000000UL)
#else
#define HALF   0UL
#define CODE_S 0x1000000000UL
#endif
#define CODE_U 0x1000010000UL /* the same page, for U-mode */
#define TRY_VA                                                                                     \
    (HALF + 0x2000000000UL) /* two pages whose PTEs checks set; an unmapped one behind             \
                             */
#define BIG_VA    (HALF + 0x3000000000UL) /* a superpage, or nothing */
#define BIG_SIZE  0x200000UL
#define NOWHERE   (HALF + 0x2000100000UL) /* maps to where neither RAM nor a device is */
#define UART_BASE 0x10000000UL
#define PLIC_BASE 0x0c000000UL

extern struct page_table space;
extern uint8_t code_page[4096], try_pages[2][4096];

void space_init(void);

/* Gives page n at TRY_VA these flags (with A and D), leading to try_pages[n]. */
void try_page(unsigned n, uint64_t flags);

/* Writes a whole PTE for page n at TRY_VA, or of the table of level 1 above it. */
void try_pte(unsigned n, uint64_t pte);
uint64_t *leaf_of(uint64_t va);
/* The PTE of the superpage at BIG_VA. */
void big_pte(uint64_t pte);

#endif
