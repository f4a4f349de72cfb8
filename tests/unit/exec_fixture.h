/* SPDX-License-Identifier: MIT */
/* What the tests of exec's memory accesses share, on top of the fixture. */
#ifndef TESTS_UNIT_EXEC_FIXTURE_H
#define TESTS_UNIT_EXEC_FIXTURE_H

#include "tests/unit/fixture.h"

#define DATA   (FIXTURE_RAM + 0x2000)
#define DEVICE UINT64_C(0x10000000)
#define HOLE   UINT64_C(0x20000000) /* neither RAM nor a device */

/* A leaf without permissions. */
#define PTE_AD (PTE_V | PTE_A | PTE_D)

/* The fixture's setup, and: hart 0 with x5 = DATA and FS Initial, a device on the bus that fails
 * the test when it is accessed. */
int exec_setup(void **state);

struct vcpu *hart(void **state); /* hart 0 */

/* The doubleword of RAM at a guest-physical address. */
uint64_t *word_at(void **state, gpa_t gpa);

/* Sv39 with one page of 1 GiB: RAM appears at virtual 0 with the PTE bits given. x5 = DATA there.
 */
void map_ram(void **state, uint64_t bits);

#endif
