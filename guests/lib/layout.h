/* SPDX-License-Identifier: MIT */
/*
 * Where a guest is linked when nothing says otherwise: behind 2 MiB for firmware, virtual address =
 * physical address. Included ahead of every C and assembly file and of the linker script, so only
 * plain numbers.
 */
#ifndef GUESTS_LIB_LAYOUT_H
#define GUESTS_LIB_LAYOUT_H

#define PHYS_BASE     0x80200000
#define KERNEL_OFFSET 0
#define KERNEL_GLOBAL 0 /* PTE_G, if the pages of the kernel have it */
#define STACK_SIZE    0x4000

#endif
