/* SPDX-License-Identifier: MIT */
/*
 * What a debugger needs of a stopped vCPU: registers by class and number, memory through the
 * vCPU's own translation. Protocol-free: a gdb stub is a file on top.
 */
#ifndef CORE_DEBUG_H
#define CORE_DEBUG_H

#include "core/types.h"
#include "core/vcpu.h"

enum debug_class { DEBUG_X, DEBUG_F, DEBUG_CSR, DEBUG_PC, DEBUG_MODE };

/* ERR_NOT_FOUND: no such register; ERR_INVALID: a value that the register cannot hold. */
int debug_read_register(struct vcpu *vcpu, enum debug_class class, unsigned number,
                        uint64_t *value) MUST_CHECK;
int debug_write_register(struct vcpu *vcpu, enum debug_class class, unsigned number,
                         uint64_t value) MUST_CHECK;

/* Guest-virtual memory, page by page; devices are not touched. ERR_RANGE at the first byte that is
 * not mapped RAM; *done counts the bytes before it. */
int debug_read_memory(struct vcpu *vcpu, gva_t va, void *out, size_t length,
                      size_t *done) MUST_CHECK;
int debug_write_memory(struct vcpu *vcpu, gva_t va, const void *data, size_t length,
                       size_t *done) MUST_CHECK;

/* Executes one instruction (or delivers one trap) with exec; MMIO and SBI included. */
enum exit_action debug_step(struct vcpu *vcpu) MUST_CHECK;

#endif
