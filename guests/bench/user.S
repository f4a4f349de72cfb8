/* SPDX-License-Identifier: MIT */
/*
 * The user programs: counted loops, so written instruction by instruction. a0 is their argument;
 * they end with exit.
 */

#define SYS_write 64
#define SYS_exit  93

    .section .user, "ax"
    .globl user_pure, user_memory, user_badsyscall, user_goodsyscall, user_ecall, \
        user_touch
    .balign 4096

/* 10 M times 9 instructions that touch registers only */
user_pure:
    li R0, 10000000
1:  addi R1, R1, 1
    add R2, R2, R1
    xor R3, R3, R2
    slli R4, R3, 3
    sub R5, R4, R1
    or R2, R2, R5
    and R3, R3, R4
    addi R0, R0, -1
    bnez R0, 1b
    j exit

/* 10 M stores of 8 bytes, one after the other over the 1 MiB at a0, 9 instructions each */
user_memory:
    li R0, 10000000
    li R1, 0
    li R2, 0xfffff
1:  add R3, a0, R1
    sd R0, (R3)
    addi R1, R1, 8
    and R1, R1, R2
    xor R4, R4, R0
    add R5, R5, R4
    srli R4, R5, 1
    addi R0, R0, -1
    bnez R0, 1b
    j exit

/* 1000 writes to a descriptor that is not open: each answers -1 */
user_badsyscall:
    li R0, 1000
1:  li a0, 99
    la a1, message
    li a2, 9
    li a7, SYS_write
    ecall
    bgez a0, failed
    addi R0, R0, -1
    bnez R0, 1b
    j exit

/* 1000 writes of 9 characters */
user_goodsyscall:
    li R0, 1000
1:  li a0, 1
    la a1, message
    li a2, 9
    li a7, SYS_write
    ecall
    li R1, 9
    bne a0, R1, failed
    addi R0, R0, -1
    bnez R0, 1b
    j exit

/*
 * a0 ecalls and nothing else; answered by the fast entry, which takes no exit, so a breakpoint ends
 * it
 */
user_ecall:
    ecall
    addi a0, a0, -1
    bnez a0, user_ecall
    ebreak

/* A store to each of 256 pages 64 KiB apart, from a0 on */
user_touch:
    li R0, 256
    li R1, 0x10000
1:  sd R0, (a0)
    add a0, a0, R1
    addi R0, R0, -1
    bnez R0, 1b
    j exit

failed:
    li a0, 1
    li a7, SYS_exit
    ecall
exit:
    li a0, 0
    li a7, SYS_exit
    ecall

message:
    .ascii "good.sys\n"
