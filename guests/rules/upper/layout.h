/* SPDX-License-Identifier: MIT */
/*
 * The rules once more for a kernel as Linux is one: in the upper half of its address space, in
 * pages that are global. The half begins 2 MiB below the image, so that what is 2 GiB away from it
 * lies outside. In place of guests/lib/layout.h.
 */
#ifndef GUESTS_LIB_LAYOUT_H
#define GUESTS_LIB_LAYOUT_H

#define PHYS_BASE     0x80200000
#define KERNEL_OFFSET 0xffffffbf80000000
#define KERNEL_GLOBAL (1 << 5)
#define STACK_SIZE    0x4000

#endif
