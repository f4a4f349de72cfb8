/* SPDX-License-Identifier: MIT */
/*
 * Whole guests on all threads of the Linux host, under ThreadSanitizer. A race ends the program.
 * ThreadSanitizer does not know fences: a guest that reads what a device wrote only because of one
 * would be reported, so ours ask the device for its interrupt status first, as drivers do anyway.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/interp/interp.h"
#include "host/linux/run.h"

#define GUESTS "build/guests/"

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "halt_on_error=1";
}

static char *console; /* what the guest printed, zero-terminated */
static char disk[] = "/tmp/trapeze-threads-XXXXXX";

static struct run_options options(const char *kernel, unsigned vcpus)
{
    return (struct run_options){
        .engine = &engine_interp,
        .kernel = kernel,
        .name = "test",
        .memory = MIB(64),
        .vcpus = vcpus,
        .timeout = 60,
        .log = LOG_ERROR,
    };
}

/* Puts a new file without a name in place of a descriptor; returns the old one. */
static int replace(int fd, const char *content)
{
    FILE *file = tmpfile();
    int old = dup(fd);

    assert_non_null(file);
    assert_true(old >= 0);
    fputs(content, file);
    rewind(file);
    assert_int_equal(dup2(fileno(file), fd), fd);
    fclose(file);
    return old;
}

static void read_console(void)
{
    off_t size = lseek(STDOUT_FILENO, 0, SEEK_END);

    free(console);
    console = calloc(1, (size_t)size + 1);
    assert_non_null(console);
    assert_int_equal(pread(STDOUT_FILENO, console, (size_t)size, 0), size);
}

/* Runs a guest with these commands typed. */
static enum run_status run_guest(const struct run_options *o, const char *commands)
{
    fflush(stdout);
    int input = replace(STDIN_FILENO, commands), output = replace(STDOUT_FILENO, "");
    enum run_status status = run(o);

    read_console();
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    close(input);
    close(output);
    return status;
}

static unsigned count(const char *text)
{
    unsigned n = 0;

    for (const char *at = console; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

static void harts_share_memory_interrupt_and_fence_each_other(void **state)
{
    struct run_options o = options(GUESTS "smp.elf", 4);

    (void)state;
    assert_int_equal(run_guest(&o, ""), RUN_OFF);
    assert_int_equal(count("smp: 4 harts, all is well"), 1);
}

static void harts_start_stop_and_suspend_each_other(void **state)
{
    struct run_options o = options(GUESTS "sbi-check.elf", 4);

    (void)state;
    assert_int_equal(run_guest(&o, ""), RUN_OFF);
    assert_int_equal(count("all is well"), 1);
}

static void timer_ticks_wake_a_waiting_hart(void **state)
{
    struct run_options o = options(GUESTS "hello.elf", 1);

    (void)state;
    assert_int_equal(run_guest(&o, ""), RUN_OFF);
    assert_int_equal(count("hello: tick"), 5);
}

static void disk_requests_complete_while_harts_run(void **state)
{
    struct run_options o = options(GUESTS "remote.elf", 4);

    (void)state;
    o.disk[0].path = disk;
    o.ndisks = 1;
    assert_int_equal(run_guest(&o, "wfrwfr."), RUN_OFF);
    assert_int_equal(count("read 16 done, 0 failed, 0 wrong"), 2);
}

static void resets_come_while_disk_requests_are_under_way(void **state)
{
    struct run_options o = options(GUESTS "remote.elf", 2);

    (void)state;
    o.disk[0].path = disk;
    o.ndisks = 1;
    assert_int_equal(run_guest(&o, "aCaWaCaWaCaWr."), RUN_OFF);
    assert_int_equal(count("remote: ready"), 7);
    assert_int_equal(count("read 16 done, 0 failed, 0 wrong"), 1);
}

static void input_and_output_flow_while_the_guest_runs(void **state)
{
    struct run_options o = options(GUESTS "remote.elf", 2);
    static char text[20000];

    (void)state;
    memset(text, 'Q', sizeof(text) - 1);
    text[0] = 'e';
    strcpy(text + sizeof(text) - 4, "\004g.");
    assert_int_equal(run_guest(&o, text), RUN_OFF);
    assert_int_equal(count("Q"), sizeof(text) - 5);
    assert_int_equal(count(": needs reset"), 8);
}

static void *send_signal(void *arg)
{
    (void)arg;
    usleep(300000);
    kill(getpid(), SIGTERM);
    return NULL;
}

/* Spinning, sleeping, in a loop of traps, printing faster than anybody reads. */
static void signal_and_timeout_end_a_guest_in_every_state(void **state)
{
    struct run_options o = options(GUESTS "remote.elf", 3);

    (void)state;
    for (const char *how = "sitl"; *how != '\0'; how++) {
        char command[] = {*how, '\0'};
        pthread_t thread;
        o.timeout = 60;
        assert_int_equal(pthread_create(&thread, NULL, send_signal, NULL), 0);
        assert_int_equal(run_guest(&o, command), RUN_SIGNALLED);
        pthread_join(thread, NULL);
        o.timeout = 0.3;
        assert_int_equal(run_guest(&o, command), RUN_TIMEOUT);
    }
}

static void parked_hart_ends_the_others(void **state)
{
    struct run_options o = options(GUESTS "remote.elf", 4);

    (void)state;
    assert_int_equal(run_guest(&o, "u"), RUN_PARKED);
}

static int make_disk(void **state)
{
    int fd = mkstemp(disk);

    (void)state;
    return fd < 0 || ftruncate(fd, (off_t)MIB(1)) != 0 || close(fd) != 0;
}

static int remove_disk(void **state)
{
    (void)state;
    free(console);
    return unlink(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harts_share_memory_interrupt_and_fence_each_other),
        cmocka_unit_test(harts_start_stop_and_suspend_each_other),
        cmocka_unit_test(timer_ticks_wake_a_waiting_hart),
        cmocka_unit_test(disk_requests_complete_while_harts_run),
        cmocka_unit_test(resets_come_while_disk_requests_are_under_way),
        cmocka_unit_test(input_and_output_flow_while_the_guest_runs),
        cmocka_unit_test(signal_and_timeout_end_a_guest_in_every_state),
        cmocka_unit_test(parked_hart_ends_the_others),
    };

    return cmocka_run_group_tests_name("run", tests, make_disk, remove_disk);
}
