/* SPDX-License-Identifier: MIT */
/*
 * Executes one decoded instruction on a vCPU: the whole ISA that core knows, floating point
 * included, as portable integer C. The oracle for every other way of executing, and the slow path
 * of most.
 */
#ifndef CORE_EXEC_H
#define CORE_EXEC_H

#include "core/insn.h"
#include "core/trap.h"
#include "core/vcpu.h"

enum exec_status {
    EXEC_NEXT = 0, /* done; pc is that of the next instruction; instret counted by the caller */
    EXEC_TRAP,     /* *trap holds an exception; nothing changed; pc still at the instruction */
    EXEC_EXIT,     /* vcpu->priv.exit is filled (MMIO, SBI, WFI); see exit.h for where pc is */
    EXEC_CONTEXT,  /* like EXEC_NEXT, but what an engine caches may have changed: mode, satp,
                      sstatus, TLB or code flush, an interrupt made deliverable */
    EXEC_CODE,     /* like EXEC_NEXT: fence.i */
};

enum exec_status exec_insn(struct vcpu *vcpu, const struct insn *insn,
                           struct trap *trap) MUST_CHECK;

/* Floating-point part of exec_insn (INSN_CLASS_FP); checks FS and the rounding mode. */
enum exec_status exec_fp(struct vcpu *vcpu, const struct insn *insn, struct trap *trap) MUST_CHECK;

/*
 * Fetch, decode, execute, deliver: one instruction or one trap or one interrupt, instret counted.
 * Returns EXEC_EXIT when priv.exit needs handling, else EXEC_NEXT.
 */
enum exec_status exec_step(struct vcpu *vcpu) MUST_CHECK;

#endif
