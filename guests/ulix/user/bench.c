/* SPDX-License-Identifier: MIT */
/* What the kernel's services cost: lines `BENCH name count ticks`, as those of guests/bench. */
#include "guests/ulix/user/tests.h"

#define TOUCHED    128
#define WORK_PAGES 8

static int there[2], back[2];
static volatile uint64_t pages[WORK_PAGES][PAGE / 8];

static void getpids(uint64_t count)
{
    while (count-- > 0)
        getpid();
}

static void touch_pages(uint64_t count)
{
    volatile char *heap = sbrk((int64_t)(count * PAGE));

    for (uint64_t i = 0; i < count; i++)
        heap[i * PAGE] = 1;
}

static void answer(void)
{
    char c;

    close(there[1]);
    while (read(there[0], &c, 1) == 1)
        write(back[1], &c, 1);
    exit(0);
}

/* A byte there and back, between two processes. */
static void ping_pong(uint64_t count)
{
    char c = 'x';

    pipe(there);
    pipe(back);
    if (fork() == 0)
        answer();
    while (count-- > 0) {
        write(there[1], &c, 1);
        read(back[0], &c, 1);
    }
    close(there[1]);
    wait(NULL);
    close(there[0]);
    close(back[0]);
    close(back[1]);
}

static void forks(uint64_t count)
{
    while (count-- > 0) {
        if (fork() == 0)
            exit(0);
        wait(NULL);
    }
}

/* A child that becomes another program, which says something that its parent reads. */
static void programs(uint64_t count)
{
    char *const arguments[] = {"echo", "hello", NULL};
    char text[16];
    int ends[2];

    while (count-- > 0) {
        pipe(ends);
        if (fork() == 0) {
            dup(ends[1], 1);
            close(ends[0]);
            close(ends[1]);
            exec("echo", arguments);
        }
        close(ends[1]);
        if (read_all(ends[0], text, sizeof text) != 6)
            exit(1);
        close(ends[0]);
        wait(NULL);
    }
}

/* 100,000 instructions, and a page written in every so many. */
static HIGH void work(void)
{
    uint64_t value = 1;

    for (unsigned page = 0; page < WORK_PAGES; page++) {
        for (unsigned i = 0; i < 100000 / 8 / WORK_PAGES; i++) {
            value ^= value << 13;
            value ^= value >> 7;
            value ^= value << 17;
        }
        pages[page][page] = value;
    }
    exit(0);
}

/* A child that does something of its own. */
static void forks_that_work(uint64_t count)
{
    while (count-- > 0) {
        if (fork() == 0)
            work();
        wait(NULL);
    }
}

static void measure(const char *name, void (*what)(uint64_t count), uint64_t count)
{
    struct digits digits[2];
    uint64_t start = time();

    what(count);
    start = time() - start;
    say("BENCH ", name, " ", decimal(&digits[0], count), " ", decimal(&digits[1], start), "\n",
        NULL);
}

int main(int count, char **arguments)
{
    uint64_t rounds = option(arguments, "rounds", 50);

    (void)count;
    programs(1); /* files come into memory */
    measure("ulix_getpid", getpids, 20 * rounds);
    measure("ulix_touch", touch_pages, TOUCHED);
    measure("ulix_pipe", ping_pong, 4 * rounds);
    measure("ulix_fork", forks, rounds);
    measure("ulix_fork_work", forks_that_work, rounds);
    measure("ulix_fork_exec_pipe", programs, rounds);
    say("ulix: done\n", NULL);
    return 0;
}
