/* SPDX-License-Identifier: MIT */
/*
 * Where things lie in every address space, and where assembly finds the fields that it needs; for C
 * and assembly.
 */
#ifndef GUESTS_ULIX_ADDRESSES_H
#define GUESTS_ULIX_ADDRESSES_H

/*
 * A user's space: the program at 0, the heap behind it, the stack below 1 GiB. At the very top, for
 * the kernel alone: the trampoline, and below it a page for each hart.
 */
#define STACK_TOP        0x40000000
#define STACK_PAGES      16
#define TRAMPOLINE       0xfffffffffffff000 /* 2^64 - 4096 */
#define HART_PAGE(index) (TRAMPOLINE - 4096 * (1 + (index)))

#define MAX_HARTS        16

/* struct hart */
#define HART_SCRATCH      0
#define HART_KERNEL_SATP  8
#define HART_USER_SATP    16
#define HART_FRAME        24
#define HART_KERNEL_SP    32
#define HART_KERNEL_ENTRY 40
#define HART_SELF         48

#endif
