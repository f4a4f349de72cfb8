/* SPDX-License-Identifier: MIT */
/* Instruction words for tests, made from the rows of insn.def, and their execution. */
#ifndef TESTS_UNIT_ENCODE_H
#define TESTS_UNIT_ENCODE_H

#include "core/exec.h"

/* Unused operands 0. Immediates as in assembly: bytes for branches and jumps, the upper 20 bits
 * for lui and auipc. */
uint32_t encode_r(enum insn_id id, unsigned rd, unsigned rs1, unsigned rs2);
uint32_t encode_i(enum insn_id id, unsigned rd, unsigned rs1, int32_t imm); /* and shifts, CSRs */
uint32_t encode_s(enum insn_id id, unsigned rs1, unsigned rs2, int32_t imm);
uint32_t encode_b(enum insn_id id, unsigned rs1, unsigned rs2, int32_t offset);
uint32_t encode_u(enum insn_id id, unsigned rd, uint32_t upper);
uint32_t encode_j(unsigned rd, int32_t offset);

/* Decodes for the vCPU's ISA and executes, without fetching. */
enum exec_status run(struct vcpu *vcpu, uint32_t raw, struct trap *trap);

/* Executes what must end as `expected`. */
void run_expect(struct vcpu *vcpu, uint32_t raw, enum exec_status expected);

/* Executes what must trap, and checks that pc and x did not change. */
void run_expect_trap(struct vcpu *vcpu, uint32_t raw, uint64_t cause, uint64_t tval);

#endif
