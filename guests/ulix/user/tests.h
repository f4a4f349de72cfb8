/* SPDX-License-Identifier: MIT */
/* The parts of init. */
#ifndef GUESTS_ULIX_USER_TESTS_H
#define GUESTS_ULIX_USER_TESTS_H

#include "guests/ulix/user/user.h"

/* One line: whether the sentence held. A first process that has seen one fail fails the machine. */
void check(bool held, const char *sentence);

/* Code far above the program's first 64 KiB, which some hosts cannot map for a guest. */
#define HIGH __attribute__((section(".text.high"), noinline))

void test_processes(void);
void test_pipes(void);
void test_memory(void);
void test_copies(void);
void test_faults(void);
void test_files(void);

/* What harts do to each other; many times. */
void test_harts(uint64_t rounds, uint64_t seconds);

#endif
