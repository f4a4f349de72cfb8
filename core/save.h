/* SPDX-License-Identifier: MIT */
/*
 * Save and load of a whole quiesced VM. Format: header (magic, version, shape of the VM), then
 * sections {tag, length}: vCPUs, irqchip, devices, console, RAM (pages that are not zero), time.
 * Loading trusts nothing: every value passes the same checks as one from the guest.
 */
#ifndef CORE_SAVE_H
#define CORE_SAVE_H

#include "core/stream.h"
#include "core/types.h"

struct vm;

/* Quiesced: every vCPU outside `run`, no access half done, no device request under way
 * (ERR_BUSY otherwise). */
int vm_save(struct vm *vm, struct stream *out) MUST_CHECK;

/* Into a VM of the same shape (RAM, harts, devices, ISA), freshly made. ERR_FORMAT, ERR_VERSION,
 * ERR_INVALID (another shape or illegal values), ERR_TRUNCATED. On error the VM must not be run.
 * *guest_time receives the time at the save; the host sets its clock offset from it. */
int vm_load(struct vm *vm, struct stream *in, uint64_t *guest_time) MUST_CHECK;

#endif
