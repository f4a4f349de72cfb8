/* SPDX-License-Identifier: MIT */
/*
 * User programs, copied to where they run: position independent. a0 is the program's page of data,
 * a1 a page that nobody has mapped yet. System calls: a7 1 writes a1 bytes from a0, 2 exits with a0.
 */
    .section .rodata.programs, "a"
    .globl program_first, program_second, program_writer, programs_end
    .balign 8

/* Writes, computes, spins until it was preempted three times, uses a page that it gets on demand. */
program_first:
    mv s0, a0
    mv s1, a1
    li t0, 0x0a696821           /* "!hi\n" */
    sw t0, (s0)
    li a1, 4
    li a7, 1
    ecall
    rdtime s2
    .word 0xd2000053            /* fcvt.d.w ft0, zero, rne: nobody has turned FS on */
1:  ld t0, 8(s0)                /* the kernel counts preemptions there */
    li t1, 3
    bltu t0, t1, 1b
    sd s2, 8(s1)
    ld t0, 8(s1)
    li a0, 11
    beq t0, s2, 2f
    li a0, 1
2:  li a7, 2
    ecall

/* As long as the first, so that it lies on top of it. */
program_second:
    li a0, 22
    li a7, 2
    ecall

/* Writes to its data whenever it is run. */
program_writer:
    sd a7, (a0)
    mv s0, a0
1:  li a0, 33
    li a7, 2
    ecall
    sd a7, (s0)
    j 1b
programs_end:
