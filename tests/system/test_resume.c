/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of Debian's kernel on its way up: saved, loaded into a new VM and run to its end, it
 * does to the instruction what it would have done without.
 */
#include "tests/system/board.h"

#define RAM_SIZE  MIB(128)
#define DISK_SIZE KIB(256)
#define POINTS    3

static struct board_options linux_options(unsigned nvcpus)
{
    return (struct board_options){
        .kernel = "linux/Image",
        .initrd = "linux/initrd.cpio.gz",
        .append = "console=ttyS0 panic=-1 run=\"nproc; grep -ac sector /dev/vda; "
                  "echo written >/dev/vda; sync; echo 3 >/proc/sys/vm/drop_caches; "
                  "grep -ac sector /dev/vda\"",
        .ram_size = RAM_SIZE,
        .nvcpus = nvcpus,
        .disk_size = DISK_SIZE,
    };
}

/* Same end: console, counts, memory, disk. */
static void assert_same_end(const struct board *full, const struct board *resumed, size_t from)
{
    assert_int_equal(atomic_load(&resumed->machine.vm.stop), VM_OFF);
    assert_string_equal(resumed->console, full->console + from);
    assert_int_equal(resumed->clock.retired, full->clock.retired);
    for (unsigned i = 0; i < full->options->nvcpus; i++) {
        assert_int_equal(resumed->vcpus[i].priv.instret, full->vcpus[i].priv.instret);
        assert_int_equal(resumed->vcpus[i].traps, full->vcpus[i].traps);
        assert_memory_equal(&resumed->vcpus[i].user, &full->vcpus[i].user,
                            sizeof(full->vcpus[i].user));
    }
    assert_int_equal(memcmp(resumed->ram, full->ram, RAM_SIZE), 0);
    assert_int_equal(memcmp(resumed->disk, full->disk, DISK_SIZE), 0);
}

static void assert_boot_is_good(const struct board *board)
{
    assert_int_equal(atomic_load(&board->machine.vm.stop), VM_OFF);
    assert_non_null(strstr(board->console, "guest up: "));
    assert_non_null(strstr(board->console, board->options->nvcpus == 1 ? "\n1\r\n" : "\n4\r\n"));
    assert_non_null(strstr(board->console, "\n512\r\n"));
    assert_non_null(strstr(board->console, "\n511\r\n"));
    assert_memory_equal(board->disk, "written\n", 8);
}

/* Early in the kernel, in the middle, and when the disk has begun to answer. */
static void resume_everywhere(unsigned nvcpus)
{
    static const uint64_t points[POINTS - 1] = {200000000, 600000000};
    const struct board_options options = linux_options(nvcpus);
    struct board_snapshot snapshot[POINTS];
    struct board *full = board_new(&options);

    board_boot(full);
    for (unsigned i = 0; i < POINTS - 1; i++) {
        board_run(full, points[i]);
        board_save(full, &snapshot[i]);
    }
    board_run_to_request(full, 4);
    board_save(full, &snapshot[POINTS - 1]);
    board_run(full, UINT64_MAX);
    assert_boot_is_good(full);
    for (unsigned i = 0; i < POINTS; i++) {
        struct board *resumed = board_load(&options, &snapshot[i]);
        assert_memory_not_equal(resumed->disk, full->disk, 8);
        board_run(resumed, UINT64_MAX);
        assert_same_end(full, resumed, snapshot[i].console_length);
        board_free(resumed);
        board_snapshot_free(&snapshot[i]);
    }
    board_free(full);
}

static void linux_goes_on_from_a_snapshot_as_if_there_had_been_none_1_vcpu(void **state)
{
    (void)state;
    resume_everywhere(1);
}

static void linux_goes_on_from_a_snapshot_as_if_there_had_been_none_4_vcpus(void **state)
{
    (void)state;
    resume_everywhere(4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_goes_on_from_a_snapshot_as_if_there_had_been_none_1_vcpu),
        cmocka_unit_test(linux_goes_on_from_a_snapshot_as_if_there_had_been_none_4_vcpus),
    };

    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
