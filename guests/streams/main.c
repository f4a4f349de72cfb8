/* SPDX-License-Identifier: MIT */
/*
 * Thousands of short streams of random instructions, in U-mode and in S-mode, with random registers
 * and over pages whose entries are drawn anew between streams. Every trap is synchronous and nobody
 * looks at a clock, so that two engines have to agree at each of them. The guest checks nothing
 * itself; it says how its streams ended.
 */
#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/sbi.h"
#include "guests/streams/streams.h"

#define STREAMS 2000
#define LENGTH  20 /* instructions of a stream */
#define PAGES   8
#define CAUSES  16

/* Out of reach of lui and auipc from the kernel. */
#define CODE_U        0x1000000000UL
#define CODE_S        0x1000001000UL
#define DATA_VA       0x1000010000UL
#define BIG_VA        0x1040000000UL
#define BIG_SIZE      0x200000UL
#define NOWHERE       0x40000000UL /* no memory there */

#define EBREAK        0x00100073
#define FMV_D_FT0_FT0 0x22000053
#define PTE_RESERVED  (1UL << 54)

void guest_main(void);

static _Alignas(4096) uint16_t code[2048];
static _Alignas(4096) uint8_t data[PAGES][4096];
static _Alignas(0x200000) uint8_t big[BIG_SIZE];
static struct page_table space;
static uint64_t *leaf[PAGES], *big_leaf;
static uint64_t ended[CAUSES];

static uint64_t draw_flags(void)
{
    static const uint8_t often[] = {PTE_R | PTE_W, PTE_R, PTE_R | PTE_W | PTE_X, PTE_X,
                                    PTE_R | PTE_X};
    uint64_t flags = often[draw_below(sizeof often)] | PTE_V;

    if (draw_below(2) == 0) /* so that streams come farther */
        return PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | (draw_below(3) ? PTE_U : 0);
    flags |= draw_below(3) ? PTE_U : 0;
    flags |= draw_below(4) ? PTE_A : 0;
    flags |= draw_below(2) ? PTE_D : 0;
    switch (draw_below(24)) {
    case 0:
        return flags & ~PTE_V;
    case 1:
        return (flags | PTE_W) & ~PTE_R;
    case 2:
        return flags | PTE_RESERVED;
    default:
        return flags;
    }
}

static void change_pages(void)
{
    unsigned n = (unsigned)draw_below(PAGES);
    uint64_t at = draw_below(16) == 0 ? NOWHERE : phys_of(data[draw_below(PAGES)]);

    *(volatile uint64_t *)leaf[n] = at >> 2 | draw_flags();
    if (draw_below(4) == 0)
        *(volatile uint64_t *)big_leaf = phys_of(big) >> 2 | draw_flags();
    sfence_vma();
}

/* The entry of the second level that maps 2 MiB; a page below it makes the table. */
static uint64_t *superpage(uint64_t va)
{
    page_map(space, va, phys_of(big), PAGE_SIZE, PTE_R);
    uint64_t *table = (uint64_t *)(pte_address(space.root[(va >> 30) & 511]) + KERNEL_OFFSET);
    return &table[(va >> 21) & 511];
}

static unsigned put(unsigned at, uint32_t insn)
{
    code[at++] = (uint16_t)insn;
    if ((insn & 3) == 3)
        code[at++] = (uint16_t)(insn >> 16);
    return at;
}

/* Half of them begin with a loop, long enough for an engine to take the code for worth its while.
 */
static void draw_code(bool supervisor)
{
    unsigned at = 0;

    if (draw_below(2) == 0) {
        at = put(at, 0x19000f93); /* li t6, 400 */
        at = put(at, 0xffff8f93); /* addi t6, t6, -1 */
        at = put(at, 0xfe0f9ee3); /* bnez t6, .-4 */
    }
    for (unsigned i = 0; i < LENGTH; i++) {
        uint32_t insn = draw_insn(supervisor);
        at = put(at, insn);
        if (raises_flags_only(insn)) /* QEMU's harts, up to 7.2, do not make FS Dirty for that */
            at = put(at, FMV_D_FT0_FT0);
    }
    while (at < 128)
        at = put(at, EBREAK);
    __asm__ volatile("fence.i" : : : "memory");
}

static uint64_t draw_word(void)
{
    switch (draw_below(4)) {
    case 0:
        return draw();
    case 1:
        return draw_below(64);
    case 2:
        return -draw_below(64);
    default:
        return 1UL << draw_below(64);
    }
}

static uint64_t draw_address(void)
{
    uint64_t at = draw_below(8) == 0
                      ? BIG_VA + draw_below(BIG_SIZE)
                      : DATA_VA + draw_below(PAGES + 1) * PAGE_SIZE + draw_below(4096);

    return draw_below(8) == 0 ? at : at & ~7UL;
}

static void draw_registers(struct frame *frame, bool supervisor)
{
    for (unsigned i = 1; i < 32; i++)
        frame->x[i] = draw_word();
    for (unsigned i = 0; i < 32; i++)
        frame->f[i] = draw_below(2) ? draw() : draw() | 0xffffffff00000000;
    for (unsigned i = 0; i < 4; i++)
        frame->x[X_POINTER + i] = draw_address();
    frame->x[2] = draw_address();
    for (unsigned i = 8; i < 12; i++) /* what compressed loads and stores go by */
        frame->x[i] = draw_address();
    frame->x[17] = draw_below(2) ? 0x10 : 0xbad;
    frame->x[16] = draw_below(8);
    frame->fcsr = draw() & 0xff;
    frame->sstatus = SSTATUS_FS | (supervisor ? SSTATUS_SPP : 0);
    frame->sstatus |= supervisor && draw_below(3) == 0 ? SSTATUS_SUM : 0;
    frame->sstatus |= draw_below(4) == 0 ? SSTATUS_MXR : 0;
    frame->x[0] = supervisor ? CODE_S : CODE_U;
}

void guest_main(void)
{
    static struct frame frame;

    space = page_table_new();
    page_map_image(space);
    page_map(space, CODE_U, phys_of(code), PAGE_SIZE, PTE_R | PTE_X | PTE_U);
    page_map(space, CODE_S, phys_of(code), PAGE_SIZE, PTE_R | PTE_X);
    for (unsigned i = 0; i < PAGES; i++) {
        page_map(space, DATA_VA + i * PAGE_SIZE, phys_of(data[i]), PAGE_SIZE,
                 PTE_R | PTE_W | PTE_U);
        leaf[i] = page_leaf(space, DATA_VA + i * PAGE_SIZE);
    }
    big_leaf = superpage(BIG_VA);
    *big_leaf = phys_of(big) >> 2 | PTE_V | PTE_R | PTE_W | PTE_U;
    csr_write(sie, 0);
    csr_write(satp, page_table_satp(space));
    sfence_vma();
    for (unsigned n = 0; n < STREAMS; n++) {
        bool supervisor = draw_below(5) < 2;
        change_pages();
        draw_code(supervisor);
        draw_registers(&frame, supervisor);
        stream_run(&frame);
        ended[frame.scause % CAUSES]++;
    }
    csr_write(sstatus, 0);
    for (unsigned i = 0; i < CAUSES; i++) {
        if (ended[i] != 0)
            print("streams: cause %u: %u\n", i, (unsigned)ended[i]);
    }
    print("streams: done\n");
    sbi_shutdown();
}
