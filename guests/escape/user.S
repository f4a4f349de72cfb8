/* SPDX-License-Identifier: MIT */
/* User code that tries to get out. Each piece ends with ebreak unless something ends it before. */
    .section .user, "ax"
    .option norvc
    .balign 4096
    .globl user_load, user_store, user_ecall, user_call, user_return, user_spin, user_jump
    .globl user_scribble

user_load:
    ld a0, (a0)
    ebreak

user_store:
    sd a1, (a0)
    ebreak

/* a0: the number. The other registers hold what a kernel could take for arguments. */
user_ecall:
    mv a7, a0
    li a1, 1
    li a2, 1
    ecall
    ebreak

/* The system call at a0 (number and six arguments), made at the ecall a1, which a ret follows. */
user_call:
    mv t0, a0
    mv t1, a1
    ld a7, 0(t0)
    ld a0, 8(t0)
    ld a1, 16(t0)
    ld a2, 24(t0)
    ld a3, 32(t0)
    ld a4, 40(t0)
    ld a5, 48(t0)
    jalr ra, (t1)
    ebreak

/* rt_sigreturn with a frame of our own at a0, at the ecall a1. */
user_return:
    mv sp, a0
    li a7, 139
    jr a1

user_spin:
    j user_spin

/* To a0, with a1 in every register that could matter. */
user_jump:
    mv t6, a0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, \
            26, 27, 28, 29, 30
    mv x\n, a1
    .endr
    jr t6

/* Random words all over the page at a0, and a1 at a2 in between, for ever. */
user_scribble:
    li t0, 88172645463325252
1:  slli t1, t0, 13
    xor t0, t0, t1
    srli t1, t0, 7
    xor t0, t0, t1
    slli t1, t0, 17
    xor t0, t0, t1
    srli t1, t0, 20
    andi t1, t1, 0x7f8
    add t1, t1, a0
    sd t0, (t1)
    sw a1, (a2)
    j 1b
