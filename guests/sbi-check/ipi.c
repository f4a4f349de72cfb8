/* SPDX-License-Identifier: MIT */
/* Hart masks (SBI v3.0 3.1) and the IPI extension (ch. 7). */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

static uint64_t before[MAX_HARTS];

static void note(void)
{
    for (uint64_t hart = 0; hart < hart_count; hart++)
        before[hart] = software_interrupts[hart];
}

/* Just the harts of the mask get one interrupt each. */
static bool reaches_only(uint64_t harts)
{
    bool right = true;

    for (uint64_t hart = 0; hart < hart_count; hart++)
        right &= (harts >> hart & 1) == 0 || becomes(&software_interrupts[hart], before[hart] + 1);
    for (uint64_t hart = 0; hart < hart_count; hart++)
        right &= software_interrupts[hart] == before[hart] + (harts >> hart & 1);
    return right;
}

static bool sends(uint64_t mask, uint64_t base, uint64_t harts)
{
    note();
    return sbi_send_ipi(mask, base).error == 0 && reaches_only(harts);
}

static bool is_invalid(uint64_t mask, uint64_t base)
{
    return is_error(sbi_send_ipi(mask, base), SBI_ERR_INVALID_PARAM);
}

static void check_masks(void)
{
    uint64_t all = (1UL << hart_count) - 1;
    bool each = true, shifted = true;

    for (uint64_t hart = 0; hart < hart_count; hart++) {
        each &= sends(1UL << hart, 0, 1UL << hart);
        shifted &= sends(1, hart, 1UL << hart);
    }
    check(each, "ipi: bit n of the mask is hart n");
    check(shifted, "ipi: hart_mask_base is the hart of bit 0");
    check(sends(all, 0, all), "ipi: a mask may name every hart, the caller too");
    check(sends(0, -1UL, all), "ipi: hart_mask_base -1 means every hart, whatever the mask");
    check(sends(0, 0, 0) && sends(0, hart_count - 1, 0), "ipi: an empty mask is no error");
}

static void check_invalid_masks(void)
{
    check(is_invalid(2, hart_count - 1) && is_invalid(1UL << 63, 0) && is_invalid(-1UL, 0),
          "ipi: a hart of the mask that does not exist is an invalid parameter");
    check(is_invalid(1, hart_count) && is_invalid(1, 1UL << 32) && is_invalid(1, 1UL << 63),
          "ipi: a hart_mask_base that does not exist is an invalid parameter");
    check(is_invalid(1UL << 3, -3UL) && is_invalid(1UL << 2, -2UL),
          "ipi: base and bit do not wrap around to hart 0");
    note();
    uint64_t start = rdtime();

    while (rdtime() - start < 20000)
        ;
    check(reaches_only(0), "ipi: nobody is interrupted later on");
}

void check_ipi(void)
{
    check(is_error(call(SBI_IPI, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED),
          "ipi: an unknown function is not supported");
    if (hart_count > 1)
        check(sbi_send_ipi(1, other_hart(0)).error == 0, "ipi: naming a stopped hart is no error");
    for (uint64_t n = 0; n + 1 < hart_count; n++)
        hart_up(other_hart(n));
    csr_set(sie, SIE_SSIE);
    csr_set(sstatus, SSTATUS_SIE);
    check_masks();
    check_invalid_masks();
    csr_clear(sstatus, SSTATUS_SIE);
    csr_clear(sie, SIE_SSIE);
    for (uint64_t n = 0; n + 1 < hart_count; n++)
        hart_down(other_hart(n));
}
