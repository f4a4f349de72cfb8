/* SPDX-License-Identifier: MIT */
/* The host's side of hart state management. */
#ifndef CORE_SBI_HSM_H
#define CORE_SBI_HSM_H

#include "core/vcpu.h"

/*
 * Called by the thread that owns the vCPU before it runs it, outside `run`: carries a started hart
 * to its entry, and a suspended one for which an interrupt is pending and enabled out of its
 * suspension. Returns whether the hart may execute; if not, wait for vcpu_has_wakeup.
 */
bool hsm_settle(struct vcpu *vcpu) MUST_CHECK;

#endif
