/* SPDX-License-Identifier: MIT */
/*
 * The same hart twice: a leader that an engine runs, and an oracle that exec_step takes after it.
 * Guest time must stand still from the leader's `run` to the comparison, for an engine looks at the
 * clock between slices and exec_step not at all.
 */
#ifndef TESTS_UNIT_LOCKSTEP_H
#define TESTS_UNIT_LOCKSTEP_H

#include "core/vcpu.h"

/*
 * The leader has just left `run`. Takes the oracle to the same place: as many instructions retired
 * and traps taken or, when the leader left with an exit, to the oracle's own. Fails the test when
 * there is no such place.
 */
void lockstep_follow(struct vcpu *oracle, const struct vcpu *leader);

/* Everything that a guest could tell: registers, CSRs, mode, counters, pending interrupts, the
 * reservation, the exit. Fails the test and names what differs; `what` says where we are. */
void lockstep_same(const struct vcpu *oracle, const struct vcpu *leader, const char *what);

#endif
