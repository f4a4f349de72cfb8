/* SPDX-License-Identifier: MIT */
/* The engine that notes fences (see sbi_call.h). */
#include "tests/unit/sbi_call.h"

struct fence_log fence_log;

static void tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                      const struct flush_range *range)
{
    (void)vm;
    (void)self;
    fence_log.tlb++;
    fence_log.harts = harts->mask[0];
    fence_log.range = *range;
}

static void code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                       uint64_t size)
{
    (void)vm;
    (void)self;
    (void)gpa;
    (void)size;
    fence_log.code++;
    fence_log.harts = harts->mask[0];
}

const struct engine_ops fence_engine = {
    .name = "fence log", .tlb_flush = tlb_flush, .code_flush = code_flush};
