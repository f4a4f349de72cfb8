/* SPDX-License-Identifier: MIT */
/* Processes: how they begin, end, run other programs, and share the time. */
#include <string.h>

#include "guests/ulix/user/tests.h"

static int64_t child_saw;
static _Atomic uint64_t flag;
static _Alignas(16) uint8_t stacks[2][PAGE];

static void end_with_7(void)
{
    exit(7);
}

static void test_fork(void)
{
    int ends[2], status = 0;
    int64_t child;

    pipe(ends);
    child = fork();
    if (child == 0) {
        child_saw = getpid();
        write(ends[1], &child_saw, sizeof child_saw);
        exit(0);
    }
    read_all(ends[0], &child_saw, sizeof child_saw);
    check(child > 1 && child == child_saw, "fork returns twice: 0, and the child's number");
    check(wait(&status) == child && status == 0, "wait returns the number of the child that ended");
    check(run(end_with_7) == 7, "wait tells what a child ended with");
    check(wait(&status) == -1, "wait returns -1 to who has no child");
    close(ends[0]);
    close(ends[1]);
}

static void exec_echo(void)
{
    char *const arguments[] = {"echo", "one", "", "three", NULL};

    exec("echo", arguments);
}

static void test_exec(void)
{
    char *const arguments[] = {"nothing", NULL};
    char text[32];
    int ends[2], status = -1;
    uint64_t size;

    pipe(ends);
    if (fork() == 0) {
        dup(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        exec_echo();
        exit(99);
    }
    close(ends[1]);
    size = read_all(ends[0], text, sizeof text);
    close(ends[0]);
    wait(&status);
    check(size == 11 && memcmp(text, "one  three\n", 11) == 0 && status == 3,
          "a program that is executed has its arguments and its parent's streams");
    check(exec("nothing", arguments) == -1, "there is no executing what does not exist");
    check(exec("numbers", arguments) == -1, "... or is no program");
}

static void leave_an_orphan(void)
{
    if (fork() == 0) {
        for (unsigned i = 0; i < 10; i++)
            yield();
        exit(5);
    }
}

static void test_orphans(void)
{
    int status = 0;

    run(leave_an_orphan);
    check(wait(&status) > 0 && status == 5,
          "a child whose parent has ended is the first process's");
}

static void wait_for_flag(uint64_t argument)
{
    (void)argument;
    while (atomic_load(&flag) == 0)
        ;
    exit(1);
}

static void set_flag(uint64_t argument)
{
    atomic_store(&flag, argument);
    exit(2);
}

/* Neither ever yields, and there may be but one hart. */
static void test_time(void)
{
    uint64_t start = time();
    int first = 0, second = 0;

    thread(wait_for_flag, stacks[0] + PAGE, 0);
    thread(wait_for_flag, stacks[1] + PAGE, 0);
    for (uint64_t i = 0; time() - start < (uint64_t)inform(INFORM_TICKS_A_SECOND) / 100; i++)
        ;
    if (fork() == 0) {
        exit(0);
    }
    wait(&first);
    check(first == 0, "processes that do nothing but run do not stop others");
    thread(set_flag, stacks[0] + PAGE / 2, 1);
    first = 0;
    for (unsigned i = 0; i < 3; i++) {
        int status = 0;

        wait(&status);
        first += status == 1;
        second += status == 2;
    }
    check(first == 2 && second == 1, "threads see what another stored");
    check(time() > start, "the time goes on");
}

#define REGISTERS "1, 4, 6, 7, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31"

/* True if registers held their values until the clock is at `end`. */
static bool registers_hold(uint64_t seed, uint64_t end)
{
    uint64_t wrong;

    __asm__ volatile(".irp n, " REGISTERS "\n"
                     "addi x\\n, %1, \\n\n"
                     ".endr\n"
                     "1: rdtime t0\n"
                     "bltu t0, %2, 1b\n"
                     "li %0, 0\n"
                     ".irp n, " REGISTERS "\n"
                     "addi t0, %1, \\n\n"
                     "xor t0, t0, x\\n\n"
                     "or %0, %0, t0\n"
                     ".endr\n"
                     : "=&r"(wrong)
                     : "r"(seed), "r"(end)
                     : "ra", "tp", "t0", "t1", "t2", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8",
                       "s9", "s10", "s11", "t3", "t4", "t5", "t6", "memory");
    return wrong == 0;
}

/* Long enough for a few to take turns on each hart. */
static void test_registers(void)
{
    uint64_t end = time() + (uint64_t)inform(INFORM_TICKS_A_SECOND) / 20;
    uint64_t count = (uint64_t)inform(INFORM_HARTS) + 2;
    bool good = true;

    for (uint64_t i = 0; i < count; i++) {
        if (fork() == 0)
            exit(registers_hold(i << 32, end) ? 0 : 1);
    }
    for (uint64_t i = 0; i < count; i++) {
        int status = -1;

        wait(&status);
        good &= status == 0;
    }
    check(good, "each process has its own registers");
}

void test_processes(void)
{
    test_fork();
    test_exec();
    test_orphans();
    test_time();
    test_registers();
    check(call(CALL_COUNT, 0, 0, 0) == -1 && call(-1UL, 0, 0, 0) == -1,
          "a system call that there is not returns -1");
}
