/* SPDX-License-Identifier: MIT */
/* A VM without a host, for tests that run the same twice: under the translator, by exec_step. */
#ifndef TESTS_BT_SIDE_H
#define TESTS_BT_SIDE_H

#include "core/machine.h"

struct side {
    struct machine machine;
    struct vcpu vcpu;
    uint8_t *ram;
    uint64_t device_deadline[VM_MAX_DEVICES];
    void (*work[8])(void *arg);
    void *work_arg[8];
    unsigned nwork;
    bool talks;
};

/* The clock of all sides, in instructions, 100 a tick. */
extern uint64_t retired;

_Noreturn void fail(const char *what);

/* A machine with so much RAM and one vCPU of engine_bt, booted. `step`: run leaves after every
 * block. `ext`: extensions (bits by enum isa_ext) beside those that the engine offers here. */
struct side *make_side(const struct machine_boot *boot, size_t size, bool step, uint64_t ext);
/* How many pages its mirrors have had. */
unsigned long long mirrored_pages(const struct side *side);
/* Carries out what devices wait for. */
void settle(struct side *side);
/* What a guest could tell of the two, but for FS (which may be set to Dirty early); NULL: nothing.
 */
const char *differs(const struct vcpu *a, const struct vcpu *b);
void show(const char *name, const struct vcpu *vcpu);

#endif
