/* SPDX-License-Identifier: MIT */
/* Filters of threads (docs/threat-model.md, "Threads of the engine bt"): a child puts one on, makes
 * one call, and its end tells what the filter thought of it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "host/linux/host.h"
#include "tests/unit/fixture.h"

#define WAKE 200 /* a descriptor that stands for the eventfd, */
#define RAM  201 /* and one for guest RAM */

struct call {
    const char *name;
    long number, arg[6];
};

#define RW    (PROT_READ | PROT_WRITE)
#define RWX   (RW | PROT_EXEC)
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define HOST  ((long)(intptr_t) "/dev/null")
#define BYTES ((long)(intptr_t)bytes)

static char bytes[64];
static uint32_t word;

/* True: the call was let through; false: the process was killed for it. */
static bool lets_through(enum confined_as what, const struct call *c)
{
    struct linux_host host = {.machine.vm.ram_fd = RAM, .wake_fd = WAKE, .confined = true};
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    int status = 0;

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0)
        skip(); /* no filters here */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        confine(&host, what);
        syscall(c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
        syscall(SYS_exit_group, 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    return false;
}

static void all_pass(enum confined_as what, const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!lets_through(what, &calls[i]))
            fail_msg("killed: %s", calls[i].name);
    }
}

static void none_passes(enum confined_as what, const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lets_through(what, &calls[i]))
            fail_msg("let through: %s", calls[i].name);
    }
}

static void no_thread_opens_makes_or_starts_anything(void **state)
{
    const struct call calls[] = {
        {"openat", SYS_openat, {AT_FDCWD, HOST, O_RDONLY}},
        {"unlinkat", SYS_unlinkat, {AT_FDCWD, HOST, 0}},
        {"execve", SYS_execve, {HOST, 0, 0}},
        {"execveat", SYS_execveat, {AT_FDCWD, HOST, 0, 0, 0}},
        {"clone", SYS_clone, {0, 0, 0, 0, 0}},
        {"clone3", SYS_clone3, {0, 0}},
        {"prctl", SYS_prctl, {PR_GET_DUMPABLE, 0, 0, 0, 0}},
        {"socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
        {"connect", SYS_connect, {-1, 0, 0}},
        {"seccomp", SYS_seccomp, {1, 0, 0}},
        {"ptrace", SYS_ptrace, {-1, 0, 0, 0}},
        {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}},
        {"dup", SYS_dup, {-1}},
        {"memfd_create", SYS_memfd_create, {HOST, 0}},
        {"setuid", SYS_setuid, {-1}},
        {"rt_sigaction", SYS_rt_sigaction, {SIGUSR1, 0, 0, 8}},
        {"a number that no call has", 4000, {0}},
    };

    (void)state;
    none_passes(CONFINED_VCPU, calls, ARRAY_SIZE(calls));
    none_passes(CONFINED_MONITOR, calls, ARRAY_SIZE(calls));
}

static void no_thread_makes_memory_executable_or_maps_a_file(void **state)
{
    const struct call calls[] = {
        {"mmap RWX", SYS_mmap, {0, 4096, RWX, ANON, -1, 0}},
        {"mmap X", SYS_mmap, {0, 4096, PROT_EXEC, ANON, -1, 0}},
        {"mmap of a file", SYS_mmap, {0, 4096, PROT_READ, MAP_SHARED, 0, 0}},
        {"mprotect RX", SYS_mprotect, {0, 0, PROT_READ | PROT_EXEC}},
    };
    const struct call anonymous = {"mmap RW", SYS_mmap, {0, 4096, RW, ANON, -1, 0}};

    (void)state;
    none_passes(CONFINED_VCPU, calls, ARRAY_SIZE(calls));
    none_passes(CONFINED_MONITOR, calls, ARRAY_SIZE(calls));
    assert_true(lets_through(CONFINED_VCPU, &anonymous));
    assert_true(lets_through(CONFINED_MONITOR, &anonymous));
}

static void a_vcpu_alone_maps_guest_ram_and_never_executable(void **state)
{
    const struct call refused[] = {
        {"mmap of RAM, RX", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, RAM, 0}},
        {"mmap of RAM, RWX", SYS_mmap, {0, 4096, RWX, MAP_SHARED, RAM, 0}},
        {"mmap of the file behind it", SYS_mmap, {0, 4096, RW, MAP_SHARED, RAM + 1, 0}},
    };
    const struct call ram = {"mmap of RAM", SYS_mmap, {0, 4096, RW, MAP_SHARED, RAM, 0}};

    (void)state;
    none_passes(CONFINED_VCPU, refused, ARRAY_SIZE(refused));
    assert_true(lets_through(CONFINED_VCPU, &ram));
    assert_false(lets_through(CONFINED_MONITOR, &ram));
}

static void signals_go_to_the_own_process_alone(void **state)
{
    const struct call calls[] = {
        {"tgkill of another process", SYS_tgkill, {1, 1, 0}},
        {"kill", SYS_kill, {0, 0}},
        {"tkill", SYS_tkill, {1, 0}},
        {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {1, 0, 0}},
    };

    (void)state;
    none_passes(CONFINED_VCPU, calls, ARRAY_SIZE(calls));
    none_passes(CONFINED_MONITOR, calls, ARRAY_SIZE(calls));
}

static void a_vcpu_writes_to_the_wakeup_and_standard_error_alone(void **state)
{
    const struct call refused[] = {
        {"write to output", SYS_write, {STDOUT_FILENO, BYTES, 0}},
        {"write to a disk", SYS_write, {3, BYTES, 0}},
        {"pwritev", SYS_pwritev, {3, 0, 0, 0, 0}},
        {"preadv", SYS_preadv, {3, 0, 0, 0, 0}},
        {"read", SYS_read, {-1, BYTES, 0}},
        {"ioctl", SYS_ioctl, {-1, TCGETS, BYTES}},
        {"close", SYS_close, {-1}},
        {"mprotect", SYS_mprotect, {0, 0, RW}},
        {"brk", SYS_brk, {0}},
    };
    const struct call allowed[] = {
        {"write to the eventfd", SYS_write, {WAKE, BYTES, 0}},
        {"write of a message", SYS_write, {STDERR_FILENO, BYTES, 0}},
    };

    (void)state;
    none_passes(CONFINED_VCPU, refused, ARRAY_SIZE(refused));
    all_pass(CONFINED_VCPU, allowed, ARRAY_SIZE(allowed));
}

static void the_monitor_uses_what_is_open(void **state)
{
    const struct call allowed[] = {
        {"read", SYS_read, {-1, BYTES, 0}},
        {"write", SYS_write, {-1, BYTES, 0}},
        {"preadv", SYS_preadv, {-1, 0, 0, 0, 0}},
        {"pwritev", SYS_pwritev, {-1, 0, 0, 0, 0}},
        {"fdatasync", SYS_fdatasync, {-1}},
        {"fallocate", SYS_fallocate, {-1, 0, 0, 0}},
        {"close", SYS_close, {-1}},
        {"ppoll", SYS_ppoll, {0, 0, (long)(intptr_t) & (struct timespec){0, 0}, 0}},
        {"mprotect", SYS_mprotect, {0, 0, RW}},
        {"TCGETS", SYS_ioctl, {-1, TCGETS, BYTES}},
        {"TCSETS", SYS_ioctl, {-1, TCSETS, BYTES}},
    };
    const struct call typing = {"TIOCSTI", SYS_ioctl, {-1, TIOCSTI, BYTES}};

    (void)state;
    all_pass(CONFINED_MONITOR, allowed, ARRAY_SIZE(allowed));
    assert_false(lets_through(CONFINED_MONITOR, &typing));
}

static void futex_waits_and_wakes_and_does_nothing_else(void **state)
{
    long at = (long)(intptr_t)&word;
    const struct call allowed[] = {
        {"wake", SYS_futex, {at, FUTEX_WAKE, 1}},
        {"wake private", SYS_futex, {at, FUTEX_WAKE_PRIVATE, 1}},
        {"wait", SYS_futex, {at, FUTEX_WAIT_PRIVATE, 1, 0}},
        {"wait for a time", SYS_futex, {at, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1}},
    };
    const struct call refused[] = {
        {"requeue", SYS_futex, {at, FUTEX_REQUEUE, 1, 1, at}},
        {"wake op", SYS_futex, {at, FUTEX_WAKE_OP_PRIVATE, 1, 1, at, 0}},
        {"lock", SYS_futex, {at, FUTEX_LOCK_PI, 0, 0}},
    };

    (void)state;
    all_pass(CONFINED_VCPU, allowed, ARRAY_SIZE(allowed));
    all_pass(CONFINED_MONITOR, allowed, ARRAY_SIZE(allowed));
    none_passes(CONFINED_VCPU, refused, ARRAY_SIZE(refused));
    none_passes(CONFINED_MONITOR, refused, ARRAY_SIZE(refused));
}

static void what_every_thread_needs_stays(void **state)
{
    const struct call calls[] = {
        {"sched_yield", SYS_sched_yield, {0}},
        {"clock_gettime", SYS_clock_gettime, {0, BYTES}},
        {"getpid", SYS_getpid, {0}},
        {"gettid", SYS_gettid, {0}},
        {"getrandom", SYS_getrandom, {BYTES, 1, 0}},
        {"clock_nanosleep", SYS_clock_nanosleep, {0, 0, BYTES, 0}},
        {"munmap", SYS_munmap, {4096, 4096}},
        {"madvise", SYS_madvise, {0, 0, MADV_DONTNEED}},
        {"rt_sigprocmask", SYS_rt_sigprocmask, {SIG_BLOCK, 0, 0, 8}},
        {"restart_syscall", SYS_restart_syscall, {0}},
    };

    (void)state;
    all_pass(CONFINED_VCPU, calls, ARRAY_SIZE(calls));
    all_pass(CONFINED_MONITOR, calls, ARRAY_SIZE(calls));
}

static void a_host_that_is_not_confined_keeps_everything(void **state)
{
    struct linux_host host = {.confined = false};

    (void)state;
    confine(&host, CONFINED_VCPU);
    assert_true(syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_thread_opens_makes_or_starts_anything),
        cmocka_unit_test(no_thread_makes_memory_executable_or_maps_a_file),
        cmocka_unit_test(a_vcpu_alone_maps_guest_ram_and_never_executable),
        cmocka_unit_test(signals_go_to_the_own_process_alone),
        cmocka_unit_test(a_vcpu_writes_to_the_wakeup_and_standard_error_alone),
        cmocka_unit_test(the_monitor_uses_what_is_open),
        cmocka_unit_test(futex_waits_and_wakes_and_does_nothing_else),
        cmocka_unit_test(what_every_thread_needs_stays),
        cmocka_unit_test(a_host_that_is_not_confined_keeps_everything),
    };

    return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
