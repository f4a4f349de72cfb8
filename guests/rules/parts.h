/* SPDX-License-Identifier: MIT */
/* The groups of rules, a file each. */
#ifndef GUESTS_RULES_PARTS_H
#define GUESTS_RULES_PARTS_H

void check_instructions(void);
void check_csrs(void);
void check_pages(void);
void check_faults(void);
void check_interrupts(void);
void check_code(void);
void check_ticks(void);

/* Encodings of instructions on a0 (x10) and a1 (x11). */
#define INSN_NOP      0x00000013U
#define INSN_LB       0x00050503U /* lb a0, (a0) */
#define INSN_LW       0x00052503U /* lw a0, (a0) */
#define INSN_LD       0x00053503U /* ld a0, (a0) */
#define INSN_SB       0x00b50023U /* sb a1, (a0) */
#define INSN_SW       0x00b52023U /* sw a1, (a0) */
#define INSN_SD       0x00b53023U /* sd a1, (a0) */
#define INSN_LR_D     0x100535afU /* lr.d a1, (a0) */
#define INSN_SC_D     0x18b535afU /* sc.d a1, a1, (a0) */
#define INSN_AMOADD   0x00b535afU /* amoadd.d a1, a1, (a0) */
#define INSN_ECALL    0x00000073U
#define INSN_EBREAK   0x00100073U
#define INSN_C_EBREAK 0x9002U
#define INSN_SRET     0x10200073U
#define INSN_MRET     0x30200073U
#define INSN_WFI      0x10500073U
#define INSN_SFENCE   0x12000073U
#define INSN_FENCE    0x0ff0000fU
#define INSN_FENCE_I  0x0000100fU
#define INSN_CSRR(n)  (0x00002573U | (uint32_t)(n) << 20) /* csrr a0, n */
#define INSN_CSRW(n)  (0x00051073U | (uint32_t)(n) << 20) /* csrw n, a0 */

#endif
