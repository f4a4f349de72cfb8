/* SPDX-License-Identifier: MIT */
/*
 * Entry of a guest: the boot hart in S-mode, paging off, a0 its number, a1 the device tree. Other
 * harts stay stopped until somebody starts them through SBI HSM, which our guests do not.
 */

    .section .text.start, "ax"
    .globl start
start:
    csrw sie, zero
    la t0, bss_start
    la t1, image_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, stack_top

#if KERNEL_OFFSET
    /*
     * Linked away from where we were loaded: map the first GiB of RAM at both places and go on at
     * the other.
     */
    la t0, boot_table
    li t1, (0x80000000 >> 2) | 0xcf     /* V R W X A D */
    li t2, ((0x80000000 >> 30) & 511) * 8
    add t2, t2, t0
    sd t1, (t2)
    li t2, (((0x80000000 + KERNEL_OFFSET) >> 30) & 511) * 8
    add t2, t2, t0
    sd t1, (t2)
    srli t0, t0, 12
    li t1, 8 << 60                      /* Sv39 */
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    sfence.vma
    li t0, KERNEL_OFFSET
    add sp, sp, t0
    la t1, 2f
    add t1, t1, t0
    jr t1
2:
#endif
    call guest_main
    call guest_fail

    .section .bss.boot, "aw", @nobits
    .balign 4096
#if KERNEL_OFFSET
boot_table:
    .skip 4096
#endif
    .skip STACK_SIZE
stack_top:
