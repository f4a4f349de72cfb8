/* SPDX-License-Identifier: MIT */
/*
 * Remote fences. Each vCPU owns its TLBs and its code; another one may only say in its box what it
 * wants done, kick, and wait until the owner has taken it or is outside `run` (it looks into the
 * box on the way in). Only those that are named are stopped, and only what is named is dropped.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/vm.h"
#include "engine/bt/bt.h"

#define YIELDS 4 /* before a waiting thread goes to sleep */

static bool in_set(const struct hart_set *harts, unsigned hart)
{
    return (harts->mask[hart / 64] >> (hart % 64)) & 1;
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
    syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

int box_create(struct bt_box *box)
{
    return pthread_mutex_init(&box->lock, NULL) == 0 ? 0 : ERR_NO_MEMORY;
}

void box_destroy(struct bt_box *box)
{
    pthread_mutex_destroy(&box->lock);
}

/* Returns how many there were until now. */
static uint32_t put(struct bt_box *box, const struct bt_ask *ask)
{
    pthread_mutex_lock(&box->lock);
    struct bt_asked *asked = &box->asked;
    if (ask->kind == ASK_CODE)
        asked->code = true;
    else if (ask->kind == ASK_ALL || asked->n == BOX_ASKS)
        asked->all = true;
    else
        asked->ask[asked->n++] = *ask;
    uint32_t posted = atomic_fetch_add(&box->posted, 1) + 1;
    pthread_mutex_unlock(&box->lock);
    return posted;
}

bool box_take(struct bt_box *box, struct bt_asked *asked)
{
    if (atomic_load(&box->posted) == atomic_load(&box->taken))
        return false;
    pthread_mutex_lock(&box->lock);
    *asked = box->asked;
    box->asked = (struct bt_asked){.n = 0};
    atomic_store(&box->taken, atomic_load(&box->posted));
    pthread_mutex_unlock(&box->lock);
    box_wake(box);
    return true;
}

void box_wake(struct bt_box *box)
{
    atomic_fetch_add(&box->changes, 1);
    if (atomic_load(&box->sleepers) != 0)
        futex(&box->changes, FUTEX_WAKE, INT_MAX);
}

/* Until its owner has taken what was in the box, or is outside. */
static void wait_for(struct vcpu *vcpu, uint32_t posted)
{
    struct bt_box *box = &bt_of(vcpu)->box;

    for (unsigned yields = 0;;) {
        uint32_t changes = atomic_load(&box->changes);
        if ((int32_t)(atomic_load(&box->taken) - posted) >= 0 || !atomic_load(&vcpu->running))
            return;
        if (yields++ < YIELDS) {
            sched_yield();
            continue;
        }
        atomic_fetch_add(&box->sleepers, 1);
        futex(&box->changes, FUTEX_WAIT, changes);
        atomic_fetch_sub(&box->sleepers, 1);
    }
}

/* For a caller inside `run`, who counts as outside meanwhile, so that two of them do not wait for
 * each other. */
static void ask(struct vm *vm, const struct vcpu *self, const struct hart_set *harts,
                const struct bt_ask *what)
{
    uint32_t posted[VM_MAX_VCPUS];

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (!in_set(harts, i))
            continue;
        posted[i] = put(&bt_of(vm->vcpu[i])->box, what);
        bt_kick(vm->vcpu[i]);
    }
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (in_set(harts, i) && vm->vcpu[i] != self)
            wait_for(vm->vcpu[i], posted[i]);
    }
}

void bt_tlb_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts,
                  const struct flush_range *range)
{
    struct bt_ask what = {.kind = ASK_FENCE,
                          .first = range->start & PAGE_MASK,
                          .last = (range->start + (range->size - 1)) & PAGE_MASK,
                          .any_asid = range->any_asid,
                          .asid = range->asid};

    if (range->size == UINT64_MAX)
        what.first = 0, what.last = PAGE_MASK;
    if (range->size == UINT64_MAX && range->any_asid)
        what.kind = ASK_ALL;
    ask(vm, self, harts, &what);
}

void bt_code_flush(struct vm *vm, struct vcpu *self, const struct hart_set *harts, gpa_t gpa,
                   uint64_t size)
{
    (void)gpa;
    (void)size;
    ask(vm, self, harts, &(struct bt_ask){.kind = ASK_CODE});
}

void bt_drop_stores(struct vcpu *self, const struct hart_set *harts, const uint8_t *host_page)
{
    uint32_t was = atomic_exchange(&self->running, 0);

    box_wake(&bt_of(self)->box);
    ask(self->vm, self, harts,
        &(struct bt_ask){.kind = ASK_STORES, .first = (uint64_t)(uintptr_t)host_page});
    atomic_store(&self->running, was);
    bt_of(self)->look = true;
}
