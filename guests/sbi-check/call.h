/* SPDX-License-Identifier: MIT */
/* An ecall with every register in view. */
#ifndef GUESTS_SBI_CHECK_CALL_H
#define GUESTS_SBI_CHECK_CALL_H

#include <stdbool.h>
#include <stdint.h>

struct registers {
    uint64_t x[32];
};

/* Loads x1 and x3..x31 from `before`, makes the call that a0..a7 describe, stores them in `after`.
 * x0, sp and tp keep out of it: sp is checked to be what it was. */
void call_with_registers(const struct registers *before, struct registers *after);

/* Makes the call with a pattern in every register that is no argument. True when afterwards no
 * register has changed but those of the mask (bit n: xn). */
bool call_preserves(uint64_t eid, uint64_t fid, const uint64_t arg[6], uint32_t may_change,
                    struct registers *after);

#define A0 (1u << 10)
#define A1 (1u << 11)

#endif
