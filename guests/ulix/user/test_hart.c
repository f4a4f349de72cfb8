/* SPDX-License-Identifier: MIT */
/*
 * What harts do to each other: counters, tables that change while others use them, copies on write
 * among threads, many processes at once. It lies high in the program.
 */
#include <string.h>

#include "guests/ulix/user/tests.h"

#define MAX_THREADS 8
#define INCREMENTS  2000U
#define CHANGES     30U
#define SNAPSHOTS   8U
#define WORK_PAGES  12U

static _Alignas(16) uint8_t stacks[MAX_THREADS][PAGE];
static _Atomic uint64_t lrsc_counter, amo_counter, plain_counter, stage, seen, stop, wrong;
static _Atomic uint32_t plain_lock;
static volatile uint64_t *moving; /* the first of the two pages that change */
static volatile uint64_t busy[MAX_THREADS][8];

static HIGH uint64_t thread_count(void)
{
    uint64_t harts = (uint64_t)inform(INFORM_HARTS);

    if (harts < 2)
        return 2;
    return harts < MAX_THREADS ? harts : MAX_THREADS;
}

static HIGH void start_threads(void (*start)(uint64_t), uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        thread(start, stacks[i] + PAGE, i);
}

/* True if all of them ended with 0. */
static HIGH bool join(uint64_t count)
{
    bool good = true;

    while (count-- > 0) {
        int status = -1;

        wait(&status);
        good &= status == 0;
    }
    return good;
}

/* Waits without a system call as long as it makes sense: the TLB keeps what it has. */
static HIGH void wait_until(const _Atomic uint64_t *value, uint64_t least)
{
    for (unsigned spins = 0; atomic_load(value) < least; spins++) {
        if (spins % 20000 == 19999)
            yield();
    }
}

static HIGH void count_up(uint64_t argument)
{
    (void)argument;
    for (unsigned i = 0; i < INCREMENTS; i++) {
        increment(&lrsc_counter);
        atomic_fetch_add(&amo_counter, 1);
        spin_lock(&plain_lock);
        atomic_store_explicit(&plain_counter,
                              atomic_load_explicit(&plain_counter, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        spin_unlock(&plain_lock);
    }
    exit(0);
}

static HIGH void counters(void)
{
    uint64_t threads = thread_count();
    uint64_t expected = threads * INCREMENTS;

    start_threads(count_up, threads);
    if (!join(threads))
        exit(1);
    exit(lrsc_counter == expected && amo_counter == expected && plain_counter == expected ? 0 : 2);
}

static HIGH void watch(uint64_t argument)
{
    (void)argument;
    for (uint64_t change = 1; change <= CHANGES; change++) {
        wait_until(&stage, change);
        if (moving[0] != change)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&seen, 1);
    }
    exit(0);
}

/*
 * The two last pages of the heap go away and come back, each in the other's place in memory: who
 * still uses the old translation reads the old value.
 */
static HIGH void change_tables(void)
{
    uint64_t threads = thread_count() - 1;
    uint64_t aligned = ((uint64_t)sbrk(0) + PAGE - 1) & -PAGE;

    sbrk((int64_t)(aligned - (uint64_t)sbrk(0) + 2 * PAGE));
    moving = (volatile uint64_t *)aligned;
    moving[0] = 0;
    moving[PAGE / 8] = 0;
    start_threads(watch, threads);
    for (uint64_t change = 1; change <= CHANGES; change++) {
        sbrk(-2 * (int64_t)PAGE);
        sbrk(2 * PAGE);
        moving[0] = change;
        moving[PAGE / 8] = ~change;
        atomic_store(&stage, change);
        wait_until(&seen, change * threads);
    }
    if (!join(threads))
        exit(1);
    exit(atomic_load(&wrong) == 0 ? 0 : 2);
}

/* Never misses what it wrote itself, though the page is copied under it again and again. */
static HIGH void keep_busy(uint64_t argument)
{
    volatile uint64_t *mine = busy[argument];

    for (uint64_t count = 1; atomic_load(&stop) == 0; count++) {
        *mine = count;
        if (*mine != count)
            exit(1);
    }
    exit(0);
}

static HIGH uint64_t busy_sum(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < MAX_THREADS; i++)
        sum += busy[i][0];
    return sum;
}

/* In the child: nobody else writes here. */
static HIGH void compare_snapshots(void)
{
    uint64_t before = busy_sum();

    for (unsigned i = 0; i < 5; i++) {
        for (volatile unsigned spins = 0; spins < 2000; spins++)
            ;
        if (busy_sum() != before)
            exit(1);
        yield();
    }
    exit(0);
}

/* Forks while threads write: the copy is of one moment. Its writers are on other harts. */
static HIGH void take_snapshots(void)
{
    uint64_t threads = thread_count() - 1;
    bool good = true;

    start_threads(keep_busy, threads);
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        int64_t child = fork();
        int status = -1;

        if (child == 0)
            compare_snapshots();
        good &= wait(&status) == child && status == 0;
    }
    atomic_store(&stop, 1);
    good &= join(threads);
    exit(good ? 0 : 1);
}

/* A heap of its own, a child that changes its copy of it, a program at the other end of a pipe. */
static HIGH bool work_with_memory(uint64_t seed)
{
    uint64_t *heap = (uint64_t *)sbrk(WORK_PAGES * PAGE);
    uint64_t words = WORK_PAGES * PAGE / 8;
    int status = -1;
    bool good = true;

    for (uint64_t i = 0; i < words; i += 64)
        heap[i] = seed + i;
    if (fork() == 0) {
        for (uint64_t i = 0; i < words; i += 64) {
            good &= heap[i] == seed + i;
            heap[i] = 0;
        }
        exit(good ? 0 : 1);
    }
    wait(&status);
    for (uint64_t i = 0; i < words; i += 64)
        good &= heap[i] == seed + i;
    return good && status == 0;
}

static HIGH bool work_with_program(uint64_t seed)
{
    struct digits digits;
    const char *text = decimal(&digits, seed);
    char *const arguments[] = {"echo", (char *)(uintptr_t)text, NULL};
    char back[32] = {0};
    int ends[2], status = -1;
    uint64_t size;

    pipe(ends);
    if (fork() == 0) {
        dup(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        exec("echo", arguments);
        exit(99);
    }
    close(ends[1]);
    size = read_all(ends[0], back, sizeof back);
    close(ends[0]);
    wait(&status);
    return status == 1 && size == strlen(text) + 1 && memcmp(back, text, size - 1) == 0;
}

static HIGH void crowd(void)
{
    uint64_t workers = 2 * thread_count();

    for (uint64_t i = 0; i < workers; i++) {
        if (fork() == 0)
            exit(work_with_memory(i * 1000) && work_with_program(i * 12345) ? 0 : 1);
    }
    exit(join(workers) ? 0 : 1);
}

struct part {
    void (*run)(void);
    const char *sentence;
    bool good;
};

HIGH void test_harts(uint64_t rounds, uint64_t seconds)
{
    struct part parts[] = {
        {counters, "LR and SC, AMOs and locks of threads lose no count", true},
        {change_tables, "no thread uses what another took from their table", true},
        {take_snapshots, "a fork is of one moment, whatever other threads write", true},
        {crowd, "many processes at once do not disturb each other", true},
    };
    const unsigned count = sizeof parts / sizeof parts[0];
    uint64_t end = time() + seconds * (uint64_t)inform(INFORM_TICKS_A_SECOND);
    struct digits digits;
    uint64_t round = 0;
    int64_t free_pages = 0;

    while (seconds > 0 ? time() < end : round < rounds) {
        for (unsigned i = 0; i < count; i++)
            parts[i].good &= run(parts[i].run) == 0;
        if (round++ == 0) /* from here on all that is used of files is in memory */
            free_pages = inform(INFORM_FREE_PAGES);
    }
    say("ulix: ", decimal(&digits, round), " rounds\n", NULL);
    for (unsigned i = 0; i < count; i++)
        check(parts[i].good, parts[i].sentence);
    check(inform(INFORM_FREE_PAGES) == free_pages, "no page is lost");
    if (inform(INFORM_HARTS) > 1)
        check(inform(INFORM_SHOOTDOWNS) > 0, "harts were told of changes of tables that they used");
}
