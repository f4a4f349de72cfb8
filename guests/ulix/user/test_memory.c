/* SPDX-License-Identifier: MIT */
/* Memory that is there when it is touched, and the heap. */
#include <string.h>

#include "guests/ulix/user/tests.h"

#define SPARSE_PAGES 512

extern uint32_t start[];

static uint8_t sparse[SPARSE_PAGES][PAGE];
static uint64_t initialised[4] = {1, 20, 300, 4000};

/* In pieces, so that the compiler cannot know what it is about. */
static volatile uint8_t *hidden(void *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

static void test_program(void)
{
    const volatile uint32_t *zero = (const volatile uint32_t *)hidden(NULL);

    check((const volatile uint32_t *)hidden(start) == zero && *zero != 0,
          "the program lies at address 0, and is what was linked there");
    check(initialised[0] + initialised[1] + initialised[2] + initialised[3] == 4321,
          "data is as it was linked");
}

static void test_demand(void)
{
    int64_t before = inform(INFORM_PAGES);
    uint64_t sum = 0;

    for (unsigned i = 0; i < SPARSE_PAGES; i += 64)
        sum += *hidden(sparse[i]);
    check(inform(INFORM_PAGES) == before + SPARSE_PAGES / 64,
          "a page is there when it is touched, and not before");
    check(sum == 0, "... and is 0");
    for (unsigned i = 0; i < SPARSE_PAGES; i += 64)
        *hidden(sparse[i] + i) = (uint8_t)(i / 64 + 1);
    for (unsigned i = 0; i < SPARSE_PAGES; i += 64)
        sum += *hidden(sparse[i] + i);
    check(sum == 36 && inform(INFORM_PAGES) == before + SPARSE_PAGES / 64, "... once");
}

static __attribute__((noinline)) uint64_t deep(unsigned depth)
{
    volatile uint8_t frame[1024];

    frame[0] = (uint8_t)depth;
    return depth == 0 ? frame[0] : deep(depth - 1) + frame[0];
}

static void fall_out_of_the_stack(void)
{
    deep(100);
}

static void test_stack(void)
{
    check(deep(40) == 820, "the stack grows when it is used");
    check(run(fall_out_of_the_stack) == (STATUS_KILLED | 15), "... up to its limit");
}

static void touch_behind_heap(void)
{
    char *end = sbrk(0);

    *hidden((char *)(((uint64_t)end + PAGE - 1) & -PAGE)) = 1;
}

static void test_heap(void)
{
    char *base = sbrk(8 * PAGE);
    bool zero = true;

    for (unsigned i = 0; i < 8 * PAGE; i++)
        zero &= *hidden(base + i) == 0;
    check(sbrk(0) == base + 8 * PAGE && zero, "the heap grows by what is asked, and is 0");
    for (unsigned i = 0; i < 8; i++)
        *hidden(base + i * PAGE) = 0xaa;
    sbrk(-4 * (int64_t)PAGE);
    check(run(touch_behind_heap) == (STATUS_KILLED | 15), "behind its end there is nothing");
    sbrk(4 * PAGE);
    check(*hidden(base) == 0xaa && *hidden(base + 4 * PAGE) == 0,
          "what it gave back is lost, the rest is not");
    check(sbrk(-(1L << 40)) == (char *)-1 && sbrk(1L << 40) == (char *)-1,
          "it has limits on both sides");
    sbrk(-8 * (int64_t)PAGE);
}

void test_memory(void)
{
    test_program();
    test_demand();
    test_stack();
    test_heap();
}
