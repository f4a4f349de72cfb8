/* SPDX-License-Identifier: MIT */
/* The decode cache: pages of decoded instructions, found by the host address of the guest page. */
#include <stdlib.h>
#include <string.h>

#include "core/vm.h"
#include "core/vmem.h"
#include "engine/interp/interp.h"

void code_invalidate(struct interp_vcpu *iv)
{
    iv->generation++;
}

/* One page is there from the start, so that running out of memory later only makes it slow. */
int code_create(struct interp_vcpu *iv)
{
    iv->pool[0] = malloc(sizeof(*iv->pool[0]));
    if (iv->pool[0] == NULL)
        return ERR_NO_MEMORY;
    iv->npages = 1;
    return 0;
}

void code_destroy(struct interp_vcpu *iv)
{
    for (unsigned i = 0; i < iv->npages; i++)
        free(iv->pool[i]);
}

void code_drop(struct interp_vcpu *iv)
{
    iv->nused = 0;
    iv->next_evict = 0;
    memset(iv->hash, 0, sizeof(iv->hash));
    memset(iv->of_entry, 0, sizeof(iv->of_entry));
}

static unsigned hash_of(const uint8_t *live)
{
    return (unsigned)(((uintptr_t)live >> PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15) >> 52);
}

/* The hash is open-addressed and at most half full. */
static struct code_page **hash_slot(struct interp_vcpu *iv, const uint8_t *live)
{
    unsigned i = hash_of(live);

    while (iv->hash[i] != NULL && iv->hash[i]->live != live)
        i = (i + 1) % CODE_HASH_SIZE;
    return &iv->hash[i];
}

static void hash_rebuild(struct interp_vcpu *iv)
{
    memset(iv->hash, 0, sizeof(iv->hash));
    for (unsigned i = 0; i < iv->nused; i++) {
        if (iv->pool[i]->live != NULL)
            *hash_slot(iv, iv->pool[i]->live) = iv->pool[i];
    }
}

/* Another page for the pool, while there is room and memory. */
static bool pool_grow(struct interp_vcpu *iv)
{
    if (iv->npages == CODE_PAGES_MAX)
        return false;
    iv->pool[iv->npages] = malloc(sizeof(*iv->pool[0]));
    if (iv->pool[iv->npages] == NULL)
        return false;
    iv->npages++;
    return true;
}

/* An unused page: one of the pool, or the oldest of those in use. */
static struct code_page *page_take(struct interp_vcpu *iv)
{
    if (iv->nused < iv->npages || pool_grow(iv))
        return iv->pool[iv->nused++];

    struct code_page *page = iv->pool[iv->next_evict];

    iv->evictions++;
    iv->next_evict = (iv->next_evict + 1) % iv->nused;
    page->live = NULL;
    hash_rebuild(iv);
    return page;
}

static void slot_reset(struct code_page *page, unsigned slot)
{
    page->slot[slot] = (struct insn){.id = OP_DECODE};
}

/* Another hart may write the page meanwhile, so it is read atomically, eight bytes at a time: none
 * of its instructions is ever seen half written. */
static uint64_t live_word(const struct code_page *page, unsigned n)
{
    return __atomic_load_n((const uint64_t *)(const void *)page->live + n, __ATOMIC_RELAXED);
}

static void page_fill(struct interp_vcpu *iv, struct code_page *page, const uint8_t *live)
{
    page->live = live;
    page->generation = iv->generation;
    for (unsigned n = 0; n < CODE_WORDS; n++) {
        uint64_t word = live_word(page, n);
        memcpy(&page->copy[8 * n], &word, 8);
    }
    for (unsigned i = 0; i < CODE_SLOTS; i++)
        slot_reset(page, i);
    page->slot[CODE_SLOTS] = (struct insn){.id = OP_PAGE_END};
}

/* The n-th word of the page has changed. A changed halfword also changes an instruction that begins
 * in the one before it. */
static void word_changed(struct code_page *page, unsigned n, uint64_t was, uint64_t now)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned slot = 4 * n + i;
        if ((uint16_t)(was >> (16 * i)) == (uint16_t)(now >> (16 * i)))
            continue;
        slot_reset(page, slot);
        if (slot > 0)
            slot_reset(page, slot - 1);
    }
    memcpy(&page->copy[8 * n], &now, 8);
}

/* Brings the page up to date. */
static void page_revalidate(struct interp_vcpu *iv, struct code_page *page)
{
    page->generation = iv->generation;
    iv->revalidations++;
    for (unsigned n = 0; n < CODE_WORDS; n++) {
        uint64_t was, now = live_word(page, n);
        memcpy(&was, &page->copy[8 * n], 8);
        if (UNLIKELY(was != now))
            word_changed(page, n, was, now);
    }
}

static struct code_page *page_of(struct interp_vcpu *iv, const uint8_t *live)
{
    struct code_page *page = *hash_slot(iv, live);

    if (page == NULL) {
        page = page_take(iv);
        page_fill(iv, page, live);
        *hash_slot(iv, live) = page;
    }
    return page;
}

struct code_page *code_lookup(struct vcpu *vcpu, gva_t pc, unsigned ctx, struct vmem_at *at)
{
    struct interp_vcpu *iv = interp_of(vcpu);
    unsigned index = stlb_index(pc);
    const struct stlb_entry *entry = &iv->stlb.entry[STLB_FETCH][index];
    gva_t base = pc & PAGE_MASK;

    if (UNLIKELY(entry->tag != stlb_tag(base, 2, ctx))) {
        if (vmem_translate(vcpu, pc, 2, MMU_FETCH, at) != VMEM_OK)
            return NULL;
        const uint8_t *live = (const uint8_t *)at->host - (pc & ~PAGE_MASK);
        iv->of_entry[index] = page_of(iv, live);
    }
    struct code_page *page = iv->of_entry[index];
    const uint8_t *live = (const uint8_t *)(uintptr_t)(base + entry->addend);
    if (UNLIKELY(page == NULL || page->live != live)) {
        page = page_of(iv, live);
        iv->of_entry[index] = page;
    }
    if (UNLIKELY(page->generation != iv->generation))
        page_revalidate(iv, page);
    return page;
}

/* What executes faster, or differently, than its own id says. */
static uint16_t specialise(const struct insn *insn)
{
    const struct insn_info *info = insn_info(insn->id);

    if (insn->rd != 0)
        return insn->id;
    switch (info->class) {
    case INSN_CLASS_ALU:
        return OP_NOP;
    case INSN_CLASS_LOAD:
        return OP_EXEC;
    case INSN_CLASS_JUMP:
        return insn->id == INSN_jal ? OP_J : OP_JR;
    default:
        return insn->id;
    }
}

void code_decode(struct vcpu *vcpu, struct code_page *page, unsigned slot)
{
    struct insn *insn = &page->slot[slot];
    uint16_t low, high = 0;

    memcpy(&low, &page->copy[2 * slot], 2);
    interp_of(vcpu)->decodes++;
    if (slot + 1 == CODE_SLOTS && !insn_is_compressed(low)) {
        *insn = (struct insn){.id = OP_CROSS};
        return;
    }
    if (!insn_is_compressed(low))
        memcpy(&high, &page->copy[2 * slot + 2], 2);
    insn_decode(&vcpu->vm->isa, (uint32_t)high << 16 | low, insn);
    insn->id = specialise(insn);
    insn->aux = insn->len / 2;
}
