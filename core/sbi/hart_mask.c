/* SPDX-License-Identifier: MIT */
/* Hart ids and hart masks as guests pass them (SBI v3.0 3.1). */
#include "core/sbi/parts.h"

struct vcpu *sbi_hart(struct vm *vm, uint64_t hartid)
{
    return hartid < vm->nvcpus ? vm_hart(vm, (hartid_t)hartid) : NULL;
}

static void add(struct hart_set *set, unsigned hart)
{
    set->mask[hart / 64] |= UINT64_C(1) << (hart % 64);
}

enum sbi_error sbi_hart_mask(struct vm *vm, uint64_t mask, uint64_t base, struct hart_set *set)
{
    *set = (struct hart_set){0};
    if (base == SBI_ALL_HARTS) {
        for (unsigned hart = 0; hart < vm->nvcpus; hart++) {
            if (vm->vcpu[hart] != NULL)
                add(set, hart);
        }
        return SBI_SUCCESS;
    }
    if (base >= vm->nvcpus)
        return SBI_ERR_INVALID_PARAM;
    for (uint64_t hart = base; mask != 0; hart++, mask >>= 1) {
        if ((mask & 1) == 0)
            continue;
        if (sbi_hart(vm, hart) == NULL)
            return SBI_ERR_INVALID_PARAM;
        add(set, (unsigned)hart);
    }
    return SBI_SUCCESS;
}
