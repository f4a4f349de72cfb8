/* SPDX-License-Identifier: MIT */
/* User code that tries to get out. Each piece ends with ebreak unless something ends it before. */
    .section .user, "ax"
    .option norvc
    .balign 4096
    .globl user_load, user_store, user_ecall, user_call, user_return, user_spin

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
