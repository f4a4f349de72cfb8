/* SPDX-License-Identifier: MIT */
/*
 * Mappings of user-mode spaces: each waits in the kernel until this thread has compared it with the
 * guest's page tables at U privilege. The arguments lie in the kernel's copy of the registers, so
 * nobody can change them behind the check.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/csr.h"
#include "core/mmu.h"
#include "engine/trap/trap.h"

static int read_table(void *mem, gpa_t gpa, uint64_t *pte)
{
    return gmem_read_u64(mem, gpa, pte);
}

static int refuse_cas(void *mem, gpa_t gpa, uint64_t expected, uint64_t value)
{
    (void)mem;
    (void)gpa;
    (void)expected;
    (void)value;
    return ERR_RANGE;
}

/* The leaf for va at U privilege, as the tables are. */
static bool user_leaf(struct vm *vm, uint64_t satp, gva_t va, struct mmu_leaf *leaf)
{
    struct mmu_memory memory = {.ctx = &vm->mem, .read = read_table, .cas = refuse_cas};
    struct mmu_walk walk = {
        .root = {mmu_geometry((unsigned)(satp >> SATP_MODE_SHIFT), false), satp & SATP_PPN},
        .isa = &vm->isa,
        .memory = &memory,
        .user = true,
        .probe = true,
    };
    struct mmu_fault fault;

    return mmu_translate(&walk, va, MMU_LOAD, leaf, &fault) == 0 ||
           mmu_translate(&walk, va, MMU_FETCH, leaf, &fault) == 0;
}

static bool pte_grants(uint64_t pte, uint64_t prot)
{
    if ((pte & (PTE_V | PTE_U | PTE_A)) != (PTE_V | PTE_U | PTE_A))
        return false;
    if ((prot & PROT_READ) != 0 && (pte & PTE_R) == 0)
        return false;
    if ((prot & PROT_WRITE) != 0 && (pte & (PTE_W | PTE_D)) != (PTE_W | PTE_D))
        return false;
    return (prot & PROT_EXEC) == 0 || (pte & PTE_X) != 0;
}

/* A whole leaf, or neighbours in one table that lead on in guest-physical memory. */
static bool leaves_grant(struct vm *vm, uint64_t satp, gva_t va, uint64_t length, gpa_t gpa,
                         uint64_t prot)
{
    struct mmu_leaf leaf;

    if (!user_leaf(vm, satp, va, &leaf) || leaf.gpa != gpa || !pte_grants(leaf.pte, prot))
        return false;
    uint64_t reach = UINT64_C(1) << leaf.page_bits;
    if ((va & (reach - 1)) + length <= reach)
        return true;
    unsigned index = (unsigned)(va >> PAGE_SHIFT) & 511;
    uint64_t pages = length >> PAGE_SHIFT;
    if (leaf.page_bits != PAGE_SHIFT || index + pages > 512)
        return false;
    for (uint64_t i = 1; i < pages; i++) {
        uint64_t pte;
        if (gmem_read_u64(&vm->mem, leaf.pte_gpa + 8 * i, &pte) != 0 ||
            pte != leaf.pte + (i << PTE_PPN_SHIFT))
            return false;
    }
    return true;
}

bool notify_allowed(struct trap_vm *tv, uint64_t satp, const uint64_t *args)
{
    const struct gmem_slot *ram = &tv->vm->mem.slots[0];
    uint64_t va = args[0], length = args[1], prot = args[2], offset = args[5];

    if (((va | length | offset) & ~PAGE_MASK) != 0 || length == 0 ||
        (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) != 0)
        return false;
    if (length > ram->size || offset > ram->size - length || va > tv->top - length)
        return false;
    if (va < tv->end && va + length > tv->base)
        return false;
    if (satp >> SATP_MODE_SHIFT == SATP_MODE_BARE)
        return va == ram->gpa + offset;
    return leaves_grant(tv->vm, satp, va, length, ram->gpa + offset, prot);
}

/* Only what a kernel-mode space told this one to map, so that it has noted what the mapping depends
 * on: else it would not be missed when the guest's tables change. */
static bool granted(const struct trap_space *space, const uint64_t *args)
{
    const struct trap_vcpu *t = space->vcpu;
    const struct trap_map *grant = &t->area->grant[space - t->space];

    return args[0] == grant->va && args[1] == grant->length && args[2] == grant->prot &&
           args[5] == grant->offset;
}

/*
 * The unmapping of a range that a kernel-mode space wants gone. Once this call goes on nothing
 * keeps the kernel from carrying it out before user code runs again, so it counts as done.
 */
static void note_revoked(struct trap_space *space, const uint64_t *args)
{
    struct trap_area *area = space->vcpu->area;
    unsigned slot = (unsigned)(space - space->vcpu->space);
    uint32_t count = area->revoke[slot].count;

    for (uint32_t i = 0; i < count && i < TRAP_UNMAPS; i++) {
        const struct trap_range *range = &area->revoke[slot].range[i];
        if (args[0] == range->va && args[1] == range->length)
            atomic_fetch_or(&area->revoke[slot].seen, 1U << i);
    }
}

static bool may_go_on(struct trap_space *space, const struct seccomp_data *call)
{
    const uint64_t *args = (const uint64_t *)call->args;

    if (call->nr == SYS_munmap) {
        note_revoked(space, args);
        return true; /* what else it unmaps is its own loss */
    }
    return call->nr == SYS_mmap && granted(space, args) &&
           notify_allowed(space->vcpu->tv, space->satp, args);
}

static void answer(struct trap_space *space)
{
    struct seccomp_notif request;
    struct seccomp_notif_resp response;

    memset(&request, 0, sizeof(request));
    if (ioctl(space->listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0)
        return;
    memset(&response, 0, sizeof(response));
    response.id = request.id;
    if (may_go_on(space, &request.data))
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        response.error = -EPERM;
    (void)ioctl(space->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* What epoll tells of a space's listener: which slot, and the how manieth space in it. */
static uint64_t event_of(const struct trap_space *space)
{
    uint64_t slot = (uint64_t)(space - space->vcpu->space);

    return (uint64_t)space->serial << 32 | (space->vcpu->vcpu->priv.hartid * TRAP_SPACES + slot);
}

/* The space that the event is of, unless it has ended since. With the lock held. */
static struct trap_space *space_of(struct trap_vm *tv, uint64_t event)
{
    struct trap_vcpu *t = tv->vcpu[(uint32_t)event / TRAP_SPACES];
    struct trap_space *space = t == NULL ? NULL : &t->space[event % TRAP_SPACES];

    return space != NULL && space->listener >= 0 && space->serial == event >> 32 ? space : NULL;
}

#define EVENT_END UINT64_MAX

static void *notifier(void *arg)
{
    struct trap_vm *tv = arg;
    struct epoll_event event;
    struct trap_space *space;

    for (;;) {
        int n = epoll_wait(tv->epoll, &event, 1, -1);
        if (n == 1 && event.data.u64 == EVENT_END)
            return NULL;
        if (n != 1 || (event.events & EPOLLIN) == 0)
            continue;
        pthread_mutex_lock(&tv->listening);
        space = space_of(tv, event.data.u64);
        if (space != NULL)
            answer(space);
        pthread_mutex_unlock(&tv->listening);
    }
}

int notify_start(struct trap_vm *tv)
{
    pthread_mutex_init(&tv->listening, NULL);
    tv->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (tv->epoll < 0)
        return ERR_IO;
    if (pthread_create(&tv->notifier, NULL, notifier, tv) != 0)
        return ERR_NO_MEMORY;
    tv->notifying = true;
    return 0;
}

void notify_stop(struct trap_vm *tv)
{
    struct epoll_event end = {.events = EPOLLIN, .data.u64 = EVENT_END};
    int fd = tv->notifying ? eventfd(1, EFD_CLOEXEC) : -1;

    if (fd >= 0 && epoll_ctl(tv->epoll, EPOLL_CTL_ADD, fd, &end) == 0)
        pthread_join(tv->notifier, NULL);
    if (fd >= 0)
        close(fd);
    if (tv->epoll >= 0)
        close(tv->epoll);
    tv->notifying = false;
}

int notify_add(struct trap_space *space)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_of(space)};

    return epoll_ctl(space->vcpu->tv->epoll, EPOLL_CTL_ADD, space->listener, &event) == 0 ? 0
                                                                                          : ERR_IO;
}
