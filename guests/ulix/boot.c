/* SPDX-License-Identifier: MIT */
/* From the first instruction in C to the first user program. */
#include <string.h>

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/ulix/archive.h"
#include "guests/ulix/devicetree.h"
#include "guests/ulix/disk.h"
#include "guests/ulix/exec.h"
#include "guests/ulix/interrupt.h"
#include "guests/ulix/process.h"
#include "guests/ulix/space.h"
#include "guests/ulix/stream.h"
#include "guests/ulix/system.h"

void guest_main(uint64_t id, const void *tree);
_Noreturn void hart_main(void);
extern char hart_entry[];

static _Alignas(4096) uint8_t hart_pages[MAX_HARTS][PAGE_SIZE];
static uint64_t harts;
static struct arguments boot_arguments;

uint64_t hart_count(void)
{
    return harts;
}

struct hart *hart_at(uint64_t index)
{
    return (struct hart *)hart_pages[index];
}

uint64_t hart_index(const struct hart *hart)
{
    return (uint64_t)((const uint8_t *)hart - hart_pages[0]) / PAGE_SIZE;
}

/* What each hart does, with the kernel's table and the page of its own in tp. */
_Noreturn void hart_main(void)
{
    csr_write(satp, table_kernel_satp());
    sfence_vma();
    trap_init_hart();
    interrupt_init_hart();
    scheduler_run();
}

/* SBI numbers harts as it likes; those that it has are asked for one by one. */
static void count_harts(uint64_t boot)
{
    uint64_t id = 0;

    harts = 1;
    hart_at(0)->id = boot;
    for (; sbi_hart_get_status(id).error == 0 && harts < MAX_HARTS; id++) {
        if (id != boot)
            hart_at(harts++)->id = id;
    }
}

static void start_harts(void)
{
    for (uint64_t i = 1; i < harts; i++)
        require(sbi_hart_start(hart_at(i)->id, (uint64_t)hart_entry, (uint64_t)hart_at(i)).error ==
                0);
}

/* The larger of the two parts of RAM beside the device tree, which is still to be read. */
static void find_memory(uint64_t *start, uint64_t *end)
{
    struct dt_node node;
    uint64_t ram, size;

    require(dt_find(&node, "memory") && dt_reg(&node, &ram, &size));
    *start = (uint64_t)image_end;
    *end = ram + size;
    if (dt_start() < *start || dt_start() >= *end)
        return;
    if (dt_start() - *start > *end - dt_end())
        *end = dt_start() & -PAGE_SIZE;
    else
        *start = (dt_end() + PAGE_SIZE - 1) & -PAGE_SIZE;
}

/* The boot arguments are words; some are for the kernel, all are the first program's. */
static void take_word(const char *word)
{
    if (strcmp(word, "without=shootdown") == 0)
        space_without_shootdown = true;
    require(arguments_add(&boot_arguments, word));
}

static void take_boot_arguments(void)
{
    struct dt_node chosen;
    uint32_t length;
    const char *words = NULL;
    char word[64];
    uint64_t size = 0;

    require(arguments_add(&boot_arguments, "init"));
    if (dt_find(&chosen, "chosen"))
        words = dt_property(&chosen, "bootargs", &length);
    for (; words != NULL; words++) {
        if (*words != ' ' && *words != 0) {
            require(size < sizeof word - 1);
            word[size++] = *words;
            continue;
        }
        word[size] = 0;
        if (size > 0)
            take_word(word);
        size = 0;
        if (*words == 0)
            return;
    }
}

/* The first process, in the kernel until it has a program. */
static void first_process(void)
{
    struct stream *console = stream_new(&stream_console, NULL);

    lock_release(&schedule_lock);
    archive_init();
    require(console != NULL);
    for (unsigned i = 0; i < 3; i++) {
        require(stream_attach(console) == i);
        if (i > 0)
            stream_hold(console);
    }
    require(exec("init", &boot_arguments));
    trap_return();
}

void guest_main(uint64_t id, const void *tree)
{
    uint64_t start, end;

    __asm__ volatile("mv tp, %0" : : "r"(hart_at(0)));
    dt_init(tree);
    count_harts(id);
    find_memory(&start, &end);
    memory_init(start, end);
    table_init(start, end);
    take_boot_arguments();
    interrupt_init();
    disk_init();
    print("ulix: %lu harts, %lu MiB, files %s\n", harts, (end - start) >> 20,
          disk_sectors() > 0 ? "on the disk" : "in the kernel");
    process_first(first_process);
    start_harts();
    hart_main();
}
