/* SPDX-License-Identifier: MIT */
/* Counting of named checks. One hart prints. */
#include "guests/lib/check.h"

#include "guests/lib/print.h"

static unsigned checks, failures;

void check(bool held, const char *sentence)
{
    checks++;
    if (!held)
        failures++;
    print("%s %s\n", held ? "ok" : "FAIL", sentence);
}

void check_skip(const char *sentence, const char *why)
{
    print("skip %s: %s\n", sentence, why);
}

_Noreturn void check_end(const char *guest)
{
    if (failures > 0) {
        print("%s: %u of %u failed\n", guest, failures, checks);
        guest_fail();
    }
    print("%s: %u checks, all is well\n", guest, checks);
    sbi_shutdown();
}
