/* SPDX-License-Identifier: MIT */
/*
 * Where the image begins and where harts enter it, and the vector for the hypervisor's own traps.
 * The first 64 bytes are the header of Linux's `Image` (Documentation/arch/riscv/boot-image-header):
 * QEMU's -kernel, U-Boot's booti and firmware know it. The image runs where it is linked, 2 MiB into
 * RAM that begins at 0x80000000, which is where they load it; elsewhere it says so and ends.
 */
#define LINK_ADDRESS 0x80200000 /* as in metal.ld */

/* SBI calls that need nothing of this image (SBI v3.0 ch. 5 and 10). */
#define SBI_PUTCHAR  1
#define SBI_SRST     0x53525354

    .section .text.entry, "ax"
    .global _start
_start:
    .option push
    .option norvc
    j       boot
    nop
    .option pop
    .dword  0x200000        /* text_offset: from the start of RAM, and the alignment */
    .dword  _image_size     /* with bss */
    .dword  0               /* flags: little-endian */
    .word   2               /* version 0.2 */
    .word   0
    .dword  0
    .ascii  "RISCV\0\0\0"
    .ascii  "RSC\x05"
    .word   0

/* The one hart that boots: a0 hart id, a1 FDT, satp 0. The others are started by harts.c. */
boot:
    csrw    sie, zero
    csrw    satp, zero
    la      t0, trap_vector
    csrw    stvec, t0

    la      t0, _start
    li      t1, LINK_ADDRESS
    bne     t0, t1, misplaced

    la      t0, _bss_start
    la      t1, _bss_end
1:  bgeu    t0, t1, 2f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       1b
2:  la      sp, boot_stack_end
    li      tp, 0
    fence.i
    tail    metal_main

misplaced:
    la      s0, misplaced_text
1:  lbu     a0, 0(s0)
    beqz    a0, 2f
    li      a7, SBI_PUTCHAR
    ecall
    addi    s0, s0, 1
    j       1b
2:  li      a0, 0           /* shutdown ... */
    li      a1, 1           /* ... for a failure */
    li      a6, 0
    li      a7, SBI_SRST
    ecall
3:  wfi
    j       3b
    .section .rodata.misplaced, "a"
misplaced_text:
    .asciz  "\036trapeze: the hypervisor was not loaded at 0x80200000: load its Image there\n"

/* a0 hart id, a1 struct hart: as SBI hart_start leaves it, or called by the hart that boots. */
    .text
    .global hart_entry
hart_entry:
    csrw    sie, zero
    csrw    satp, zero
    la      t0, trap_vector
    csrw    stvec, t0
    mv      tp, a1
    ld      sp, 0(a1)       /* hart.stack */
    tail    hart_main

/* The hypervisor takes no interrupts, so whatever comes here is a bug of it: trap.c says which. On
 * a stack of its own, as sp may be the trouble. */
    .balign 4
    .global trap_vector
trap_vector:
    csrw    sscratch, sp
    la      sp, trap_stack_end - 32 * 8
    .irp    n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd      x\n, 8*\n(sp)
    .endr
    csrr    t0, sscratch
    sd      t0, 8*2(sp)
    sd      zero, 0(sp)
    mv      a0, sp
    tail    trap_own

    .section .bss.stacks, "aw", @nobits
    .balign 16
    .space  16384
boot_stack_end:
    .space  4096
trap_stack_end:
