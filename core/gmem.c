/* SPDX-License-Identifier: MIT */
/* Guest-physical memory: finding, checking, copying and dirty marking (see gmem.h). */
#include <string.h>

#include "core/gmem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest words are used as they lie");

#define PAGES_PER_WORD 64

static bool slot_overlaps(const struct gmem_slot *slot, gpa_t gpa, uint64_t size)
{
    return slot->size != 0 && gpa < slot->gpa + slot->size && slot->gpa < gpa + size;
}

static bool slot_arguments_ok(gpa_t gpa, uint64_t size, const void *host, uint32_t flags,
                              const _Atomic uint64_t *dirty)
{
    if (size == 0 || ((gpa | size) & ~PAGE_MASK) != 0 || gpa + size < gpa)
        return false;
    if (host == NULL || ((uintptr_t)host & 7) != 0)
        return false;
    if ((flags & ~(uint32_t)(GMEM_READ_ONLY | GMEM_LOG)) != 0)
        return false;
    return !(flags & GMEM_LOG) || dirty != NULL;
}

int gmem_add(struct gmem *mem, gpa_t gpa, uint64_t size, void *host, uint32_t flags,
             _Atomic uint64_t *dirty)
{
    int free_slot = ERR_NO_MEMORY;

    if (!slot_arguments_ok(gpa, size, host, flags, dirty))
        return ERR_INVALID;
    for (int i = GMEM_MAX_SLOTS - 1; i >= 0; i--) {
        if (slot_overlaps(&mem->slots[i], gpa, size))
            return ERR_OVERLAP;
        if (mem->slots[i].size == 0)
            free_slot = i;
    }
    if (free_slot >= 0)
        mem->slots[free_slot] = (struct gmem_slot){
            .gpa = gpa, .size = size, .host = host, .flags = flags, .dirty = dirty};
    return free_slot;
}

int gmem_remove(struct gmem *mem, unsigned slot)
{
    if (slot >= GMEM_MAX_SLOTS)
        return ERR_RANGE;
    if (mem->slots[slot].size == 0)
        return ERR_NOT_FOUND;
    mem->slots[slot] = (struct gmem_slot){0};
    return 0;
}

size_t gmem_dirty_bytes(uint64_t size)
{
    uint64_t pages = (size >> PAGE_SHIFT) + ((size & ~PAGE_MASK) != 0);

    return (size_t)((pages + PAGES_PER_WORD - 1) / PAGES_PER_WORD * sizeof(uint64_t));
}

/* The slot that contains gpa and allows the access, or NULL. */
static struct gmem_slot *slot_find(struct gmem *mem, gpa_t gpa, enum gmem_access access)
{
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        struct gmem_slot *slot = &mem->slots[i];

        if (gpa - slot->gpa < slot->size)
            return access == GMEM_WRITE && (slot->flags & GMEM_READ_ONLY) ? NULL : slot;
    }
    return NULL;
}

/* How many of `length` bytes from gpa on, which is inside the slot, the slot holds. */
static uint64_t slot_part(const struct gmem_slot *slot, gpa_t gpa, uint64_t length)
{
    uint64_t rest = slot->size - (gpa - slot->gpa);

    return length < rest ? length : rest;
}

/* Release: whoever fetches the bit also sees the bytes that were written before it was set. */
static void slot_mark(struct gmem *mem, struct gmem_slot *slot, gpa_t gpa, uint64_t length)
{
    if (mem->written != NULL)
        mem->written(mem->written_ctx, gpa, length);
    if (!(slot->flags & GMEM_LOG))
        return;

    uint64_t last = (gpa - slot->gpa + length - 1) >> PAGE_SHIFT;

    for (uint64_t page = (gpa - slot->gpa) >> PAGE_SHIFT; page <= last; page++)
        atomic_fetch_or_explicit(&slot->dirty[page / PAGES_PER_WORD],
                                 UINT64_C(1) << (page % PAGES_PER_WORD), memory_order_release);
}

/* The slot that holds all of the non-empty [gpa, gpa + length) and allows the access, or NULL. */
static struct gmem_slot *slot_holding(struct gmem *mem, gpa_t gpa, uint64_t length,
                                      enum gmem_access access)
{
    struct gmem_slot *slot = slot_find(mem, gpa, access);

    if (slot == NULL || length == 0 || slot_part(slot, gpa, length) != length)
        return NULL;
    return slot;
}

void *gmem_ptr(struct gmem *mem, gpa_t gpa, uint64_t length, enum gmem_access access)
{
    struct gmem_slot *slot = slot_holding(mem, gpa, length, access);

    if (slot == NULL)
        return NULL;
    if (access == GMEM_WRITE)
        slot_mark(mem, slot, gpa, length);
    return slot->host + (gpa - slot->gpa);
}

/* Whether every byte lies in a slot that allows the access; slots may touch each other. */
static bool range_allowed(struct gmem *mem, gpa_t gpa, uint64_t length, enum gmem_access access)
{
    while (length != 0) {
        const struct gmem_slot *slot = slot_find(mem, gpa, access);

        if (slot == NULL)
            return false;

        uint64_t part = slot_part(slot, gpa, length);

        gpa += part;
        length -= part;
    }
    return true;
}

int gmem_read(struct gmem *mem, gpa_t gpa, void *out, uint64_t length)
{
    uint8_t *to = out;

    if (!range_allowed(mem, gpa, length, GMEM_READ))
        return ERR_RANGE;
    while (length != 0) {
        const struct gmem_slot *slot = slot_find(mem, gpa, GMEM_READ);
        uint64_t part = slot_part(slot, gpa, length);

        memcpy(to, slot->host + (gpa - slot->gpa), (size_t)part);
        to += part;
        gpa += part;
        length -= part;
    }
    return 0;
}

/* Marks behind the copy, not before it: a fetch in between would take the bit and miss the bytes.
 */
int gmem_write(struct gmem *mem, gpa_t gpa, const void *data, uint64_t length)
{
    const uint8_t *from = data;

    if (!range_allowed(mem, gpa, length, GMEM_WRITE))
        return ERR_RANGE;
    while (length != 0) {
        struct gmem_slot *slot = slot_find(mem, gpa, GMEM_WRITE);
        uint64_t part = slot_part(slot, gpa, length);

        memcpy(slot->host + (gpa - slot->gpa), from, (size_t)part);
        slot_mark(mem, slot, gpa, part);
        from += part;
        gpa += part;
        length -= part;
    }
    return 0;
}

/* Slots are whole pages, so that an aligned word never crosses the end of one. */
#define GMEM_WORD(bits)                                                                            \
    int gmem_read_u##bits(struct gmem *mem, gpa_t gpa, uint##bits##_t *out)                        \
    {                                                                                              \
        const struct gmem_slot *slot = slot_find(mem, gpa, GMEM_READ);                             \
                                                                                                   \
        if ((gpa & (sizeof(*out) - 1)) != 0)                                                       \
            return ERR_INVALID;                                                                    \
        if (slot == NULL)                                                                          \
            return ERR_RANGE;                                                                      \
        *out = __atomic_load_n((uint##bits##_t *)(void *)(slot->host + (gpa - slot->gpa)),         \
                               __ATOMIC_RELAXED);                                                  \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    int gmem_write_u##bits(struct gmem *mem, gpa_t gpa, uint##bits##_t value)                      \
    {                                                                                              \
        struct gmem_slot *slot = slot_find(mem, gpa, GMEM_WRITE);                                  \
                                                                                                   \
        if ((gpa & (sizeof(value) - 1)) != 0)                                                      \
            return ERR_INVALID;                                                                    \
        if (slot == NULL)                                                                          \
            return ERR_RANGE;                                                                      \
        __atomic_store_n((uint##bits##_t *)(void *)(slot->host + (gpa - slot->gpa)), value,        \
                         __ATOMIC_RELAXED);                                                        \
        slot_mark(mem, slot, gpa, sizeof(value));                                                  \
        return 0;                                                                                  \
    }

GMEM_WORD(16)
GMEM_WORD(32)
GMEM_WORD(64)

int gmem_cas_u64(struct gmem *mem, gpa_t gpa, uint64_t expected, uint64_t value)
{
    struct gmem_slot *slot = slot_find(mem, gpa, GMEM_WRITE);

    if ((gpa & (sizeof(value) - 1)) != 0)
        return ERR_INVALID;
    if (slot == NULL)
        return ERR_RANGE;
    if (!__atomic_compare_exchange_n((uint64_t *)(void *)(slot->host + (gpa - slot->gpa)),
                                     &expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return ERR_BUSY;
    slot_mark(mem, slot, gpa, sizeof(value));
    return 0;
}

void gmem_mark_dirty(struct gmem *mem, gpa_t gpa, uint64_t length)
{
    struct gmem_slot *slot = slot_holding(mem, gpa, length, GMEM_READ);

    if (slot != NULL)
        slot_mark(mem, slot, gpa, length);
}

int gmem_dirty_fetch(struct gmem *mem, unsigned slot, uint64_t *out)
{
    if (slot >= GMEM_MAX_SLOTS)
        return ERR_RANGE;
    if (mem->slots[slot].size == 0)
        return ERR_NOT_FOUND;
    if (mem->slots[slot].dirty == NULL)
        return ERR_UNSUPPORTED;

    size_t words = gmem_dirty_bytes(mem->slots[slot].size) / sizeof(uint64_t);

    for (size_t i = 0; i < words; i++)
        out[i] = atomic_exchange_explicit(&mem->slots[slot].dirty[i], 0, memory_order_acquire);
    return 0;
}
