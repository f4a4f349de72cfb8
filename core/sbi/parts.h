/* SPDX-License-Identifier: MIT */
/* What the files of the SBI share among themselves: the extensions, hart masks, fences. */
#ifndef CORE_SBI_PARTS_H
#define CORE_SBI_PARTS_H

#include "core/sbi/sbi.h"
#include "core/vm.h"

extern const struct sbi_extension sbi_legacy;
extern const struct sbi_extension sbi_putchar;
extern const struct sbi_extension sbi_base;
extern const struct sbi_extension sbi_time;
extern const struct sbi_extension sbi_ipi;
extern const struct sbi_extension sbi_rfence;
extern const struct sbi_extension sbi_hsm;
extern const struct sbi_extension sbi_srst;
extern const struct sbi_extension sbi_dbcn;

/* The hart with the id that a guest passed in a register, or NULL. */
struct vcpu *sbi_hart(struct vm *vm, uint64_t hartid);

#define SBI_ALL_HARTS UINT64_MAX /* as hart_mask_base */

/*
 * A hart mask as of SBI v3.0 3.1: bit n of `mask` is hart `base` + n; with base
 * SBI_ALL_HARTS the mask is ignored and every hart meant.
 * SBI_ERR_INVALID_PARAM when base or a hart of the mask does not exist.
 */
enum sbi_error sbi_hart_mask(struct vm *vm, uint64_t mask, uint64_t base,
                             struct hart_set *set) MUST_CHECK;

static inline bool sbi_hart_set_has(const struct hart_set *set, unsigned hart)
{
    return (set->mask[hart / 64] >> (hart % 64)) & 1;
}

/* Makes SSIP pending at every hart of the set that is not stopped. */
void sbi_send_ipi(struct vm *vm, const struct hart_set *set);

/* Return when the harts of the set have executed the fence. Without the VM lock. */
void sbi_fence_i(struct vcpu *self, const struct hart_set *set);

/*
 * sfence.vma over [start, start + size); `asid` NULL: any. start and size 0, or size -1: everything
 * (SBI v3.0 ch. 8). SBI_ERR_INVALID_ADDRESS when the range wraps.
 */
enum sbi_error sbi_sfence_vma(struct vcpu *self, const struct hart_set *set, uint64_t start,
                              uint64_t size, const uint64_t *asid) MUST_CHECK;

#endif
