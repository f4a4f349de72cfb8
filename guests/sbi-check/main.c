/* SPDX-License-Identifier: MIT */
/*
 * The SBI as its specification has it, looked at from S-mode: one line for each sentence checked.
 * Paging is on, with the image at its physical addresses.
 */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

void guest_main(uint64_t hart);

static void turn_on_paging(void)
{
    struct page_table table = page_table_new();

    page_map_image(table);
    csr_write(satp, page_table_satp(table));
    sfence_vma();
}

void guest_main(uint64_t hart)
{
    harts_init(hart);
    turn_on_paging();
    print("sbi-check: hart %lu of %lu\n", hart, hart_count);
    check_base();
    check_legacy();
    check_time();
    check_reset();
    check_console();
    check_hsm_start();
    check_ipi();
    check_rfence();
    check_hsm_suspend();
    check_end("sbi-check");
}
