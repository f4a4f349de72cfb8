/* SPDX-License-Identifier: MIT */
/*
 * The user-mode space's side of a signal. It decides nothing: what stopped guest code goes to the
 * kernel-mode space, and what comes back are registers, or a mapping to make, which the monitor
 * checks. Guest code that takes this stub over reaches what it could reach without.
 */
#include "engine/trap/stub/stub.h"

#define MAP_SHARED   0x01
#define MAP_FIXED    0x10
#define MAP_POPULATE 0x8000
#define ENOMEM       12

static void make_mapping(struct trap_page *page)
{
    const struct trap_map *map = &page->map;

    if (map->length != 0)
        page->full = stub_syscall(__NR_mmap, map->va, map->length, map->prot,
                                  MAP_SHARED | MAP_FIXED | (map->populate ? MAP_POPULATE : 0),
                                  stub_config.ram_fd, map->offset) == -ENOMEM;
}

/* The monitor sees each of them. */
static void unmap(struct trap_page *page)
{
    for (uint32_t i = 0; i < page->nunmap && i < TRAP_UNMAPS; i++)
        (void)stub_syscall(__NR_munmap, page->unmap[i].va, page->unmap[i].length, 0, 0, 0, 0);
    page->nunmap = 0;
}

void user_signal(int number, const siginfo_t *info, struct ucontext *uc)
{
    struct trap_page *page = (struct trap_page *)stub_config.page;
    static bool started;

    if (started) {
        context_save(uc, &page->user);
        page->signal = (uint32_t)number;
        page->fault = (uint64_t)info->si_addr;
        turn_give(&page->to_kernel);
    }
    started = true;
    for (;;) {
        turn_wait(&page->to_user);
        unmap(page);
        make_mapping(page);
        if (page->enter)
            break;
        page->signal = 0;
        turn_give(&page->to_kernel);
    }
    context_load(uc, &page->user);
}
