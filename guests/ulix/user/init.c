/* SPDX-License-Identifier: MIT */
/*
 * The first program: checks the kernel from a user's side, then stresses it for rounds=N or
 * seconds=N. With `bench` among its arguments it becomes that program.
 */
#include <string.h>

#include "guests/ulix/user/tests.h"

static uint64_t checks, failures;

void check(bool held, const char *sentence)
{
    checks++;
    if (!held)
        failures++;
    say(held ? "ok " : "FAIL ", sentence, "\n", NULL);
}

int main(int count, char **arguments)
{
    struct digits digits[2];

    (void)count;
    for (char **word = arguments; *word != NULL; word++) {
        if (strcmp(*word, "bench") == 0)
            exec("bench", arguments);
    }
    test_processes();
    test_pipes();
    test_memory();
    test_copies();
    test_faults();
    test_files();
    test_harts(option(arguments, "rounds", 2), option(arguments, "seconds", 0));
    if (failures > 0) {
        say("ulix: ", decimal(&digits[0], failures), " of ", decimal(&digits[1], checks),
            " failed\n", NULL);
        return 1;
    }
    say("ulix: ", decimal(&digits[0], checks), " checks, all is well\n", NULL);
    return 0;
}
