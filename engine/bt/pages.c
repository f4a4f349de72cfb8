/* SPDX-License-Identifier: MIT */
/*
 * Which guest-physical pages hold code that was translated, or tables that translations came from,
 * and which of these have been written since. Core tells of every write and of every page that
 * becomes writable through a TLB (gmem.written). When code is made from a page, every vCPU's store
 * entries for it are dropped, so that the next write is told of again; with tables, a fence of a
 * single vCPU does that. So fence.i costs nothing when no code was written, and sfence.vma when no
 * table was.
 */
#include <sched.h>
#include <stdlib.h>

#include "core/vm.h"
#include "engine/bt/bt.h"

/* What PAGE_STORED comes with on this thread: the bit of its vCPU. */
static _Thread_local uint32_t stored_by = PAGE_STORED;

static uint32_t bit_of(const struct vcpu *vcpu)
{
    return UINT32_C(1) << (PAGE_BY_SHIFT + vcpu->priv.hartid % PAGE_BY_BITS);
}

void pages_adopt(const struct vcpu *vcpu)
{
    stored_by = PAGE_STORED | bit_of(vcpu);
}

static struct bt_vm *vm_of(struct vm *vm)
{
    return vm->engine_data;
}

static void note(struct bt_vm *b, uint64_t page, uint32_t bits)
{
    if ((atomic_load_explicit(&b->page[page], memory_order_seq_cst) & bits) == bits)
        return;
    uint32_t old = atomic_fetch_or(&b->page[page], bits);
    if ((old & PAGE_STORED) != 0 || old == 0)
        return;
    uint64_t n = atomic_fetch_add(&b->nwritten, 1);
    atomic_store(&b->log[n % LOG_SIZE],
                 n << LOG_NUMBER_SHIFT | (uint64_t)old << LOG_WAS_SHIFT | page);
}

/* gmem.written: any thread. */
static void written(void *ctx, gpa_t gpa, uint64_t length)
{
    struct bt_vm *b = ctx;
    uint64_t first = (gpa - b->ram) >> PAGE_SHIFT;
    uint64_t last = (gpa - b->ram + length - 1) >> PAGE_SHIFT;

    for (uint64_t page = first; page <= last && page < b->npages; page++)
        note(b, page, stored_by);
}

bool pages_is_watched(const struct bt_vm *b, uint64_t page)
{
    uint32_t is = atomic_load(&b->page[page]);

    return is != 0 && (is & PAGE_STORED) == 0;
}

/* Entry n, which somebody may be about to write: what the page was, and which. */
static uint64_t log_entry(const struct bt_vm *b, uint64_t n)
{
    uint64_t entry;

    while ((uint32_t)((entry = atomic_load(&b->log[n % LOG_SIZE])) >> LOG_NUMBER_SHIFT) !=
           (uint32_t)n) {
        if (atomic_load(&b->nwritten) - n > LOG_SIZE) /* overrun meanwhile */
            break;
        sched_yield();
    }
    return entry & UINT32_MAX;
}

/* gmem.table_read: the thread of the vCPU walks. */
static void table_read(void *ctx, struct vcpu *vcpu, gpa_t gpa)
{
    const struct bt_vm *b = ctx;
    struct bt_vcpu *bv = bt_of(vcpu);
    uint64_t page = (gpa - b->ram) >> PAGE_SHIFT;

    if (page >= b->npages ||
        (atomic_load(&b->page[page]) & (PAGE_TABLE | PAGE_STORED)) == PAGE_TABLE)
        return;
    bv->fence_seen = UINT64_MAX;
    if (vcpu->vm->nvcpus > 1) /* to arm a page, all would have to drop what they have, each time */
        return;
    for (unsigned i = 0; i < bv->nunarmed; i++) {
        if (bv->unarmed[i] == (uint32_t)page)
            return;
    }
    if (bv->nunarmed < UNARMED)
        bv->unarmed[bv->nunarmed++] = (uint32_t)page;
}

int pages_create(struct vm *vm)
{
    const struct gmem_slot *ram = &vm->mem.slots[0];
    struct bt_vm *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return ERR_NO_MEMORY;
    b->ram = ram->gpa;
    for (unsigned i = 0; i < LOG_SIZE; i++) /* no entry of this number was written */
        b->log[i] = ~(uint64_t)i << LOG_NUMBER_SHIFT;
    b->npages = ram->size >> PAGE_SHIFT;
    b->page = calloc(b->npages, sizeof(*b->page));
    if (b->page == NULL) {
        free(b);
        return ERR_NO_MEMORY;
    }
    vm->engine_data = b;
    vm->mem.written_ctx = b;
    vm->mem.written = written;
    vm->mem.table_read = table_read;
    return 0;
}

void pages_destroy(struct vm *vm)
{
    struct bt_vm *b = vm_of(vm);

    vm->mem.written = NULL;
    vm->mem.table_read = NULL;
    if (b == NULL)
        return;
    free((void *)b->page);
    free(b);
    vm->engine_data = NULL;
}

/* Those of the second level for pages whose number ends in n. True: others of them share the word
 * with this page. */
static bool drop_stores(struct bt_vcpu *bv, uint64_t host_page, unsigned n)
{
    const uint64_t *word = stlb_stored(&bv->stlb, host_page);
    bool others = false;

    for (unsigned i = n; i < STLB_SIZE; i += 64) {
        struct stlb_entry *entry = &bv->stlb.entry[STLB_STORE][i];
        uint64_t host = (entry->tag & PAGE_MASK) + entry->addend;
        if (entry->tag == STLB_INVALID)
            continue;
        if (host == host_page)
            entry->tag = STLB_INVALID;
        else
            others |= stlb_stored(&bv->stlb, host) == word;
    }
    return others;
}

void pages_drop_stores(struct bt_vcpu *bv, const uint8_t *host_page)
{
    uint64_t host = (uint64_t)(uintptr_t)host_page;
    uint64_t *word = stlb_stored(&bv->stlb, host);

    for (uint64_t left = *word; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctzll(left);
        bool others = drop_stores(bv, host, n);
        others |= l1_drop_stores(bv, host, n);
        if (!others)
            *word &= ~(UINT64_C(1) << n);
    }
    mirror_drop_stores(&bv->mirror,
                       (uint32_t)((host_page - bv->vcpu->vm->mem.slots[0].host) >> PAGE_SHIFT));
}

/* The vCPUs but this one that have a bit among these. */
static bool others_of(const struct vcpu *self, uint32_t bits, struct hart_set *harts)
{
    const struct vm *vm = self->vm;
    bool any = false;

    *harts = (struct hart_set){{0}};
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i] == self || (bits & bit_of(vm->vcpu[i])) == 0)
            continue;
        harts->mask[i / 64] |= UINT64_C(1) << (i % 64);
        any = true;
    }
    return any;
}

/* From now on a write to the page is told of. Whoever finds that another vCPU has just seen to that
 * cannot know whether the others have already dropped their entries, so he asks them, too. */
static void arm(struct vcpu *vcpu, uint64_t page)
{
    struct bt_vm *b = vm_of(vcpu->vm);
    const struct gmem_slot *ram = &vcpu->vm->mem.slots[0];

    const uint8_t *host_page = ram->host + (page << PAGE_SHIFT);
    struct hart_set others;

    atomic_fetch_add(&b->arming, 1);
    uint32_t old = atomic_fetch_or(&b->page[page], PAGE_CODE);
    if ((old & PAGE_STORED) != 0)
        old = atomic_fetch_and(&b->page[page], ~(PAGE_STORED | PAGE_BY));
    else if (atomic_load(&b->arming) > 1)
        old = PAGE_BY;
    if ((old & bit_of(vcpu)) != 0)
        pages_drop_stores(bt_of(vcpu), host_page);
    if (others_of(vcpu, old, &others))
        bt_drop_stores(vcpu, &others, host_page);
    atomic_fetch_sub(&b->arming, 1);
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

bool pages_check(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_vm *b = vm_of(vcpu->vm);
    uint64_t n = atomic_load(&b->nwritten), seen = bv->written_seen;

    if (n == seen)
        return false;
    bv->stats.fence_checks++;
    bv->written_seen = n;
    if (n - seen > LOG_SIZE / 2) { /* the log may have been overrun */
        for (uint64_t page = 0; page < b->npages; page++) {
            if ((atomic_load(&b->page[page]) & PAGE_CODE) != 0)
                check_page(vcpu, page);
        }
    }
    for (; n - seen <= LOG_SIZE / 2 && seen < n; seen++) {
        uint64_t entry = log_entry(b, seen);
        if ((entry >> LOG_WAS_SHIFT & PAGE_CODE) != 0)
            check_page(vcpu, entry & LOG_PAGE);
    }
    return true;
}

/* A page of tables that was written may be one no more, so it is not armed again until it was
 * walked. */
bool pages_tables_changed(struct vcpu *vcpu, uint64_t n)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_vm *b = vm_of(vcpu->vm);
    uint64_t seen = bv->fence_seen;
    bool changed = false;

    if (seen == UINT64_MAX || n - seen > LOG_SIZE / 2)
        return true;
    for (; seen != n; seen++) {
        uint64_t entry = log_entry(b, seen);
        if ((entry >> LOG_WAS_SHIFT & PAGE_TABLE) == 0)
            continue;
        atomic_fetch_and(&b->page[entry & LOG_PAGE], ~(uint32_t)PAGE_TABLE);
        changed = true;
    }
    return changed;
}

/* This vCPU, the only one, has just dropped all of its translations: nobody stores there unseen, if
 * not by a mirror. */
void pages_arm_tables(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    struct bt_vm *b = vm_of(vcpu->vm);

    for (unsigned i = 0; i < bv->nunarmed; i++) {
        mirror_drop_stores(&bv->mirror, bv->unarmed[i]);
        atomic_fetch_and(&b->page[bv->unarmed[i]], ~(PAGE_STORED | PAGE_BY));
        atomic_fetch_or(&b->page[bv->unarmed[i]], PAGE_TABLE);
    }
    bv->nunarmed = 0;
}
