/* SPDX-License-Identifier: MIT */
/* The translator as an engine: capabilities, creation, statistics. */
#include "engine/bt/bt.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "core/vm.h"
#include "engine/native/extensions.h"

#define EXT(id) (UINT64_C(1) << ISA_##id)

/* Of these, a guest is offered what the harts have. Others could be done in C, too, but cost a
 * guest that believes in them more than they give. */
#define NATIVE (BT_COPIED | EXT(ZICBOZ))

static int bt_probe(struct engine_caps *caps, const char **why)
{
    *why = NULL;
    *caps = (struct engine_caps){
        .isa =
            {
                .ext = EXT(I) | EXT(M) | EXT(A) | EXT(F) | EXT(D) | EXT(C) | EXT(ZICBOM) |
                       EXT(ZICNTR) | EXT(ZICSR) | EXT(ZIFENCEI) | EXT(ZIHINTPAUSE) | EXT(SSTC) |
                       EXT(SVADU) | EXT(SVNAPOT) | EXT(SVPBMT) | (native_extensions() & NATIVE),
                .satp_modes = SATP_MODES_SV39,
                .asid_bits = 16,
                .cbo_block = 64,
            },
        .timebase_hz = 10000000,
        .time_offset = true,
        .max_vcpus = VM_MAX_VCPUS,
        .fs_off_traps = true,
        .vs_off_traps = true,
        .single_step = true,
        .breakpoints = true,
        .confined = true,
        .shared_ram = true,
    };
    return 0;
}

static int bt_vm_create(struct vm *vm)
{
    int error = pages_create(vm);

    if (error == 0)
        ((struct bt_vm *)vm->engine_data)->native = native_extensions();
    return error;
}

static void bt_vm_destroy(struct vm *vm)
{
    pages_destroy(vm);
}

static int ram_to_mirror(const struct vm *vm)
{
    return vm->nvcpus == 1 && mirror_possible(vm->ram_fd) ? vm->ram_fd : -1;
}

static int bt_vcpu_create(struct vcpu *vcpu)
{
    struct bt_vm *vm = vcpu->vm->engine_data;
    struct bt_vcpu *bv =
        mmap(NULL, sizeof(*bv), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (bv == MAP_FAILED)
        return ERR_NO_MEMORY;
    bv->vcpu = vcpu;
    if (box_create(&bv->box) != 0) {
        munmap(bv, sizeof(*bv));
        return ERR_NO_MEMORY;
    }
    if (cache_create(bv) != 0) {
        box_destroy(&bv->box);
        cache_destroy(bv);
        munmap(bv, sizeof(*bv));
        return ERR_NO_MEMORY;
    }
    mirror_create(&bv->mirror, ram_to_mirror(vcpu->vm));
    bv->nwritten = &vm->nwritten;
    bv->native = vm->native;
    bv->debug.stopped = DEBUG_NOWHERE;
    spaces_init(bv);
    stlb_reset(&bv->stlb);
    bv->stlb.shares = true;
    vcpu->engine = bv;
    vcpu->stlb = &bv->stlb;
    return 0;
}

static void bt_vcpu_destroy(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    if (bv == NULL)
        return;
    thread_release(vcpu);
    cache_destroy(bv);
    mirror_destroy(&bv->mirror);
    box_destroy(&bv->box);
    munmap(bv, sizeof(*bv));
    vcpu->engine = NULL;
    vcpu->stlb = NULL;
}

static void bt_stats(struct vm *vm, void (*line)(void *ctx, const char *name, uint64_t value),
                     void *ctx)
{
    struct bt_stats sum = {0};
    uint64_t fills = 0, flushes = 0, mapped = 0, drops = 0;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        const struct bt_vcpu *bv = bt_of(vm->vcpu[i]);
        const uint64_t *from = (const uint64_t *)&bv->stats;
        for (unsigned n = 0; n < sizeof(sum) / sizeof(uint64_t); n++)
            ((uint64_t *)&sum)[n] += from[n];
        fills += bv->stlb.fills;
        flushes += bv->stlb.flushes;
        mapped += bv->mirror.mapped;
        drops += bv->mirror.drops;
    }
    line(ctx, "bt.blocks", sum.blocks);
    line(ctx, "bt.code_bytes", sum.code_bytes);
    line(ctx, "bt.links", sum.links);
    line(ctx, "bt.cache_flushes", sum.flushes);
    line(ctx, "bt.blocks_dropped", sum.drops);
    line(ctx, "bt.l1_fills", sum.l1_fills);
    line(ctx, "bt.misses", sum.misses);
    line(ctx, "bt.tlb_fills", fills);
    line(ctx, "bt.tlb_flushes", flushes);
    line(ctx, "bt.accesses_in_c", sum.slow);
    line(ctx, "bt.instructions_in_c", sum.exec);
    line(ctx, "bt.light_calls", sum.light);
    line(ctx, "bt.jump_misses", sum.jump_misses);
    line(ctx, "bt.jumps_dropped", sum.jump_drops);
    line(ctx, "bt.tlb_dropped", sum.tlb_drops);
    line(ctx, "bt.kicks", sum.kicks);
    line(ctx, "bt.fence_checks", sum.fence_checks);
    line(ctx, "bt.page_checks", sum.page_checks);
    line(ctx, "bt.mirror_faults", sum.faults);
    line(ctx, "bt.mirror_strays", sum.strays);
    line(ctx, "bt.mirror_pages", mapped);
    line(ctx, "bt.mirror_drops", drops);
    line(ctx, "bt.asked", sum.asked);
    line(ctx, "bt.asked_all", sum.asked_all);
}

const struct engine_ops engine_bt = {
    .name = "bt",
    .probe = bt_probe,
    .vm_create = bt_vm_create,
    .vm_destroy = bt_vm_destroy,
    .vcpu_create = bt_vcpu_create,
    .vcpu_destroy = bt_vcpu_destroy,
    .vcpu_adopt = thread_adopt,
    .run = bt_run,
    .kick = bt_kick,
    .tlb_flush = bt_tlb_flush,
    .code_flush = bt_code_flush,
    .debug = bt_debug,
    .stats = bt_stats,
};
