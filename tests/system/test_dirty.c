/* SPDX-License-Identifier: MIT */
/*
 * The dirty log of a guest that boots and reads its disk: between two fetches, every page that
 * changed is marked, whoever changed it. More may be marked: a page is when its translation for
 * stores is looked up, and a store may store what was there.
 */
#include "tests/system/board.h"

#define RAM_SIZE MIB(128)
#define PAGES    (RAM_SIZE / PAGE_SIZE)
#define STEP     UINT64_C(60000000)

struct log {
    struct board *board;
    uint8_t *before; /* RAM at the last fetch */
    uint64_t dirty[PAGES / 64];
    uint64_t marked, changed; /* pages, in all fetches */
};

static void fetch(struct log *log)
{
    struct vm *vm = &log->board->machine.vm;

    assert_int_equal(vm->engine->dirty_fetch(vm, 0), 0);
    assert_int_equal(gmem_dirty_fetch(&vm->mem, 0, log->dirty), 0);
}

static void check_page(struct log *log, uint64_t page)
{
    const uint8_t *now = log->board->ram + page * PAGE_SIZE;
    uint8_t *before = log->before + page * PAGE_SIZE;
    bool marked = (log->dirty[page / 64] >> (page % 64)) & 1;

    log->marked += marked;
    if (memcmp(now, before, PAGE_SIZE) == 0)
        return;
    if (!marked)
        fail_msg("page %llx changed unmarked, clock %llu", (unsigned long long)(page * PAGE_SIZE),
                 (unsigned long long)log->board->clock.retired);
    log->changed++;
    memcpy(before, now, PAGE_SIZE);
}

static void check(struct log *log)
{
    fetch(log);
    for (uint64_t page = 0; page < PAGES; page++)
        check_page(log, page);
}

static bool runs(struct log *log)
{
    return atomic_load(&log->board->machine.vm.stop) == VM_RUNNING;
}

/* Coarse steps, and fine ones while disk requests are under way: what DMA writes after a fetch
 * belongs to the next one. */
static void boot_with_checks(struct log *log)
{
    uint64_t next = STEP, requests = 0;

    while (runs(log)) {
        board_run(log->board, log->board->clock.retired + 1);
        if (log->board->nqueue == 0 && log->board->requests_done == requests &&
            log->board->clock.retired < next && runs(log))
            continue;
        requests = log->board->requests_done;
        next = log->board->clock.retired + STEP;
        check(log);
    }
}

static void every_page_that_changes_is_marked(void **state)
{
    const struct board_options options = {
        .kernel = "linux/Image",
        .initrd = "linux/initrd.cpio.gz",
        .append = "console=ttyS0 quiet panic=-1 run=\"cat /dev/vda >/dev/null\"",
        .ram_size = RAM_SIZE,
        .nvcpus = 2,
        .disk_size = KIB(256),
        .log_dirty = true,
    };
    struct log *log = calloc(1, sizeof(*log));

    (void)state;
    assert_non_null(log);
    log->before = calloc(1, RAM_SIZE);
    assert_non_null(log->before);
    log->board = board_new(&options);
    board_boot(log->board);
    check(log);
    boot_with_checks(log);
    assert_int_equal(atomic_load(&log->board->machine.vm.stop), VM_OFF);
    assert_true(log->board->requests_done > 0);
    /* A log that marks everything would be no log. */
    assert_in_range(log->marked, log->changed, 4 * log->changed);
    free(log->before);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_that_changes_is_marked),
    };

    return cmocka_run_group_tests_name("dirty", tests, NULL, NULL);
}
