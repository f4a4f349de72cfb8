/* SPDX-License-Identifier: MIT */
/*
 * Save and load of a whole quiesced VM. Format, little-endian: magic, version, then sections {tag,
 * length, fields} in this order: shape of the VM, guest time, RAM (pages that are not zero, each
 * behind its address), each vCPU, console input, irqchip, each device. Loading trusts nothing:
 * every value passes the same checks as one from the guest.
 */
#ifndef CORE_SAVE_H
#define CORE_SAVE_H

#include "core/stream.h"
#include "core/types.h"

struct vm;

/*
 * Quiesced: every vCPU outside `run`, no device request under way (ERR_BUSY otherwise). An access
 * that its device has carried out and that is not completed is saved as that; one that is decoded
 * only is forgotten, as pc still stands at its instruction. ERR_INVALID: the guest has ended the VM
 * (off, failed, reset), so there is nothing to save. ERR_UNSUPPORTED: vector registers wider than
 * the record. Errors of the stream and of devices.
 */
int vm_save(struct vm *vm, struct stream *out) MUST_CHECK;

/*
 * Into a VM of the same shape (RAM, harts, devices, ISA, timebase), freshly made, with its RAM
 * zeroed. ERR_FORMAT, ERR_VERSION, ERR_INVALID (another shape or illegal values), ERR_TRUNCATED;
 * ERR_RANGE, with a message: guest time would run backwards (vm->time_fixed).
 * On error the VM must not be run. *guest_time receives the time at the save; the host sets its
 * clock from it, calls vm_load_timers, and exit_handle for each vCPU whose exit is not EXIT_NONE
 * before that vCPU runs.
 */
int vm_load(struct vm *vm, struct stream *in, uint64_t *guest_time) MUST_CHECK;

/* After vm_load, once the host's clock is right: sets the deadlines of harts and devices anew.
 * Without the VM lock. */
void vm_load_timers(struct vm *vm);

#endif
