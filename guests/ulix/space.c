/* SPDX-License-Identifier: MIT */
/* Address spaces: demand paging, copy on write, the heap, and telling other harts what is gone. */
#include "guests/ulix/space.h"

#include <string.h>

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/ulix/archive.h"
#include "guests/ulix/hart.h"
#include "guests/ulix/process.h"

static struct space spaces[MAX_PROCESSES];
bool space_without_shootdown;
_Atomic uint64_t space_shootdowns, space_copies, space_faults;

struct space *space_new(void)
{
    uint64_t *root = table_new();

    if (root == NULL)
        return NULL;
    for (unsigned i = 0; i < MAX_PROCESSES; i++) {
        struct space *space = &spaces[i];
        unsigned nobody = 0;

        if (!atomic_compare_exchange_strong(&space->users, &nobody, 1))
            continue;
        space->root = root;
        space->pages = 0;
        space->file = NULL;
        space->segment_count = 0;
        space->heap_start = space->heap_end = 0;
        return space;
    }
    page_drop(root);
    return NULL;
}

void space_hold(struct space *space)
{
    atomic_fetch_add(&space->users, 1);
}

/* The last one frees the table: no hart is in the space any more. */
void space_drop(struct space *space)
{
    uint64_t *root = space->root; /* at 0 users somebody else may take the space itself */

    if (atomic_fetch_sub(&space->users, 1) == 1)
        table_free(root);
}

void space_enter(struct space *space)
{
    atomic_fetch_or(&space->harts, 1UL << hart_index(this_hart()));
}

void space_leave(struct space *space)
{
    atomic_fetch_and(&space->harts, ~(1UL << hart_index(this_hart())));
}

/* Once this returns, no hart uses what the table said before. With the space's lock held. */
static void shoot_down(struct space *space, uint64_t va, uint64_t size)
{
    uint64_t harts, mask = 0;

    atomic_thread_fence(memory_order_seq_cst); /* an entry from now on sees the table as it is */
    harts = atomic_load(&space->harts);
    if (harts == 0 || space_without_shootdown)
        return;
    for (uint64_t i = 0; i < hart_count(); i++) {
        if (harts >> i & 1)
            mask |= 1UL << hart_at(i)->id;
    }
    atomic_fetch_add(&space_shootdowns, 1);
    require(sbi_remote_sfence_vma(mask, 0, va, size).error == 0);
}

struct forking {
    struct space *child;
    bool changed; /* the parent's table lost a W */
};

/* Both get the page without W; whoever writes first makes a copy. */
static bool share_page(uint64_t va, uint64_t *pte, void *context)
{
    struct forking *forking = context;
    uint64_t *entry = table_entry(forking->child->root, va, true);

    if (entry == NULL)
        return false;
    if (*pte & PTE_W) {
        *pte = (*pte & ~(PTE_W | PTE_D)) | PTE_COPY;
        forking->changed = true;
    }
    page_hold(table_page(*pte));
    *entry = *pte;
    return true;
}

struct space *space_fork(struct space *parent)
{
    struct forking forking = {.child = space_new()};
    struct space *child = forking.child;
    bool whole;

    if (child == NULL)
        return NULL;
    lock_acquire(&parent->lock);
    whole = table_each(parent->root, share_page, &forking);
    if (forking.changed)
        shoot_down(parent, 0, STACK_TOP);
    child->pages = parent->pages;
    child->file = parent->file;
    memcpy(child->segments, parent->segments, sizeof child->segments);
    child->segment_count = parent->segment_count;
    child->heap_start = parent->heap_start;
    child->heap_end = parent->heap_end;
    lock_release(&parent->lock);
    if (whole)
        return child;
    space_drop(child);
    return NULL;
}

/* The page is there, but not for a write: it is copied, unless nobody else has it any more. */
static bool unshare(struct space *space, uint64_t va, uint64_t *pte)
{
    uint64_t *shared = table_page(*pte);
    uint64_t flags = (*pte & (PTE_R | PTE_X | PTE_U)) | PTE_W;
    uint64_t *own;

    if (page_references(shared) == 1) {
        *pte = table_leaf(shared, flags);
        return true;
    }
    own = page_alloc();
    if (own == NULL)
        return false;
    page_copy(own, shared);
    *pte = table_leaf(own, flags);
    shoot_down(space, va, PAGE_SIZE); /* other threads still read the shared page */
    page_drop(shared);
    atomic_fetch_add(&space_copies, 1);
    return true;
}

static const struct segment *segment_of(const struct space *space, uint64_t va)
{
    for (unsigned i = 0; i < space->segment_count; i++) {
        const struct segment *segment = &space->segments[i];

        if (va - segment->start < segment->size)
            return segment;
    }
    return NULL;
}

/* The page of a segment at this offset as it is before anyone writes, with its flags. May sleep. */
static uint64_t *segment_page(const struct space *space, const struct segment *segment,
                              uint64_t offset, uint64_t *flags)
{
    uint64_t left = segment->file_size > offset ? segment->file_size - offset : 0;
    uint64_t *cached = NULL, *page;

    *flags = segment->flags;
    if (left > 0) {
        cached = archive_page(space->file, (segment->file_offset + offset) / PAGE_SIZE);
        if (cached == NULL)
            return NULL;
    }
    if (left >= PAGE_SIZE || (left > 0 && !(segment->flags & PTE_W))) {
        if (segment->flags & PTE_W)
            *flags = (segment->flags & ~PTE_W) | PTE_COPY;
        page_hold(cached);
        return cached;
    }
    page = page_alloc_zeroed();
    if (page != NULL && left > 0)
        memcpy(page, cached, left);
    return page;
}

/* Stack or heap. With the lock held, as the heap may shrink. */
static bool is_anonymous(const struct space *space, uint64_t va)
{
    return (va >= STACK_TOP - STACK_PAGES * PAGE_SIZE && va < STACK_TOP) ||
           (va >= space->heap_start && va < space->heap_end);
}

/* Whether the entry, with a page, is good for the access, or can be made so. With the lock held. */
static bool present(struct space *space, uint64_t va, uint64_t *pte, uint64_t wanted)
{
    if ((*pte & wanted) == wanted)
        return true;
    return wanted == PTE_W && *pte & PTE_COPY && unshare(space, va, pte);
}

/* The page goes to the space, or is dropped if another thread was here first. */
static bool install(struct space *space, uint64_t va, uint64_t *page, uint64_t flags,
                    uint64_t wanted)
{
    uint64_t *pte = table_entry(space->root, va, true);

    if (pte == NULL || *pte != 0) {
        page_drop(page);
    } else {
        *pte = table_leaf(page, flags | PTE_U);
        space->pages++;
    }
    return pte != NULL && present(space, va, pte, wanted);
}

/* For a page that is not there and is no segment's. With the lock held. */
static bool install_zeroed(struct space *space, uint64_t va, uint64_t wanted)
{
    uint64_t *page = is_anonymous(space, va) ? page_alloc_zeroed() : NULL;

    return page != NULL && install(space, va, page, PTE_R | PTE_W, wanted);
}

bool space_fault(struct space *space, uint64_t va, uint64_t wanted)
{
    const struct segment *segment = segment_of(space, va);
    uint64_t *pte, *page;
    uint64_t flags;
    bool good;

    va &= -PAGE_SIZE;
    if (va >= STACK_TOP)
        return false;
    atomic_fetch_add(&space_faults, 1);
    lock_acquire(&space->lock);
    pte = table_entry(space->root, va, false);
    if ((pte != NULL && *pte != 0) || segment == NULL) {
        good = pte != NULL && *pte != 0 ? present(space, va, pte, wanted)
                                        : install_zeroed(space, va, wanted);
        lock_release(&space->lock);
        return good;
    }
    lock_release(&space->lock); /* the disk may have to be waited for */
    page = segment_page(space, segment, va - segment->start, &flags);
    if (page == NULL)
        return false;
    lock_acquire(&space->lock);
    good = install(space, va, page, flags, wanted);
    lock_release(&space->lock);
    return good;
}

bool space_place(struct space *space, uint64_t va, uint64_t *page)
{
    uint64_t *pte = table_entry(space->root, va, true);

    if (pte == NULL)
        return false;
    *pte = table_leaf(page, PTE_R | PTE_W | PTE_U);
    space->pages++;
    return true;
}

/* With the lock held. A page is free for others only once no hart can reach it. */
static void unmap(struct space *space, uint64_t start, uint64_t end)
{
    for (uint64_t va = start; va < end; va += PAGE_SIZE) {
        uint64_t *pte = table_entry(space->root, va, false);
        uint64_t old = pte == NULL ? 0 : *pte;

        if (old == 0)
            continue;
        *pte = 0;
        shoot_down(space, va, PAGE_SIZE);
        page_drop(table_page(old));
        space->pages--;
    }
}

int64_t space_grow(struct space *space, int64_t bytes)
{
    int64_t before = -1;
    uint64_t end;

    lock_acquire(&space->lock);
    end = space->heap_end + (uint64_t)bytes;
    if (end >= space->heap_start && end <= STACK_TOP / 2) {
        before = (int64_t)space->heap_end;
        unmap(space, (end + PAGE_SIZE - 1) & -PAGE_SIZE,
              (space->heap_end + PAGE_SIZE - 1) & -PAGE_SIZE);
        space->heap_end = end;
    }
    lock_release(&space->lock);
    return before;
}

/* The kernel's view of va if the user has the right to it there, with the lock held; or NULL. */
static uint8_t *user_byte(struct space *space, uint64_t va, uint64_t wanted)
{
    do {
        uint64_t *pte;

        if (va >= STACK_TOP)
            return NULL;
        lock_acquire(&space->lock);
        pte = table_entry(space->root, va, false);
        if (pte != NULL && (*pte & wanted) == wanted)
            return (uint8_t *)table_page(*pte) + va % PAGE_SIZE;
        lock_release(&space->lock);
    } while (space_fault(space, va, wanted));
    return NULL;
}

static uint64_t rest_of_page(uint64_t va, uint64_t size)
{
    uint64_t rest = PAGE_SIZE - va % PAGE_SIZE;

    return size < rest ? size : rest;
}

bool space_read(struct space *space, void *to, uint64_t from, uint64_t size)
{
    for (uint64_t done = 0, part; done < size; done += part) {
        const uint8_t *bytes = user_byte(space, from + done, PTE_R);

        if (bytes == NULL)
            return false;
        part = rest_of_page(from + done, size - done);
        memcpy((uint8_t *)to + done, bytes, part);
        lock_release(&space->lock);
    }
    return true;
}

bool space_write(struct space *space, uint64_t to, const void *from, uint64_t size)
{
    for (uint64_t done = 0, part; done < size; done += part) {
        uint8_t *bytes = user_byte(space, to + done, PTE_W);

        if (bytes == NULL)
            return false;
        part = rest_of_page(to + done, size - done);
        memcpy(bytes, (const uint8_t *)from + done, part);
        lock_release(&space->lock);
    }
    return true;
}

bool space_read_string(struct space *space, char *to, uint64_t from, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        if (!space_read(space, to + i, from + i, 1))
            return false;
        if (to[i] == 0)
            return true;
    }
    return false;
}
