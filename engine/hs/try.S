/* SPDX-License-Identifier: MIT */
/*
 * One illegal instruction in VS-mode, delegated to VS-mode, whose handler calls back. Both stages
 * are Bare. Returns vscause: 2, unless the hart numbers what it delegates wrongly.
 */
#define ILLEGAL     2
#define SSTATUS_SPP (1 << 8)
#define HSTATUS_SPV (1 << 7)
#define CSR_VSTVEC  0x205
#define CSR_VSCAUSE 0x242
#define CSR_VSATP   0x280
#define CSR_HSTATUS 0x600
#define CSR_HEDELEG 0x602
#define CSR_HGATP   0x680

    .text
    .globl hs_try_illegal
hs_try_illegal:
    csrr t0, stvec
    csrr t1, sstatus
    csrr t2, CSR_HSTATUS
    csrr t3, CSR_HEDELEG
    la t4, 3f
    csrw stvec, t4
    la t4, 2f
    csrw CSR_VSTVEC, t4
    li t4, 1 << ILLEGAL
    csrw CSR_HEDELEG, t4
    li t4, ILLEGAL              /* stands when the hart does not delegate it */
    csrw CSR_VSCAUSE, t4
    csrw CSR_VSATP, zero
    csrw CSR_HGATP, zero
    li t4, HSTATUS_SPV
    csrs CSR_HSTATUS, t4
    li t4, SSTATUS_SPP
    csrs sstatus, t4
    la t4, 1f
    csrw sepc, t4
    sret
    .balign 4
1:  .word 0
    .balign 4
2:  ecall
    .balign 4
3:  csrw stvec, t0
    csrw sstatus, t1
    csrw CSR_HSTATUS, t2
    csrw CSR_HEDELEG, t3
    csrr a0, CSR_VSCAUSE
    ret
