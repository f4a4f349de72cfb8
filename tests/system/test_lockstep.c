/* SPDX-License-Identifier: MIT */
/* Debian's kernel under the interpreter and under exec_step: the same after every slice. */
#include "tests/system/window.h"

#define MILLION UINT64_C(1000000)

static const struct board_options options = {
    .kernel = "linux/Image",
    .initrd = "linux/initrd.cpio.gz",
    .append = "console=ttyS0 panic=-1 run=\"cat /dev/vda >/dev/null; ls -l / >/dev/null\"",
    .ram_size = MIB(128),
    .nvcpus = 1,
    .disk_size = KIB(256),
};

static void the_interpreter_agrees_with_exec_on_the_first_instructions_of_linux(void **state)
{
    const uint64_t start = 0;

    (void)state;
    windows_compare(&options, &start, 1, 12 * MILLION);
}

/* Kernel, modules, disk and user programs. */
static void the_interpreter_agrees_with_exec_throughout_a_boot_of_linux(void **state)
{
    uint64_t places[12];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
        places[i] = (100 + i * 100) * MILLION;
    windows_compare(&options, places, ARRAY_SIZE(places), 2 * MILLION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interpreter_agrees_with_exec_on_the_first_instructions_of_linux),
        cmocka_unit_test(the_interpreter_agrees_with_exec_throughout_a_boot_of_linux),
    };

    return cmocka_run_group_tests_name("lockstep", tests, NULL, NULL);
}
