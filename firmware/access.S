/* SPDX-License-Identifier: MIT */
/*
 * Byte copies through the eyes of the interrupted mode (see access.h). mtvec points to the fault
 * handler meanwhile; a trap from M-mode overwrites mepc and mstatus.MPP, which are put back.
 */
#include "firmware/offsets.h"

    /* a0 to, a1 from, a2 n, a3 modifiers, a4 fault, a5 has_h */
    .text
    .globl access_in
access_in:
    csrr t3, mepc
    csrr t4, mstatus
    la t0, access_failed
    csrrw t1, mtvec, t0
    beqz a2, 2f
1:  csrs mstatus, a3
    lbu t2, (a1)
    csrw mstatus, t4
    sb t2, (a0)
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 1b
2:  csrw mtvec, t1
    li a0, 0
    ret

    .globl access_out
access_out:
    csrr t3, mepc
    csrr t4, mstatus
    la t0, access_failed
    csrrw t1, mtvec, t0
    beqz a2, 2f
1:  lbu t2, (a1)
    csrs mstatus, a3
    sb t2, (a0)
    csrw mstatus, t4
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 1b
2:  csrw mtvec, t1
    li a0, 0
    ret

    .balign 4
access_failed:
    csrr t5, mstatus
    csrw mstatus, t4
    csrw mtvec, t1
    csrr t0, mcause
    sd t0, FAULT_CAUSE(a4)
    csrr t0, mtval
    sd t0, FAULT_TVAL(a4)
    srli t5, t5, GVA_BIT
    andi t5, t5, 1
    sd t5, FAULT_GVA(a4)
    sd zero, FAULT_TVAL2(a4)
    beqz a5, 1f
    csrr t0, 0x34b              /* mtval2 */
    sd t0, FAULT_TVAL2(a4)
1:  csrw mepc, t3
    li a0, -1
    ret
