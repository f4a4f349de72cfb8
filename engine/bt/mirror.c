/* SPDX-License-Identifier: MIT */
/* Mirrors of guest memory in the host's address space: what is mapped in them, and where. */
#include "engine/bt/mirror.h"

#include <sys/mman.h>

#define MIRROR_GONE (~UINT32_C(0))

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

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
    return fd >= 0 && is_free(MIRROR_S) && is_free(MIRROR_END - PAGE_SIZE);
}

int mirror_create(struct mirror *m, int fd, uint64_t base, unsigned nareas, uint32_t most,
                  uint32_t calls_most)
{
    size_t size = most * sizeof(*m->page);

    m->fd = -1;
    m->base = base;
    m->nareas = nareas;
    m->most = most;
    m->calls_most = calls_most;
    m->page = NULL;
    for (unsigned i = 0; i < nareas; i++)
        m->area[i] = (struct mirror_area){.wide_first = MIRROR_PAGES};
    if (pthread_mutex_init(&m->lock, NULL) != 0)
        return ERR_NO_MEMORY;
    if (fd < 0 || nareas == 0)
        return 0;
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page == MAP_FAILED)
        return 0;
    m->page = page;
    m->fd = fd;
    return 0;
}

void mirror_destroy(struct mirror *m)
{
    if (mirror_is(m)) {
        mirror_drop(m);
        munmap(m->page, m->most * sizeof(*m->page));
    }
    m->fd = -1;
    pthread_mutex_destroy(&m->lock);
}

static uint32_t key_of(unsigned area, uint32_t page)
{
    return area * MIRROR_PAGES + page;
}

static uint32_t *head_of(struct mirror *m, enum mirror_chain chain, uint32_t value)
{
    return &m->head[chain][(value ^ value >> 12) & (MIRROR_HEADS - 1)];
}

static void *address_of(const struct mirror *m, unsigned area, uint32_t page)
{
    uint64_t address = m->base + area * MIRROR_STRIDE + ((uint64_t)page << PAGE_SHIFT);

    return (void *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr) */
}

static void unlink_from(struct mirror *m, enum mirror_chain chain, uint32_t value, uint32_t number)
{
    uint32_t *at = head_of(m, chain, value);

    while (*at != number)
        at = &m->page[*at - 1].next[chain];
    *at = m->page[number - 1].next[chain];
}

/* Of the two chains by which it would be found; it stays in that of its area. */
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

static void enter(struct mirror *m, unsigned area, uint32_t page, uint32_t frame)
{
    uint32_t key = key_of(area, page), number = find(m, key);

    if (number != 0 && m->page[number - 1].frame == frame)
        return;
    if (number != 0)
        take_out(m, number);
    number = ++m->used;
    struct mirror_page *entry = &m->page[number - 1];
    uint32_t *heads[MIRROR_CHAINS] = {head_of(m, MIRROR_BY_VA, key),
                                      head_of(m, MIRROR_BY_FRAME, frame), &m->area[area].pages};

    entry->key = key;
    entry->frame = frame;
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

static void unmap(struct mirror *m, unsigned area, uint32_t first, uint32_t last)
{
    munmap(address_of(m, area, first), ((uint64_t)last - first + 1) << PAGE_SHIFT);
}

static void drop_area(struct mirror *m, unsigned area)
{
    struct mirror_area *a = &m->area[area];

    if (a->nspans == 0)
        return;
    for (unsigned i = 0; i < a->nspans; i++)
        unmap(m, area, a->span[i].first, a->span[i].last);
    for (uint32_t number = a->pages; number != 0;) {
        const struct mirror_page *page = &m->page[number - 1];
        if (page->frame != MIRROR_GONE)
            take_out(m, number);
        number = page->next[MIRROR_BY_AREA];
    }
    *a = (struct mirror_area){.wide_first = MIRROR_PAGES};
    m->drops++;
}

static void drop_all(struct mirror *m)
{
    for (unsigned i = 0; i < m->nareas; i++)
        drop_area(m, i);
    m->used = m->calls = 0;
}

bool mirror_map(struct mirror *m, unsigned area, uint32_t page, uint32_t frame, uint32_t n,
                bool writable, bool wide)
{
    struct mirror_area *a = &m->area[area];
    int flags = MAP_SHARED | MAP_FIXED | (n == 1 ? MAP_POPULATE : 0);
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;

    if (m->used + n > m->most || m->calls == m->calls_most)
        drop_all(m);
    extend(a, page, page + n - 1);
    m->calls++;
    if (mmap(address_of(m, area, page), (size_t)n << PAGE_SHIFT, prot, flags, m->fd,
             (off_t)frame << PAGE_SHIFT) == MAP_FAILED) {
        drop_all(m);
        return false;
    }
    if (wide && page < a->wide_first)
        a->wide_first = page;
    if (wide && page + n - 1 > a->wide_last)
        a->wide_last = page + n - 1;
    for (uint32_t i = 0; i < n; i++)
        enter(m, area, page + i, frame + i);
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

void mirror_drop_page(struct mirror *m, unsigned area, uint32_t page)
{
    if (!mirror_is(m))
        return;
    pthread_mutex_lock(&m->lock);
    uint32_t number = find(m, key_of(area, page));

    if (page >= m->area[area].wide_first && page <= m->area[area].wide_last) {
        drop_area(m, area);
    } else if (number != 0) {
        unmap(m, area, page, page);
        take_out(m, number);
        note_fence(m, key_of(area, page));
    }
    pthread_mutex_unlock(&m->lock);
}

void mirror_drop_frame(struct mirror *m, uint32_t frame)
{
    if (!mirror_is(m))
        return;
    pthread_mutex_lock(&m->lock);
    for (uint32_t number = *head_of(m, MIRROR_BY_FRAME, frame); number != 0;) {
        const struct mirror_page *page = &m->page[number - 1];
        uint32_t next = page->next[MIRROR_BY_FRAME], at = page->key % MIRROR_PAGES;
        if (page->frame == frame) {
            unmap(m, page->key / MIRROR_PAGES, at, at);
            take_out(m, number);
        }
        number = next;
    }
    pthread_mutex_unlock(&m->lock);
}

void mirror_drop_area(struct mirror *m, unsigned area)
{
    if (!mirror_is(m) || area >= m->nareas)
        return;
    pthread_mutex_lock(&m->lock);
    drop_area(m, area);
    pthread_mutex_unlock(&m->lock);
}

void mirror_drop(struct mirror *m)
{
    if (!mirror_is(m))
        return;
    pthread_mutex_lock(&m->lock);
    drop_all(m);
    pthread_mutex_unlock(&m->lock);
}
