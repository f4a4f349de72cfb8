/* SPDX-License-Identifier: MIT */
/* Pipes. */
#include "guests/ulix/user/tests.h"

#define BYTES  50000U /* many times what a pipe holds */
#define RING   8U
#define ROUNDS 20U

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void write_bytes(int descriptor)
{
    uint8_t part[999];

    for (uint64_t i = 0; i < BYTES;) {
        uint64_t size = 0;

        while (size < sizeof part && i < BYTES)
            part[size++] = byte_at(i++);
        if (write(descriptor, part, size) != (int64_t)size)
            exit(1);
    }
    exit(0);
}

/* Sizes that have nothing to do with the writer's. */
static uint64_t read_bytes(int descriptor)
{
    uint8_t part[313];
    uint64_t i = 0, size;

    while ((size = read_all(descriptor, part, sizeof part)) > 0) {
        for (uint64_t k = 0; k < size; k++) {
            if (part[k] != byte_at(i++))
                return 0;
        }
    }
    return i;
}

static void test_order(void)
{
    int ends[2], status = -1;

    pipe(ends);
    if (fork() == 0)
        write_bytes(ends[1]);
    close(ends[1]);
    check(read_bytes(ends[0]) == BYTES, "what goes into a pipe comes out, in order, up to its end");
    wait(&status);
    check(status == 0, "who writes to a full pipe goes on when it is read");
    close(ends[0]);
}

static void test_ends(void)
{
    int ends[2];
    char c = 'x';

    pipe(ends);
    check(write(ends[0], &c, 1) == -1 && read(ends[1], &c, 1) == -1,
          "one end of a pipe is for reading, the other for writing");
    close(ends[0]);
    check(write(ends[1], &c, 1) == -1, "there is no writing to a pipe that nobody reads");
    close(ends[1]);
    check(write(ends[1], &c, 1) == -1 && read(99, &c, 1) == -1 && close(ends[1]) == -1,
          "a descriptor that is closed or never was is refused");
}

/* Adds one to what it reads and passes it on, until what it reads from is closed. */
static void pass_on(int from, int to)
{
    uint64_t value;

    while (read_all(from, &value, sizeof value) == sizeof value) {
        value++;
        write(to, &value, sizeof value);
    }
    exit(0);
}

static void test_ring(void)
{
    int first[2], ends[2];
    uint64_t value = 0;
    int from;

    pipe(first);
    from = first[0];
    for (unsigned i = 0; i < RING; i++) {
        pipe(ends);
        if (fork() == 0) {
            close(first[1]);
            close(ends[0]);
            pass_on(from, ends[1]);
        }
        close(from);
        close(ends[1]);
        from = ends[0];
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        write(first[1], &value, sizeof value);
        read_all(from, &value, sizeof value);
    }
    close(first[1]);
    close(from);
    for (unsigned i = 0; i < RING; i++)
        wait(NULL);
    check(value == (uint64_t)RING * ROUNDS, "processes in a ring of pipes wait for each other");
}

void test_pipes(void)
{
    test_order();
    test_ends();
    test_ring();
}
