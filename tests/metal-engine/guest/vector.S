/* SPDX-License-Identifier: MIT */
/*
 * A trap vector that writes down what it met and goes on where the test said. It uses sscratch, and
 * loses no register.
 */
    .text
    .balign 4
    .globl probe_vector
probe_vector:
    csrw sscratch, t0
    la t0, met
    sd t1, 40(t0)
    csrr t1, scause
    sd t1, 0(t0)
    csrr t1, stval
    sd t1, 8(t0)
    csrr t1, sepc
    sd t1, 16(t0)
    ld t1, 24(t0)           /* met.count++ */
    addi t1, t1, 1
    sd t1, 24(t0)
    csrr t1, scause
    bltz t1, interrupt
    ld t1, 32(t0)           /* met.resume */
    csrw sepc, t1
    csrr t1, sstatus        /* back into S-mode, from U-mode too */
    li t0, 0x100
    csrs sstatus, t0
    la t0, met
    j leave
interrupt:
    li t1, 2                /* a software interrupt is over, others are not wanted again */
    csrc sip, t1
    not t1, t1
    csrc sie, t1
leave:
    ld t1, 40(t0)
    csrr t0, sscratch
    sret

    .balign 4096            /* on a page of its own, so that a table can give it rights of its own */
    .globl victim
victim:
    li a0, 42
    ret
    .balign 4096
    .globl behind_victim
behind_victim:
    ret
