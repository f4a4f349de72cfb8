/* SPDX-License-Identifier: MIT */
/* Files: reading, and writing in place. */
#include <string.h>

#include "guests/ulix/user/tests.h"

#define LINES        40000U /* of numbers: 1 to this */
#define SCRATCH_SIZE 20000U

/* True if the file holds the numbers in order, a line each. Sizes of reads are all sorts. */
static bool numbers_are_whole(void)
{
    char part[257];
    uint64_t expected = 1, value = 0;
    int descriptor = (int)open("numbers");
    int64_t count;

    for (uint64_t size = 1; (count = read(descriptor, part, size)) > 0; size = size % 257 + 1) {
        for (int64_t i = 0; i < count; i++) {
            if (part[i] != '\n') {
                value = value * 10 + (uint64_t)(part[i] - '0');
                continue;
            }
            if (value != expected++)
                return false;
            value = 0;
        }
    }
    close(descriptor);
    return count == 0 && expected == LINES + 1;
}

static uint8_t scratch_byte(uint64_t i, uint64_t seed)
{
    return (uint8_t)((i + seed) * 11 + i / 509);
}

static bool write_scratch(uint64_t seed)
{
    uint8_t part[997];
    int descriptor = (int)open("scratch");
    uint64_t done = 0;

    while (done < SCRATCH_SIZE) {
        uint64_t size = 0;

        for (; size < sizeof part && done + size < SCRATCH_SIZE; size++)
            part[size] = scratch_byte(done + size, seed);
        if (write(descriptor, part, size) != (int64_t)size)
            return false;
        done += size;
    }
    if (write(descriptor, part, 1) != 0)
        return false;
    close(descriptor);
    return true;
}

static bool scratch_is(uint64_t seed)
{
    uint8_t part[512];
    int descriptor = (int)open("scratch");
    uint64_t i = 0, size;

    while ((size = read_all(descriptor, part, sizeof part)) > 0) {
        for (uint64_t k = 0; k < size; k++) {
            if (part[k] != scratch_byte(i++, seed))
                return false;
        }
    }
    close(descriptor);
    return i == SCRATCH_SIZE;
}

static void rewrite_scratch(void)
{
    exit(scratch_is(1) && write_scratch(2) ? 0 : 1);
}

void test_files(void)
{
    check(open("nothing") == -1, "there is no opening what does not exist");
    check(numbers_are_whole(), "a file is read as it was written, in parts of any size");
    check(write_scratch(1) && scratch_is(1),
          "what is written to a file is read back, up to its end");
    check(run(rewrite_scratch) == 0 && scratch_is(2), "another process sees it, and can change it");
}
