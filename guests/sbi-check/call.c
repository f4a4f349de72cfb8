/* SPDX-License-Identifier: MIT */
/* What a call may change (SBI v3.0 ch. 3: "All registers except a0 & a1 must be preserved"). */
#include "guests/sbi-check/call.h"

#define FIRST_ARGUMENT 10
#define FID            16
#define EID            17
#define NOT_COMPARED   (1u << 0 | 1u << 2 | 1u << 4) /* x0, sp, tp */

bool call_preserves(uint64_t eid, uint64_t fid, const uint64_t arg[6], uint32_t may_change,
                    struct registers *after)
{
    struct registers before;
    bool preserved = true;

    for (unsigned i = 0; i < 32; i++)
        before.x[i] = 0x5a5a123400000000UL + i;
    for (unsigned i = 0; i < 6; i++)
        before.x[FIRST_ARGUMENT + i] = arg[i];
    before.x[FID] = fid;
    before.x[EID] = eid;
    call_with_registers(&before, after);
    for (unsigned i = 0; i < 32; i++) {
        if (((NOT_COMPARED | may_change) >> i & 1) == 0)
            preserved &= before.x[i] == after->x[i];
    }
    return preserved;
}
