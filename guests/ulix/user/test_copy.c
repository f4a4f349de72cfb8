/* SPDX-License-Identifier: MIT */
/* Copy on write. */
#include "guests/ulix/user/tests.h"

#define PAGES 16

static volatile uint64_t shared[PAGES][PAGE / 8];
static volatile uint64_t own = 1000; /* a page of the file */
static int ends[2];

static bool all_are(uint64_t value)
{
    for (unsigned i = 0; i < PAGES; i++) {
        if (shared[i][i] != value + i)
            return false;
    }
    return true;
}

static void set_all(uint64_t value)
{
    for (unsigned i = 0; i < PAGES; i++)
        shared[i][i] = value + i;
}

/* Says how many copies its writes cost. */
static void write_in_child(void)
{
    int64_t before;
    uint64_t copies;

    if (!all_are(100) || own != 1000)
        exit(1);
    before = inform(INFORM_COPIES);
    set_all(200);
    copies = (uint64_t)(inform(INFORM_COPIES) - before);
    own = 2000;
    write(ends[1], &copies, sizeof copies);
    exit(all_are(200) && own == 2000 ? 0 : 2);
}

static void test_values(void)
{
    uint64_t copies = 0;
    int64_t before;
    int status;

    pipe(ends);
    set_all(100);
    before = inform(INFORM_COPIES);
    status = run(write_in_child);
    check(status == 0, "a child sees what its parent had, and then its own");
    read_all(ends[0], &copies, sizeof copies);
    check(copies == PAGES, "each page is copied once, when it is written");
    check(all_are(100) && own == 1000, "its parent does not see what a child wrote");
    before = inform(INFORM_COPIES);
    set_all(100);
    check(inform(INFORM_COPIES) == before, "who has a page alone writes it without a copy");
    close(ends[0]);
    close(ends[1]);
}

static void grandchild(void)
{
    if (!all_are(300))
        exit(1);
    set_all(400);
    exit(all_are(400) ? 0 : 2);
}

static void child(void)
{
    set_all(300);
    exit(run(grandchild) == 0 && all_are(300) ? 0 : 3);
}

void test_copies(void)
{
    test_values();
    check(run(child) == 0 && all_are(100), "the same for a child's child");
}
