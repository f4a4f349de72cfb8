/* SPDX-License-Identifier: MIT */
/* Two fixtures with the same guest: hart 0 of one under the interpreter, of the other under
 * exec_step. */
#ifndef TESTS_UNIT_TWINS_H
#define TESTS_UNIT_TWINS_H

#include "tests/unit/fixture.h"

#define TWINS_DEVICE UINT64_C(0x10000000) /* a page of a device that remembers what it was told */

struct twins {
    struct fixture *leader, *oracle;
    struct bus_region region[2]; /* the device of each ... */
    uint64_t device[2];          /* ... and what it remembers */
};

/* cmocka setup and teardown: *state is a struct twins. */
int twins_setup(void **state);
int twins_teardown(void **state);

struct vcpu *twins_leader(struct twins *twins);
struct vcpu *twins_oracle(struct twins *twins);

/* RAM of both; the guest is not told. */
void twins_write(struct twins *twins, gpa_t gpa, const void *data, size_t length);
void twins_write_u32(struct twins *twins, gpa_t gpa, uint32_t value);
void twins_write_u64(struct twins *twins, gpa_t gpa, uint64_t value);
uint64_t twins_read_u64(struct twins *twins, gpa_t gpa); /* the leader's */

/*
 * Two page tables (`table` 0 and 1), Sv39, for [TWINS_VIRTUAL, + 1 GiB): 4 KiB pages in the first
 * 2 MiB, pages of 2 MiB behind. The guest is not told of a change.
 */
#define TWINS_VIRTUAL UINT64_C(0x40000000)
#define TWINS_WIDE    (TWINS_VIRTUAL + MIB(2)) /* where twins_map_wide's page 1 lies */
void twins_map(struct twins *twins, unsigned table, unsigned page, gpa_t gpa, uint64_t bits);
void twins_map_wide(struct twins *twins, unsigned table, unsigned page, gpa_t gpa, uint64_t bits);
gpa_t twins_pte(unsigned table, unsigned page); /* where the PTE of a 4 KiB page lies */
uint64_t twins_satp(unsigned table, uint64_t asid);

/* Both harts: a register, and a whole record. */
void twins_set_x(struct twins *twins, unsigned reg, uint64_t value);
void twins_set_record(struct twins *twins, const struct vcpu_user *user,
                      const struct vcpu_priv *priv);

/* Once `run` of the leader for about `count` instructions, and the oracle after it; compares, and
 * handles the exit on both sides. Returns the exit's kind. */
enum exit_kind twins_run_once(struct twins *twins, uint64_t count, const char *what);

/* Runs until the guest executes wfi; fails the test when it does not within `count` instructions.
 */
void twins_run_to_wfi(struct twins *twins, uint64_t count);

/* RAM of both is the same in [gpa, gpa + length). */
void twins_same_ram(struct twins *twins, gpa_t gpa, size_t length, const char *what);

#endif
