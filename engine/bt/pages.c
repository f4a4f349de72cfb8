/* SPDX-License-Identifier: MIT */
/*
 * Which guest-physical pages hold code that was translated, and which of these have been written
 * since. Core tells of every write and of every page that becomes writable through a TLB
 * (gmem.written). When code is made from a page, every vCPU's store entries for it are dropped, so
 * that the next write is told of again. So fence.i costs nothing when no code was written.
 */
#include <stdlib.h>

#include "core/vm.h"
#include "engine/bt/bt.h"

static struct bt_vm *vm_of(struct vm *vm)
{
    return vm->engine_data;
}

/* gmem.written: any thread. */
static void written(void *ctx, gpa_t gpa, uint64_t length)
{
    struct bt_vm *b = ctx;
    uint64_t first = (gpa - b->ram) >> PAGE_SHIFT;
    uint64_t last = (gpa - b->ram + length - 1) >> PAGE_SHIFT;

    for (uint64_t page = first; page <= last && page < b->npages; page++) {
        if ((atomic_load_explicit(&b->page[page], memory_order_seq_cst) & PAGE_STORED) != 0)
            continue;
        uint32_t old = atomic_fetch_or(&b->page[page], PAGE_STORED);
        if ((old & PAGE_STORED) != 0 || (old & PAGE_CODE) == 0)
            continue;
        uint64_t n = atomic_fetch_add(&b->nwritten, 1);
        atomic_store(&b->log[n % LOG_SIZE], (uint32_t)page);
    }
}

int pages_create(struct vm *vm)
{
    const struct gmem_slot *ram = &vm->mem.slots[0];
    struct bt_vm *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return ERR_NO_MEMORY;
    b->ram = ram->gpa;
    b->npages = ram->size >> PAGE_SHIFT;
    b->page = calloc(b->npages, sizeof(*b->page));
    if (b->page == NULL) {
        free(b);
        return ERR_NO_MEMORY;
    }
    vm->engine_data = b;
    vm->mem.written_ctx = b;
    vm->mem.written = written;
    return 0;
}

void pages_destroy(struct vm *vm)
{
    struct bt_vm *b = vm_of(vm);

    vm->mem.written = NULL;
    if (b == NULL)
        return;
    free((void *)b->page);
    free(b);
    vm->engine_data = NULL;
}

static void drop_own_stores(struct bt_vcpu *bv, const uint8_t *host_page)
{
    struct stlb_entry *entry = bv->stlb.entry[STLB_STORE];

    for (unsigned i = 0; i < STLB_SIZE; i++) {
        if (entry[i].tag != STLB_INVALID &&
            (entry[i].tag & PAGE_MASK) + entry[i].addend == (uint64_t)(uintptr_t)host_page)
            entry[i].tag = STLB_INVALID;
    }
    l1_drop_stores(bv, host_page);
}

/* From now on a write to the page is told of. */
static void arm(struct vcpu *vcpu, uint64_t page)
{
    struct bt_vm *b = vm_of(vcpu->vm);
    const struct gmem_slot *ram = &vcpu->vm->mem.slots[0];

    uint32_t old = atomic_fetch_or(&b->page[page], PAGE_CODE);
    if ((old & PAGE_STORED) == 0)
        return;
    atomic_fetch_and(&b->page[page], ~(uint32_t)PAGE_STORED);
    drop_own_stores(bt_of(vcpu), ram->host + (page << PAGE_SHIFT));
    bt_drop_others(vcpu);
}

void pages_watch(struct vcpu *vcpu, gpa_t gpa)
{
    const struct bt_vm *b = vm_of(vcpu->vm);
    uint64_t page = (gpa - b->ram) >> PAGE_SHIFT;

    if (page < b->npages)
        arm(vcpu, page);
}

/* Drops the page's blocks whose code has changed. */
static void check_page(struct vcpu *vcpu, uint64_t page)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    const struct gmem_slot *ram = &vcpu->vm->mem.slots[0];
    uint32_t frame = (uint32_t)((ram->gpa >> PAGE_SHIFT) + page);
    const uint8_t *live = ram->host + (page << PAGE_SHIFT);

    bv->stats.page_checks++;
    arm(vcpu, page);
    for (uint32_t n = bv->frame[frame & (FRAME_HASH - 1)]; n != 0;) {
        struct bt_block *block = &bv->block[n - 1];
        if (block->frame == frame && !block->dropped &&
            translate_sum(live + block->offset, block->length) != block->sum)
            cache_drop(bv, block);
        n = block->frame_next;
    }
}

void pages_check(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_vm *b = vm_of(vcpu->vm);
    uint64_t n = atomic_load(&b->nwritten), seen = bv->written_seen;

    if (n == seen)
        return;
    bv->stats.fence_checks++;
    bv->written_seen = n;
    if (n - seen > LOG_SIZE / 2) { /* the log may have been overrun */
        for (uint64_t page = 0; page < b->npages; page++) {
            if ((atomic_load(&b->page[page]) & PAGE_CODE) != 0)
                check_page(vcpu, page);
        }
    }
    for (; n - seen <= LOG_SIZE / 2 && seen < n; seen++)
        check_page(vcpu, atomic_load(&b->log[seen % LOG_SIZE]));
}
