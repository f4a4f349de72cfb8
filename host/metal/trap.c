/* SPDX-License-Identifier: MIT */
/* The end: of the board in its regular ways, and of a hypervisor that trapped. */
#include "host/metal/board/mmio.h"
#include "host/metal/fw.h"
#include "host/metal/metal.h"

/* The registers of sifive,test1. */
#define TEST_OFF  UINT32_C(0x5555)
#define TEST_FAIL UINT32_C(0x3333)

_Noreturn void trap_own(const uint64_t *x);

_Noreturn void board_end(enum board_end end)
{
    if (metal.board.power.size != 0)
        mmio_write32(metal.board.power.base,
                     end == END_OFF ? TEST_OFF : TEST_FAIL | (uint32_t)end << 16);
    fw_shutdown(end != END_OFF);
    for (;;)
        __asm__ volatile("wfi");
}

/* From entry.S. A trap while this prints would come here again: the second time says no more. */
_Noreturn void trap_own(const uint64_t *x)
{
    static _Atomic uint32_t times;

    if (atomic_fetch_add(&times, 1) == 0) {
        metal.console_lock = (struct lock){0}; /* whoever holds it will not give it back */
        dump_hart(hart_self(), x);
    }
    board_end(END_ERROR);
}
