/* SPDX-License-Identifier: MIT */
/* What the files that make up exec share; nobody else includes it. See exec.h for the contract. */
#ifndef CORE_EXEC_PARTS_H
#define CORE_EXEC_PARTS_H

#include "core/csr.h"
#include "core/exec.h"

/* exec_mem.c: loads and stores, integer and floating point. */
enum exec_status exec_mem(struct vcpu *vcpu, const struct insn *insn, struct trap *trap) MUST_CHECK;

/* exec_atomic.c: AMO, LR, SC. */
enum exec_status exec_atomic(struct vcpu *vcpu, const struct insn *insn,
                             struct trap *trap) MUST_CHECK;

/* exec_cbo.c: cache-block operations. */
enum exec_status exec_cbo(struct vcpu *vcpu, const struct insn *insn, struct trap *trap) MUST_CHECK;

/* exec_system.c: CSR accesses, and ecall, ebreak, sret, wfi, sfence.vma. */
enum exec_status exec_csr(struct vcpu *vcpu, const struct insn *insn, struct trap *trap) MUST_CHECK;
enum exec_status exec_system(struct vcpu *vcpu, const struct insn *insn,
                             struct trap *trap) MUST_CHECK;

/* The instruction is done: on to the next one. */
static inline enum exec_status exec_done(struct vcpu *vcpu, const struct insn *insn)
{
    vcpu->user.pc += insn->len;
    return EXEC_NEXT;
}

static inline enum exec_status exec_raise(struct trap *trap, enum cause cause, uint64_t tval)
{
    *trap = (struct trap){.cause = cause, .tval = tval};
    return EXEC_TRAP;
}

/* stval receives the instruction itself (Priv. 12.1.9). */
static inline enum exec_status exec_illegal(struct trap *trap, const struct insn *insn)
{
    return exec_raise(trap, CAUSE_ILLEGAL_INSN, insn->raw);
}

#endif
