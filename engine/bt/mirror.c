/* SPDX-License-Identifier: MIT */
/* Mirrors of guest memory in the host's address space: what is mapped in them, and where. */
#include "engine/bt/mirror.h"

#include <sys/mman.h>

#define MIRROR_GONE (~UINT32_C(0))

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static const struct mirror_area no_pages = {.wide_first = MIRROR_PAGES};

static bool is_free(uint64_t address)
{
    void *want = (void *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr) */
    void *got = mmap(want, PAGE_SIZE, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

    if (got == MAP_FAILED)
        return false;
    munmap(got, PAGE_SIZE);
    return got == want;
}

/* Addresses so high exist from Sv48 on. Nobody else maps anything there: what the system chooses
 * lies far above. */
bool mirror_possible(int fd)
{
    return fd >= 0 && is_free(MIRROR_FIRST) && is_free(MIRROR_END - PAGE_SIZE);
}

void mirror_create(struct mirror *m, int fd)
{
    m->fd = -1;
    for (unsigned i = 0; i < MIRROR_AREAS; i++)
        m->area[i] = no_pages;
    if (fd < 0)
        return;
    void *page = mmap(NULL, MIRROR_MOST * sizeof(*m->page), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page == MAP_FAILED)
        return;
    m->page = page;
    m->fd = fd;
}

static uint32_t key_of(unsigned area, uint32_t page)
{
    return area * MIRROR_PAGES + page;
}

static uint32_t *head_of(struct mirror *m, enum mirror_chain chain, uint32_t value)
{
    return &m->head[chain][(value ^ value >> 12) & (MIRROR_HEADS - 1)];
}

static void *address_of(unsigned area, uint32_t page)
{
    uint64_t address = MIRROR_FIRST + area * MIRROR_STRIDE + ((uint64_t)page << PAGE_SHIFT);

    return (void *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr) */
}

static void unlink_from(struct mirror *m, enum mirror_chain chain, uint32_t value, uint32_t number)
{
    uint32_t *at = head_of(m, chain, value);

    while (*at != number)
        at = &m->page[*at - 1].next[chain];
    *at = m->page[number - 1].next[chain];
}

/* Of the two chains by which it would be found; it stays in that of its group. */
static void take_out(struct mirror *m, uint32_t number)
{
    struct mirror_page *page = &m->page[number - 1];

    unlink_from(m, MIRROR_BY_VA, page->key, number);
    unlink_from(m, MIRROR_BY_FRAME, page->frame, number);
    page->frame = MIRROR_GONE;
}

static uint32_t find(struct mirror *m, uint32_t key)
{
    uint32_t number = *head_of(m, MIRROR_BY_VA, key);

    while (number != 0 && m->page[number - 1].key != key)
        number = m->page[number - 1].next[MIRROR_BY_VA];
    return number;
}

static void give_back(struct mirror *m, uint32_t number)
{
    m->page[number - 1].next[MIRROR_BY_GROUP] = m->free;
    m->free = number;
    m->nfree++;
}

/* There is one. */
static uint32_t new_page(struct mirror *m)
{
    uint32_t number = m->free;

    if (number == 0)
        return ++m->used;
    m->free = m->page[number - 1].next[MIRROR_BY_GROUP];
    m->nfree--;
    return number;
}

/* The group of a page; 0: there is no room for another one. */
static uint32_t find_group(struct mirror *m, unsigned area, uint32_t page)
{
    struct mirror_area *a = &m->area[area];
    uint32_t key = key_of(area, page) >> MIRROR_GROUP_SHIFT, number = a->groups;

    while (number != 0 && m->group[number - 1].key != key)
        number = m->group[number - 1].next;
    if (number != 0)
        return number;
    number = m->group_free;
    if (number != 0)
        m->group_free = m->group[number - 1].next;
    else if (m->group_used < MIRROR_GROUPS)
        number = ++m->group_used;
    else
        return 0;
    m->group[number - 1] = (struct mirror_group){.key = key, .next = a->groups};
    a->groups = number;
    return number;
}

/* One that is for less than all of the group's pages is not remembered. */
static void enter_group(struct mirror_group *group, const struct mirror_leaf *leaf, uint32_t frame)
{
    uint64_t pte = leaf->bits == 0 ? 0 : leaf->bits < MIRROR_GROUP_SHIFT ? MIRROR_MIXED : leaf->pte;

    if (group->pages != 0 && (group->pte != pte || (pte != 0 && group->frame != frame)))
        pte = MIRROR_MIXED;
    group->pte = pte;
    group->frame = frame;
}

static void enter(struct mirror *m, struct mirror_group *group, uint32_t key, uint32_t frame,
                  bool writable)
{
    uint32_t number = find(m, key);

    if (number != 0)
        take_out(m, number);
    number = new_page(m);
    struct mirror_page *entry = &m->page[number - 1];
    uint32_t *heads[MIRROR_CHAINS] = {head_of(m, MIRROR_BY_VA, key),
                                      head_of(m, MIRROR_BY_FRAME, frame), &group->pages};

    *entry = (struct mirror_page){.key = key, .frame = frame, .writable = writable};
    for (unsigned i = 0; i < MIRROR_CHAINS; i++) {
        entry->next[i] = *heads[i];
        *heads[i] = number;
    }
}

static uint32_t gap(const struct mirror_area *a, unsigned i, uint32_t first, uint32_t last)
{
    if (first > a->span[i].last)
        return first - a->span[i].last;
    return last < a->span[i].first ? a->span[i].first - last : 0;
}

/* Into the nearest span, unless that is far away and there is room for another one. */
static void extend(struct mirror_area *a, uint32_t first, uint32_t last)
{
    unsigned nearest = 0;

    for (unsigned i = 1; i < a->nspans; i++) {
        if (gap(a, i, first, last) < gap(a, nearest, first, last))
            nearest = i;
    }
    if (a->nspans == 0 ||
        (a->nspans < MIRROR_SPANS && gap(a, nearest, first, last) > (UINT32_C(1) << 18))) {
        a->span[a->nspans].first = first;
        a->span[a->nspans++].last = last;
        return;
    }
    if (first < a->span[nearest].first)
        a->span[nearest].first = first;
    if (last > a->span[nearest].last)
        a->span[nearest].last = last;
}

static void extend_wide(struct mirror_area *a, uint32_t page, uint32_t offset)
{
    if ((page & ~offset) < a->wide_first)
        a->wide_first = page & ~offset;
    if ((page | offset) > a->wide_last)
        a->wide_last = page | offset;
}

/* All pages of a group, which are no longer mapped. */
static void clear_group(struct mirror *m, struct mirror_group *group)
{
    for (uint32_t number = group->pages, next; number != 0; number = next) {
        next = m->page[number - 1].next[MIRROR_BY_GROUP];
        if (m->page[number - 1].frame != MIRROR_GONE)
            take_out(m, number);
        give_back(m, number);
    }
    group->pages = 0;
}

static void give_group_back(struct mirror *m, uint32_t number)
{
    m->group[number - 1].next = m->group_free;
    m->group_free = number;
}

static void drop_area(struct mirror *m, unsigned area)
{
    struct mirror_area *a = &m->area[area];

    if (a->groups == 0)
        return;
    for (unsigned i = 0; i < a->nspans; i++)
        munmap(address_of(area, a->span[i].first),
               ((uint64_t)a->span[i].last - a->span[i].first + 1) << PAGE_SHIFT);
    for (uint32_t number = a->groups, next; number != 0; number = next) {
        next = m->group[number - 1].next;
        clear_group(m, &m->group[number - 1]);
        give_group_back(m, number);
    }
    *a = no_pages;
    m->drops++;
}

static void drop_all(struct mirror *m)
{
    for (unsigned i = 0; i < MIRROR_AREAS; i++)
        drop_area(m, i);
    m->used = m->free = m->nfree = m->calls = 0;
    m->group_used = m->group_free = 0;
}

void mirror_destroy(struct mirror *m)
{
    if (!mirror_is(m))
        return;
    drop_all(m);
    munmap(m->page, MIRROR_MOST * sizeof(*m->page));
    m->fd = -1;
}

/* The host may be unable to take pages out of the middle of a mapping, which makes two of it.
 * False: then the whole area was dropped. */
static bool unmap(struct mirror *m, unsigned area, uint32_t first, uint32_t last)
{
    m->calls++;
    if (munmap(address_of(area, first), ((uint64_t)last - first + 1) << PAGE_SHIFT) == 0)
        return true;
    drop_area(m, area);
    return false;
}

bool mirror_map(struct mirror *m, unsigned area, uint32_t page, uint32_t frame, uint32_t n,
                bool writable, struct mirror_leaf leaf)
{
    struct mirror_area *a = &m->area[area];
    int flags = MAP_SHARED | MAP_FIXED | (n == 1 ? MAP_POPULATE : 0);
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    uint32_t number = find_group(m, area, page);

    if (number == 0 || m->used - m->nfree + n > MIRROR_MOST || m->calls >= MIRROR_CALLS) {
        drop_all(m);
        number = find_group(m, area, page);
    }
    struct mirror_group *group = &m->group[number - 1];
    extend(a, page, page + n - 1);
    m->calls++;
    if (mmap(address_of(area, page), (size_t)n << PAGE_SHIFT, prot, flags, m->fd,
             (off_t)frame << PAGE_SHIFT) == MAP_FAILED) {
        drop_all(m);
        return false;
    }
    if (leaf.bits != 0)
        extend_wide(a, page, (UINT32_C(1) << leaf.bits) - 1);
    enter_group(group, &leaf, frame - page % (1u << MIRROR_GROUP_SHIFT));
    for (uint32_t i = 0; i < n; i++)
        enter(m, group, key_of(area, page + i), frame + i, writable);
    m->mapped += n;
    return true;
}

#define RESTLESS 8

bool mirror_is_restless(const struct mirror *m, unsigned area, uint32_t page)
{
    uint32_t key = key_of(area, page);

    return m->fenced[key % MIRROR_FENCED].key == key &&
           m->fenced[key % MIRROR_FENCED].times >= RESTLESS;
}

static void note_fence(struct mirror *m, uint32_t key)
{
    if (m->fenced[key % MIRROR_FENCED].key != key) {
        m->fenced[key % MIRROR_FENCED].key = key;
        m->fenced[key % MIRROR_FENCED].times = 0;
    }
    m->fenced[key % MIRROR_FENCED].times++;
}

void mirror_drop_page(struct mirror *m, unsigned area, uint64_t page)
{
    if (!mirror_is(m) || page >= MIRROR_PAGES)
        return;
    uint32_t at = (uint32_t)page, number = find(m, key_of(area, at));

    if (at >= m->area[area].wide_first && at <= m->area[area].wide_last) {
        drop_area(m, area);
    } else if (number != 0) {
        take_out(m, number);
        note_fence(m, key_of(area, at));
        (void)unmap(m, area, at, at);
    }
}

static uint32_t find_writable(struct mirror *m, uint32_t frame)
{
    uint32_t number = *head_of(m, MIRROR_BY_FRAME, frame);

    while (number != 0 && (m->page[number - 1].frame != frame || !m->page[number - 1].writable))
        number = m->page[number - 1].next[MIRROR_BY_FRAME];
    return number;
}

void mirror_drop_stores(struct mirror *m, uint32_t frame)
{
    if (!mirror_is(m))
        return;
    for (uint32_t number; (number = find_writable(m, frame)) != 0;) {
        uint32_t key = m->page[number - 1].key, at = key % MIRROR_PAGES;
        take_out(m, number);
        (void)unmap(m, key / MIRROR_PAGES, at, at);
    }
}

void mirror_drop_area(struct mirror *m, unsigned area)
{
    if (mirror_is(m))
        drop_area(m, area);
}

/* Pages of an area that are unmapped together. */
struct run {
    uint32_t first, last;
    bool any;
};

static bool end_run(struct mirror *m, unsigned area, struct run *run)
{
    bool any = run->any;

    run->any = false;
    return !any || unmap(m, area, run->first, run->last);
}

/* The chain holds the pages of one mapping in descending order. */
static bool extend_run(struct mirror *m, unsigned area, struct run *run, uint32_t page)
{
    if (run->any && page == run->first - 1) {
        run->first = page;
        return true;
    }
    if (!end_run(m, area, run))
        return false;
    *run = (struct run){page, page, true};
    return true;
}

/* How many pages a review has found. */
struct count {
    uint32_t kept, gone;
};

/* False: unmapping has failed, and the area is empty. */
static bool review_pages(struct mirror *m, unsigned area, struct mirror_group *group,
                         const struct mirror_look *look, bool any, struct count *count)
{
    uint32_t *link = &group->pages;
    struct run run = {.any = false};

    while (*link != 0) {
        uint32_t number = *link, at = m->page[number - 1].key % MIRROR_PAGES;
        struct mirror_page *page = &m->page[number - 1];
        bool mapped = page->frame != MIRROR_GONE;
        if (mapped && any && look->page(look->ctx, at & ((1u << MIRROR_GROUP_SHIFT) - 1), page)) {
            link = &page->next[MIRROR_BY_GROUP];
            count->kept++;
            continue;
        }
        *link = page->next[MIRROR_BY_GROUP];
        count->gone += mapped;
        if (mapped)
            take_out(m, number);
        give_back(m, number);
        if (mapped && !extend_run(m, area, &run, at))
            return false;
    }
    return end_run(m, area, &run);
}

/* A page of the group that is mapped; MIRROR_PAGES: none is. */
static uint32_t any_page(const struct mirror *m, const struct mirror_group *group)
{
    for (uint32_t number = group->pages; number != 0;) {
        const struct mirror_page *page = &m->page[number - 1];
        if (page->frame != MIRROR_GONE)
            return page->key % MIRROR_PAGES;
        number = page->next[MIRROR_BY_GROUP];
    }
    return MIRROR_PAGES;
}

bool mirror_review(struct mirror *m, unsigned area, const struct mirror_look *look)
{
    const gva_t begin = mirror_offset(area) - MIRROR_FIRST - area * MIRROR_STRIDE;
    struct count count = {0, 0};

    for (uint32_t *link = &m->area[area].groups; *link != 0;) {
        uint32_t number = *link;
        struct mirror_group *group = &m->group[number - 1];
        uint32_t page = any_page(m, group);
        bool any = page < MIRROR_PAGES &&
                   look->group(look->ctx, ((gva_t)page << PAGE_SHIFT) - begin, page, group);
        if ((!any || group->pte == 0) && !review_pages(m, area, group, look, any, &count))
            return false;
        if (group->pages != 0) {
            link = &group->next;
            continue;
        }
        *link = group->next;
        give_group_back(m, number);
    }
    return count.gone <= count.kept;
}
