/* SPDX-License-Identifier: MIT */
/* A hostile device tree for firmware and hypervisor. What is read of it makes sense. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "host/metal/board/board.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_ranges(const struct board_range *ranges, unsigned count)
{
    require(count <= BOARD_MAX_RANGES);
    for (unsigned i = 0; i < count; i++) {
        require(ranges[i].size != 0 && ranges[i].base + ranges[i].size > ranges[i].base);
        require(i == 0 || ranges[i - 1].base <= ranges[i].base);
    }
}

static void check(const struct board *board)
{
    require(board->nharts >= 1 && board->nharts <= BOARD_MAX_HARTS);
    require(board->nmemory >= 1 && board->timebase_hz != 0);
    check_ranges(board->memory, board->nmemory);
    check_ranges(board->reserved, board->nreserved);
    check_ranges(board->machine, board->nmachine);
    require(board->nvirtio <= BOARD_MAX_VIRTIO && board->plic.sources <= 1023);
    for (unsigned i = 0; i < board->nharts; i++) {
        const struct board_hart *hart = &board->hart[i];

        require(i == 0 || board->hart[i - 1].id < hart->id);
        require(hart->mtimecmp % 8 == 0 && hart->msip % 4 == 0);
        require(hart->plic_s < (int32_t)board->plic.contexts);
    }
    require(board->bootargs == NULL || strlen(board->bootargs) < fdt_totalsize(board->fdt));
}

/* The header's sizes and magic are made right, or hardly an input would get past it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t blob[65536];
    static struct board board;
    const char *why = NULL;

    if (size < sizeof(struct fdt_header) || size > sizeof(blob))
        return 0;
    memcpy(blob, data, size);
    fdt_set_magic(blob, FDT_MAGIC);
    fdt_set_totalsize(blob, (uint32_t)size);
    fdt_set_version(blob, 17);
    fdt_set_last_comp_version(blob, 16);
    int error = board_read(&board, blob, size, &why);
    require(error == 0 || ((error == ERR_FORMAT || error == ERR_NOT_FOUND) && why != NULL));
    if (error == 0)
        check(&board);
    return 0;
}
