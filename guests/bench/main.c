/* SPDX-License-Identifier: MIT */
/*
 * The benchmark kernel: prices of single operations, then four user programs. Each result is a line
 * `BENCH name count ticks`, ticks of the time CSR for all count operations together.
 */
#include "guests/bench/ops.h"
#include "guests/bench/user.h"
#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define ENOUGH_TICKS 20000 /* 2 ms at 10 MHz: reading the clock no longer shows */

void guest_main(uint64_t hart);

static void on_interrupt(uint64_t scause)
{
    print("FAIL interrupt %lx outside of any measurement\n", scause);
    guest_fail();
}

/*
 * Runs the operation more and more often until the time it takes is long enough to mean something.
 */
static void measure(const struct op *op)
{
    uint64_t count = op->first;
    uint64_t ticks;

    if (op->usable != NULL && !op->usable()) {
        print("bench: no %s here\n", op->name);
        return;
    }
    for (;;) {
        ticks = op->run(count);
        if (ticks >= ENOUGH_TICKS || count >= op->most)
            break;
        count *= 4;
    }
    print("BENCH %s %lu %lu\n", op->name, count, ticks);
}

static void measure_program(const char *name, const char *entry, uint64_t argument, uint64_t count)
{
    uint64_t start = rdtime();

    user_run(entry, argument, false);
    print("BENCH %s %lu %lu\n", name, count, rdtime() - start);
}

void guest_main(uint64_t hart)
{
    struct page_table kernel = page_table_new();

    print("BENCH start 1 %lu\n", rdtime()); /* of the board, where nobody offsets its clock */
    trap_init(on_interrupt);
    page_map_image(kernel);
    user_init(kernel);
    ops_init(kernel, hart);
    csr_write(satp, page_table_satp(kernel));
    sfence_vma();

    for (size_t i = 0; i < op_count; i++)
        measure(&ops[i]);
    measure_program("pure", user_pure, 0, 10000000);
    measure_program("memory", user_memory, USER_DATA_VA, 10000000);
    measure_program("badsyscall", user_badsyscall, 0, 1000);
    measure_program("goodsyscall", user_goodsyscall, 0, 1000);
    print("bench: done\n");
    sbi_shutdown();
}
