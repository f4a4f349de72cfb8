/* SPDX-License-Identifier: MIT */
/* Checks that are counted and named, for guests that go on after one has failed. */
#ifndef GUESTS_LIB_CHECK_H
#define GUESTS_LIB_CHECK_H

#include <stdbool.h>

/* One line: whether `sentence`, which a specification says, held. */
void check(bool held, const char *sentence);

/* One line that says why a sentence could not be looked at here. */
void check_skip(const char *sentence, const char *why);

/* The count of both kinds, then powers off: with the failure reason if a sentence did not hold. */
_Noreturn void check_end(const char *guest);

#endif
