/* SPDX-License-Identifier: MIT */
/*
 * Physical memory protection (Priv. 3.7): the firmware's memory and the machine-level devices are
 * closed to S- and U-mode, everything else is open. Not locked: M-mode itself is not restrained.
 */
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

#define ENTRIES 16 /* in the configuration registers 0 and 2; a hart may have fewer */

struct pmp {
    unsigned used;
    bool kept; /* every address reads back */
    uint8_t config[ENTRIES];
};

static uint64_t write_address(unsigned entry, uint64_t address)
{
    switch (entry) {
#define ENTRY(n)                                                                                   \
    case n:                                                                                        \
        csr_write(pmpaddr##n, address);                                                            \
        return csr_read(pmpaddr##n)
        ENTRY(0);
        ENTRY(1);
        ENTRY(2);
        ENTRY(3);
        ENTRY(4);
        ENTRY(5);
        ENTRY(6);
        ENTRY(7);
        ENTRY(8);
        ENTRY(9);
        ENTRY(10);
        ENTRY(11);
        ENTRY(12);
        ENTRY(13);
        ENTRY(14);
        ENTRY(15);
#undef ENTRY
    }
    return 0;
}

static void add(struct pmp *pmp, uint64_t address, uint64_t config)
{
    if (pmp->used == ENTRIES) {
        pmp->kept = false;
        return;
    }
    if (write_address(pmp->used, address) != address)
        pmp->kept = false;
    pmp->config[pmp->used++] = (uint8_t)config;
}

/* Two entries: the first is off and says where the second begins. */
static void close_range(struct pmp *pmp, const struct board_range *range)
{
    add(pmp, range->base >> 2, 0);
    add(pmp, (range->base + range->size) >> 2, PMP_TOR);
}

/* The highest address bits that the hart has; all ones reach over everything. */
static void open_rest(struct pmp *pmp)
{
    if (pmp->used == ENTRIES) {
        pmp->kept = false;
        return;
    }
    (void)write_address(pmp->used, UINT64_MAX);
    pmp->config[pmp->used++] = PMP_NAPOT | PMP_R | PMP_W | PMP_X;
}

static uint64_t config_word(const struct pmp *pmp, unsigned first)
{
    uint64_t word = 0;

    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)pmp->config[first + i] << (8 * i);
    return word;
}

bool pmp_setup(void)
{
    struct pmp pmp = {.kept = true};
    uint64_t value;

    if (!csr_try_read(mtvec, pmpcfg0, &value))
        return false;
    close_range(&pmp, &firmware.own);
    for (unsigned i = 0; i < firmware.board.nmachine; i++)
        close_range(&pmp, &firmware.board.machine[i]);
    open_rest(&pmp);
    csr_write(pmpcfg0, config_word(&pmp, 0));
    if (pmp.used > 8)
        csr_write(pmpcfg2, config_word(&pmp, 8));
    __asm__ volatile("sfence.vma" : : : "memory");
    return pmp.kept && csr_read(pmpcfg0) == config_word(&pmp, 0);
}
