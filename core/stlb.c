/* SPDX-License-Identifier: MIT */
/* The software TLB: address spaces, filling, precise flushing (see stlb.h). */
#include <string.h>

#include "core/csr.h"
#include "core/stlb.h"

#define CTX_SPACE_SHIFT 3                     /* context number: space index above STLB_CTX_* */
#define TAG_SPACE_SHIFT (3 + CTX_SPACE_SHIFT) /* ... and in a tag */
#define TAG_SPACE       63

_Static_assert(STLB_SPACES <= TAG_SPACE, "the space of STLB_INVALID must not exist");
_Static_assert(TAG_SPACE_SHIFT + 6 == PAGE_SHIFT, "a context number fills the page offset");

#define ALL_SPACES UINT64_MAX

static void drop_everything(struct stlb *stlb)
{
    for (unsigned kind = 0; kind < STLB_KINDS; kind++) {
        for (unsigned i = 0; i < STLB_SIZE; i++)
            stlb->entry[kind][i].tag = STLB_INVALID;
    }
    for (unsigned i = 0; i < STLB_SPACES; i++)
        stlb->space[i].stale = false;
    stlb->live = false;
    stlb->wide_first = UINT64_MAX;
    stlb->wide_last = 0;
}

void stlb_reset(struct stlb *stlb)
{
    memset(stlb, 0, sizeof(*stlb));
    drop_everything(stlb);
}

/* Which entries a flush is about. */
struct drop {
    uint64_t spaces; /* bit n: space n */
    const gva_t *va; /* NULL: all */
    bool keep_global;
};

static void drop_entry(struct stlb *stlb, unsigned kind, unsigned index, const struct drop *drop)
{
    struct stlb_entry *entry = &stlb->entry[kind][index];
    const struct stlb_note *note = &stlb->note[kind][index];

    if (!((drop->spaces >> ((entry->tag >> TAG_SPACE_SHIFT) & TAG_SPACE)) & 1))
        return;
    if (drop->keep_global && note->global)
        return;
    if (drop->va != NULL && (entry->tag ^ *drop->va) >> note->page_bits != 0)
        return;
    entry->tag = STLB_INVALID;
}

static void drop_anywhere(struct stlb *stlb, const struct drop *drop)
{
    for (unsigned kind = 0; kind < STLB_KINDS; kind++) {
        for (unsigned i = 0; i < STLB_SIZE; i++)
            drop_entry(stlb, kind, i, drop);
    }
}

static bool space_is(const struct stlb_space *space, uint64_t satp, uint16_t vmid, bool virt)
{
    return space->used && space->satp == satp && space->vmid == vmid && space->virt == virt;
}

/* Its number is used again behind those that nobody has used. */
static void retire(struct stlb_space *space)
{
    space->stale |= space->used;
    space->used = false;
}

/* No number is left: gives them all up but that of global pages, and drops their entries. */
static void start_again(struct stlb *stlb)
{
    struct drop drop = {0};

    for (unsigned i = 0; i < STLB_SPACES; i++) {
        struct stlb_space *space = &stlb->space[i];
        if (space->satp != STLB_GLOBAL)
            retire(space);
        if (space->stale)
            drop.spaces |= UINT64_C(1) << i;
        space->stale = false;
    }
    drop_anywhere(stlb, &drop);
}

/* The number of the space for these keys, which is used from now on. */
static unsigned take_space(struct stlb *stlb, uint64_t satp, uint16_t vmid, bool virt)
{
    unsigned free = STLB_SPACES;

    for (unsigned i = STLB_SPACES; i-- > 0;) {
        if (space_is(&stlb->space[i], satp, vmid, virt))
            return i;
        if (!stlb->space[i].used && !stlb->space[i].stale)
            free = i;
    }
    if (free == STLB_SPACES) {
        start_again(stlb);
        free = stlb->global == 0 ? 1 : 0;
    }
    stlb->space[free] = (struct stlb_space){.satp = satp, .vmid = vmid, .virt = virt, .used = true};
    return free;
}

unsigned stlb_context(struct stlb *stlb, uint64_t satp, uint16_t vmid, bool virt)
{
    if (UNLIKELY(!space_is(&stlb->space[stlb->current], satp, vmid, virt)))
        stlb->current = take_space(stlb, satp, vmid, virt);
    return stlb->current << CTX_SPACE_SHIFT;
}

unsigned stlb_global(struct stlb *stlb)
{
    if (UNLIKELY(!space_is(&stlb->space[stlb->global], STLB_GLOBAL, 0, false)))
        stlb->global = take_space(stlb, STLB_GLOBAL, 0, false);
    return stlb->global << CTX_SPACE_SHIFT;
}

void stlb_fill(struct stlb *stlb, enum stlb_kind kind, gva_t va, unsigned ctx, void *host_page,
               unsigned page_bits, bool global)
{
    unsigned index = stlb_index(va);
    gva_t page = va & PAGE_MASK;

    stlb->entry[kind][index] = (struct stlb_entry){
        .tag = stlb_tag(page, 1, ctx),
        .addend = (uint64_t)(uintptr_t)host_page - page,
    };
    stlb->note[kind][index] = (struct stlb_note){.page_bits = (uint8_t)page_bits, .global = global};
    if (kind == STLB_STORE)
        *stlb_stored(stlb, (uint64_t)(uintptr_t)host_page) |= UINT64_C(1) << (index % 64);
    stlb->live = true;
    stlb->fills++;
    if (page_bits > PAGE_SHIFT) {
        gva_t offset = (UINT64_C(1) << page_bits) - 1;

        if ((va & ~offset) < stlb->wide_first)
            stlb->wide_first = va & ~offset;
        if ((va | offset) > stlb->wide_last)
            stlb->wide_last = va | offset;
    }
}

static uint64_t spaces_with_asid(const struct stlb *stlb, uint16_t asid)
{
    uint64_t spaces = 0;

    for (unsigned i = 0; i < STLB_SPACES; i++) {
        const struct stlb_space *space = &stlb->space[i];

        if (space->used && space->satp != STLB_GLOBAL &&
            ((space->satp >> SATP_ASID_SHIFT) & SATP_ASID) == asid)
            spaces |= UINT64_C(1) << i;
    }
    return spaces;
}

void stlb_flush(struct stlb *stlb, const gva_t *va, const uint16_t *asid)
{
    struct drop drop = {.spaces = ALL_SPACES, .va = va, .keep_global = asid != NULL};

    stlb->flushes++;
    if (!stlb->live)
        return;
    if (va == NULL && asid == NULL) {
        drop_everything(stlb);
        return;
    }
    if (asid != NULL)
        drop.spaces = spaces_with_asid(stlb, *asid);
    /* A 4 KiB leaf has one place per kind; pages of a larger one may lie anywhere. */
    if (va == NULL || (*va >= stlb->wide_first && *va <= stlb->wide_last)) {
        drop_anywhere(stlb, &drop);
        return;
    }
    for (unsigned kind = 0; kind < STLB_KINDS; kind++)
        drop_entry(stlb, kind, stlb_index(*va), &drop);
}

void stlb_retire(struct stlb *stlb, const uint16_t *asid)
{
    uint64_t spaces = asid != NULL ? spaces_with_asid(stlb, *asid) : ALL_SPACES;

    stlb->flushes++;
    for (unsigned i = 0; i < STLB_SPACES; i++) {
        struct stlb_space *space = &stlb->space[i];
        if (space->used && ((spaces >> i) & 1))
            retire(space);
    }
    if (asid != NULL)
        return;
    stlb->live = false;
    stlb->wide_first = UINT64_MAX;
    stlb->wide_last = 0;
}
