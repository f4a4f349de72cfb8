/* SPDX-License-Identifier: MIT */
/* Stretches of a guest's life under the interpreter and under exec_step at once. */
#ifndef TESTS_SYSTEM_WINDOW_H
#define TESTS_SYSTEM_WINDOW_H

#include "tests/system/board.h"

/*
 * Boots the guest (1 vCPU) and, whenever the clock reaches one of `count` places in ascending
 * order, runs two copies of it for `length` instructions side by side, in slices from one
 * instruction to ten thousand; compares after each slice, and memory in the end. Fails the test on
 * any difference, and when the guest has stopped before the last place.
 */
void windows_compare(const struct board_options *options, const uint64_t *places, unsigned count,
                     uint64_t length);

#endif
