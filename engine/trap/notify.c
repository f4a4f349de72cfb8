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

#include "engine/trap/check.h"
#include "engine/trap/trap.h"

/*
 * The unmapping of a range that a kernel-mode space wants gone. Once this call goes on nothing
 * keeps the kernel from carrying it out before user code runs again, so it counts as done.
 */
static void note_revoked(struct trap_space *space, const uint64_t *args)
{
    struct trap_revoke *revoke = &space->vcpu->area->revoke[space - space->vcpu->space];

    atomic_fetch_or(&revoke->seen, check_revoked(revoke, args));
}

/* Only what a kernel-mode space told this one to map, so that it has noted what the mapping depends
 * on: else it would not be missed when the guest's tables change. */
static bool may_map(const struct trap_space *space, const uint64_t *args)
{
    const struct trap_vcpu *t = space->vcpu;
    const struct trap_place place = {space->site->base, space->site->end, t->tv->top};

    return check_granted(&t->area->grant[space - t->space], args) &&
           check_mapping(t->tv->vm, &place, space->satp, args);
}

static bool may_go_on(struct trap_space *space, const struct seccomp_data *call)
{
    const uint64_t *args = (const uint64_t *)call->args;

    if (call->nr == SYS_munmap) {
        note_revoked(space, args);
        return true; /* what else it unmaps is its own loss */
    }
    return call->nr == SYS_mmap && may_map(space, args);
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
