/* SPDX-License-Identifier: MIT */
/* Remote fences (SBI v3.0 ch. 8); that they have their effect is smp's to check. */
#include <stddef.h>

#include "guests/lib/check.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

enum { FENCE_I, SFENCE_VMA, SFENCE_VMA_ASID, HFENCE_FIRST, HFENCE_LAST = 6, RFENCE_END };

static int64_t fence(uint64_t fid, uint64_t mask, uint64_t base, uint64_t start, uint64_t size)
{
    return sbi_call(SBI_RFENCE, fid, mask, base, start, size).error;
}

static void check_ranges(void)
{
    static const uint64_t ranges[][2] = {
        {0, 0},
        {0, -1UL},
        {0x80200000, 4096},
        {0x80200fff, 2},
        {0xffffffff80000000, 1UL << 31},
        {0, 1UL << 38},
    };
    bool accepted = true;

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        for (uint64_t fid = SFENCE_VMA; fid <= SFENCE_VMA_ASID; fid++)
            accepted &= fence(fid, 0, -1UL, ranges[i][0], ranges[i][1]) == 0;
    }
    check(accepted, "rfence: ranges of every size up to the whole address space are fenced");
}

void check_rfence(void)
{
    uint64_t all = (1UL << hart_count) - 1;
    bool invalid = true, hfence = true;

    check(fence(FENCE_I, all, 0, 0, 0) == 0, "rfence: stopped harts may be named");
    check_ranges();
    for (uint64_t fid = FENCE_I; fid <= SFENCE_VMA_ASID; fid++)
        invalid &= fence(fid, 1, hart_count, 0, 0) == SBI_ERR_INVALID_PARAM &&
                   fence(fid, 1UL << 63, 0, 0, 0) == SBI_ERR_INVALID_PARAM;
    check(invalid, "rfence: harts that do not exist are an invalid parameter");
    for (uint64_t fid = HFENCE_FIRST; fid <= HFENCE_LAST; fid++) {
        int64_t error = fence(fid, 1UL << leader, 0, 0, 0);
        hfence &= error == 0 || error == SBI_ERR_NOT_SUPPORTED;
    }
    check(hfence, "rfence: hfences are not supported without the H extension");
    check(fence(RFENCE_END, all, 0, 0, 0) == SBI_ERR_NOT_SUPPORTED,
          "rfence: an unknown function is not supported");
}
