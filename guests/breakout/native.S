/* SPDX-License-Identifier: MIT */
/* What has to run on the hart itself, not through the engine: it begins with enough instructions that
 * are not privileged, and has none. And the entry of a second hart. */
    .macro settle
    li t0, 1000
1:  addi t0, t0, -1
    bnez t0, 1b
    .endm

    .text
    .option norvc
    .globl native_load, native_call, native_return, native_scribble, spin, spin_and_fill
    .globl second_entry

native_load:
    settle
    ld a0, (a0)
    ret

/* The system call at a0 (number and six arguments), made at the ecall a1, which a ret follows. */
native_call:
    settle
    mv t0, a0
    mv t1, a1
    ld a7, 0(t0)
    ld a0, 8(t0)
    ld a1, 16(t0)
    ld a2, 24(t0)
    ld a3, 32(t0)
    ld a4, 40(t0)
    ld a5, 48(t0)
    jr t1

/* rt_sigreturn with a frame of our own at a0, at the ecall a1. */
native_return:
    settle
    mv sp, a0
    li a7, 139
    jr a1

/* Random words all over the a1 bytes (a power of two) at a0, for ever. */
native_scribble:
    settle
    li t0, 88172645463325252
    addi a1, a1, -8
1:  slli t1, t0, 13
    xor t0, t0, t1
    srli t1, t0, 7
    xor t0, t0, t1
    slli t1, t0, 17
    xor t0, t0, t1
    srli t1, t0, 20
    and t1, t1, a1
    andi t1, t1, -8
    add t1, t1, a0
    sd t0, (t1)
    j 1b

spin:
    j spin

/* Fills the a1 bytes at a0 with a2, for ever. */
spin_and_fill:
    add t1, a0, a1
1:  mv t0, a0
2:  sd a2, (t0)
    addi t0, t0, 8
    bltu t0, t1, 2b
    j 1b

second_entry:
    la sp, second_stack_top
    call second_main

    .bss
    .balign 16
    .skip 4096
second_stack_top:
