/* SPDX-License-Identifier: MIT */
/* Which of the board's memory is free, and getting pieces of it. */
#include <libfdt.h>
#include <string.h>

#include "host/metal/metal.h"

#define MAX_HOLES  (BOARD_MAX_RANGES + 3)
#define MAX_PIECES (BOARD_MAX_RANGES + MAX_HOLES)

extern uint8_t _start[], _end[]; /* metal.ld */

/* Memory that is taken when the hypervisor starts, and what remains between. */
struct layout {
    unsigned nholes, npieces;
    struct board_range hole[MAX_HOLES], piece[MAX_PIECES];
};

static void add_hole(struct layout *l, uint64_t base, uint64_t size)
{
    if (size != 0)
        l->hole[l->nholes++] = (struct board_range){base, size};
}

static void find_holes(struct layout *l, bool with_bundle)
{
    const struct board *board = &metal.board;

    l->nholes = l->npieces = 0;
    for (unsigned i = 0; i < board->nreserved; i++)
        add_hole(l, board->reserved[i].base, board->reserved[i].size);
    add_hole(l, (uintptr_t)_start, (uintptr_t)_end - (uintptr_t)_start);
    add_hole(l, (uintptr_t)board->fdt, fdt_totalsize(board->fdt));
    if (with_bundle)
        add_hole(l, board->initrd.base, board->initrd.size);
}

/* The first hole that overlaps [start, end), or NULL. */
static const struct board_range *hole_in(const struct layout *l, uint64_t start, uint64_t end)
{
    const struct board_range *first = NULL;

    for (unsigned i = 0; i < l->nholes; i++) {
        const struct board_range *hole = &l->hole[i];
        if (hole->base < end && start < hole->base + hole->size &&
            (first == NULL || hole->base < first->base))
            first = hole;
    }
    return first;
}

/* What is left of a range of memory between the holes. */
static void find_pieces(struct layout *l, uint64_t start, uint64_t end)
{
    while (start < end && l->npieces < MAX_PIECES) {
        const struct board_range *hole = hole_in(l, start, end);
        uint64_t stop = hole != NULL ? hole->base : end;
        if (stop > start)
            l->piece[l->npieces++] = (struct board_range){start, stop - start};
        start = hole != NULL ? hole->base + hole->size : end;
    }
}

/* Room for the allocator's own bytes at the end of a piece; the piece shrinks. */
static uint8_t *take_state(struct layout *l, size_t size)
{
    for (unsigned i = l->npieces; i-- > 0;) {
        if (l->piece[i].size > size + PAGE_SIZE) {
            l->piece[i].size -= size;
            return (uint8_t *)(l->piece[i].base + l->piece[i].size);
        }
    }
    return NULL;
}

int memory_init(const char **why)
{
    const struct board *board = &metal.board;
    const struct board_range *last = &board->memory[board->nmemory - 1];
    uintptr_t start = board->memory[0].base, end = last->base + last->size;
    size_t state_size = pages_state_bytes(start, end);
    struct layout l;

    find_holes(&l, true);
    for (unsigned i = 0; i < board->nmemory; i++)
        find_pieces(&l, board->memory[i].base, board->memory[i].base + board->memory[i].size);
    uint8_t *state = take_state(&l, state_size);
    if (state == NULL) {
        *why = "the board has too little memory";
        return ERR_NO_MEMORY;
    }
    pages_init(&metal.pages, start, end, state);
    for (unsigned i = 0; i < l.npieces; i++) {
        /* Ranges of memory that overlap are the tree's fault; the first one counts. */
        int error = pages_add(&metal.pages, l.piece[i].base, l.piece[i].base + l.piece[i].size);
        if (error != 0)
            message("memory at 0x%llx is left unused: %s", (unsigned long long)l.piece[i].base,
                    error_text(error));
    }
    return 0;
}

/* Loaders put an initrd into the middle of memory. Right behind the image it is out of the way. */
void memory_settle_bundle(void)
{
    struct board_range *initrd = &metal.board.initrd;
    uint64_t to = (uintptr_t)_end, size = (initrd->size + PAGE_SIZE - 1) & PAGE_MASK;
    struct layout l;

    find_holes(&l, false);
    if (initrd->size == 0 || initrd->base <= to || !board_is_memory(&metal.board, to, size) ||
        hole_in(&l, to, to + size) != NULL)
        return;
    memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)initrd->base, initrd->size);
    initrd->base = to;
}

static void cbo_zero(void *block)
{
    __asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" : : "r"(block) : "memory");
}

/* False: it trapped, which lands behind it. */
static bool try_cbo_zero(void *block)
{
    uint64_t vector, passed = 0;

    __asm__ volatile("la %0, 1f\n\t"
                     "csrrw %0, %3, %0\n\t"
                     ".insn i 0x0f, 2, x0, %2, 4\n\t"
                     "li %1, 1\n\t"
                     ".balign 4\n"
                     "1:\tcsrw %3, %0"
                     : "=&r"(vector), "+&r"(passed)
                     : "r"(block), "i"(HART_CSR_stvec)
                     : "memory");
    return passed != 0;
}

/* The size of a block is the device tree's word: one that clears more or less is not used. */
void memory_probe_zeroing(void)
{
    uint64_t size = metal.board.hart[0].isa.cbo_block, cleared = 0;
    uint8_t *page = memory_alloc(0);

    for (unsigned i = 0; i < metal.board.nharts; i++) {
        const struct isa *isa = &metal.board.hart[i].isa;
        if (!isa_has(isa, ISA_ZICBOZ) || isa->cbo_block != size)
            size = 0;
    }
    if (page == NULL || size < sizeof(uint64_t) || size > PAGE_SIZE)
        return;
    memset(page, 0xff, PAGE_SIZE);
    if (try_cbo_zero(page)) {
        while (cleared < PAGE_SIZE && page[cleared] == 0)
            cleared++;
    }
    if (cleared == size)
        metal.zero_block = size;
    memory_free(page, 0);
}

/* Whole pages. */
void memory_clear(void *start, uint64_t size)
{
    uint64_t began = csr_read(time), step = metal.zero_block;
    uint8_t *block = start, *end = block + size;

    if (step == 0)
        memset(start, 0, size);
    for (; step != 0 && block < end; block += step)
        cbo_zero(block);
    metal.clear_ticks += csr_read(time) - began;
}

void *memory_alloc(unsigned order)
{
    lock_take(&metal.pages_lock);
    void *block = pages_alloc(&metal.pages, order);
    lock_release(&metal.pages_lock);
    if (block != NULL)
        memory_clear(block, PAGE_SIZE << order);
    return block;
}

static void *alloc_run(uint64_t size, unsigned order)
{
    lock_take(&metal.pages_lock);
    void *run = pages_alloc_run(&metal.pages, size, order);
    lock_release(&metal.pages_lock);
    if (run != NULL)
        memory_clear(run, size);
    return run;
}

void *memory_alloc_bytes(size_t size)
{
    return alloc_run((size + PAGE_SIZE - 1) & PAGE_MASK, 0);
}

void *memory_alloc_run(uint64_t size)
{
    static const unsigned orders[] = {PAGES_ORDER_MAX, PAGES_ORDER_2M, 0};

    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        void *run = size >= PAGE_SIZE << orders[i] ? alloc_run(size, orders[i]) : NULL;
        if (run != NULL)
            return run;
    }
    return NULL;
}

void memory_free(void *pages, unsigned order)
{
    lock_take(&metal.pages_lock);
    int error = pages_free(&metal.pages, pages, order);
    lock_release(&metal.pages_lock);
    if (error != 0)
        panic("pages at %p (order %u) given back: %s", pages, order, error_text(error));
}
