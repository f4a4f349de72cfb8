/* SPDX-License-Identifier: MIT */
/* Our own guests under the interpreter and under exec_step: the same after every slice. */
#include "tests/system/window.h"

#define MILLION UINT64_C(1000000)

static struct board_options guest(const char *kernel)
{
    return (struct board_options){.kernel = kernel, .ram_size = MIB(128), .nvcpus = 1};
}

static void the_interpreter_agrees_with_exec_on_all_of_hello(void **state)
{
    const struct board_options options = guest("hello.elf");
    const uint64_t start = 0;

    (void)state;
    windows_compare(&options, &start, 1, UINT64_MAX / 2);
}

static void the_interpreter_agrees_with_exec_on_all_of_smp_with_one_hart(void **state)
{
    const struct board_options options = guest("smp.elf");
    const uint64_t start = 0;

    (void)state;
    windows_compare(&options, &start, 1, UINT64_MAX / 2);
}

/* Its parts lie far apart: a look at each. */
static void the_interpreter_agrees_with_exec_throughout_bench(void **state)
{
    const struct board_options options = guest("bench.elf");
    uint64_t places[20];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        places[i] = i * 11 * MILLION;
    windows_compare(&options, places, ARRAY_SIZE(places), MILLION);
}

/* Programs at 0, page tables that come and go, faults. */
static void the_interpreter_agrees_with_exec_throughout_ulix(void **state)
{
    const struct board_options options = guest("ulix.elf");
    uint64_t places[20];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        places[i] = i * 5 * MILLION;
    windows_compare(&options, places, ARRAY_SIZE(places), MILLION / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interpreter_agrees_with_exec_on_all_of_hello),
        cmocka_unit_test(the_interpreter_agrees_with_exec_on_all_of_smp_with_one_hart),
        cmocka_unit_test(the_interpreter_agrees_with_exec_throughout_bench),
        cmocka_unit_test(the_interpreter_agrees_with_exec_throughout_ulix),
    };

    return cmocka_run_group_tests_name("own_lockstep", tests, NULL, NULL);
}
