/* SPDX-License-Identifier: MIT */
/*
 * Making a space: a child of this process puts stub, shared pages and, for kernel mode, the window
 * on guest RAM in place, gives up every descriptor but that of guest RAM, and jumps into the stub,
 * which unmaps the rest. Only calls that are safe in a child of a process with threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/trap/trap.h"

#define RAM_FD  3 /* in the child */
#define GIVE_FD 4 /* the listener goes out here */

/* How far the child came, as its exit status. */
enum step { STEP_FDS = 32, STEP_MAP = SPACE_NOT_MAPPED, STEP_LISTENER, STEP_PARENT };

static void place(uint64_t at, uint64_t size, int prot, int flags, int fd, uint64_t offset)
{
    void *p = mmap((void *)at, size, prot, flags | MAP_FIXED_NOREPLACE, fd, (off_t)offset);

    if (p != (void *)at)
        _exit(STEP_MAP);
}

static void place_stub(const struct trap_head *head, const struct trap_site *site)
{
    place(site->base, head->data, PROT_READ | PROT_EXEC, MAP_PRIVATE, site->image_fd, 0);
    place(site->base + head->data, head->end - head->data, PROT_READ | PROT_WRITE, MAP_PRIVATE,
          site->image_fd, head->data);
}

static void place_shared(const struct trap_vcpu *t, const struct trap_config *c)
{
    const struct gmem_slot *ram = &t->tv->vm->mem.slots[0];

    if (c->area == 0) {
        place(c->page, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd,
              TRAP_AREA_SIZE + c->slot * PAGE_SIZE);
        return;
    }
    place(c->area, TRAP_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
    place(c->window, ram->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->tv->vm->ram_fd, 0);
}

static void close_from(unsigned first, unsigned last)
{
    if (first <= last && syscall(SYS_close_range, first, last, 0) != 0)
        _exit(STEP_FDS);
}

/* Descriptors: guest RAM as RAM_FD, the socket as GIVE_FD, and nothing else. The others go first,
 * for there may be no room. */
static void keep_fds(int ram, int give)
{
    unsigned low = (unsigned)(ram < give ? ram : give), high = (unsigned)(ram < give ? give : ram);

    if (low > 0)
        close_from(0, low - 1);
    close_from(low + 1, high - 1);
    close_from(high + 1, ~0U);
    int aside = dup(give); /* 0 or 1 */
    close(give);
    if (aside < 0 || (ram != RAM_FD && (dup2(ram, RAM_FD) < 0 || close(ram) != 0)) ||
        dup2(aside, GIVE_FD) < 0 || close(aside) != 0)
        _exit(STEP_FDS);
}

static void give_listener(int listener)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};

    memcpy(CMSG_DATA(&control.header), &listener, sizeof(listener));
    if (sendmsg(GIVE_FD, &message, MSG_NOSIGNAL) != 1)
        _exit(STEP_LISTENER);
}

/* From now on every mmap of this process waits for the monitor's word. */
static void make_listener(void)
{
    struct sock_filter filter[FILTER_MOST];
    struct sock_fprog program = {(unsigned short)filter_notify(filter), filter};
    long fd =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);

    if (fd < 0)
        _exit(STEP_LISTENER);
    give_listener((int)fd);
    close((int)fd);
}

/* A vCPU's spaces share one CPU, so that none migrates in a hand-over. */
static void choose_cpu(unsigned hart)
{
    cpu_set_t allowed, one;
    unsigned nth;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0)
        return;
    nth = hart % (unsigned)CPU_COUNT(&allowed);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || nth-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof(one), &one);
        return;
    }
}

/* What the C library told the kernel about memory that is about to go. */
static void forget_library(void)
{
#ifdef RSEQ_SIG /* where it registers none, it does not name the signature either */
    if (__rseq_size != 0)
        syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, 1, RSEQ_SIG);
#endif
    syscall(SYS_set_robust_list, NULL, 24);
}

static void limit(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static _Noreturn void become_space(struct trap_vcpu *t, const struct trap_site *site,
                                   struct trap_config *c, int give, int parent)
{
    const struct trap_vm *tv = t->tv;
    struct trap_config *there = (struct trap_config *)(c->base + tv->head.config);
    void (*start)(void) = (void (*)(void))(c->base + tv->head.start);
    uint64_t filter_at = c->filter;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STEP_PARENT);
    place_stub(&tv->head, site);
    place_shared(t, c);
    place(filter_at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    c->nfilter = filter_space((struct sock_filter *)filter_at, c, &tv->head);
    memcpy(there, c, sizeof(*c));
    keep_fds(tv->vm->ram_fd, give);
    limit();
    choose_cpu(t->vcpu->priv.hartid);
    forget_library();
    if (c->area == 0)
        make_listener();
    close(GIVE_FD);
    start();
    _exit(STEP_PARENT);
}

/* Behind the stub: filter, pages, area, window. */
static struct trap_config config_of(const struct trap_vcpu *t, unsigned slot, enum priv mode,
                                    const struct trap_site *site)
{
    const struct trap_vm *tv = t->tv;
    const struct vm *vm = tv->vm;
    struct trap_config c = {
        .base = site->base,
        .end = site->end,
        .nsites = tv->nsites,
        .code_end = site->base + tv->head.data,
        .low = tv->low,
        .top = tv->top,
        .filter = site->area - 2 * PAGE_SIZE,
        .page = site->area - PAGE_SIZE,
        .ram = vm->mem.slots[0].gpa,
        .ram_size = vm->mem.slots[0].size,
        .timebase_hz = vm->timebase_hz,
        .mvendorid = vm->mvendorid,
        .marchid = vm->marchid,
        .mimpid = vm->mimpid,
        .isa = vm->isa,
        .nregions = vm->bus.count,
        .slot = slot,
        .ram_fd = RAM_FD,
        .counters = tv->counters,
    };

    if (mode == PRIV_U)
        return c;
    c.area = site->area;
    c.pages = site->area + TRAP_AREA_SIZE;
    c.window = site->window;
    for (unsigned i = 0; i < tv->nsites; i++) {
        c.site[i][0] = tv->site[i].base;
        c.site[i][1] = tv->site[i].end;
    }
    for (unsigned i = 0; i < vm->bus.count; i++) {
        c.region[i][0] = vm->bus.region[i]->base;
        c.region[i][1] = vm->bus.region[i]->size;
    }
    return c;
}

static int take_listener(int from)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    int fd = -1;
    ssize_t n;

    do
        n = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    const struct cmsghdr *header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

static void reset_slot(struct trap_vcpu *t, unsigned slot, const struct trap_want *want)
{
    struct trap_slot *shared = &t->area->slot[slot];

    memset((uint8_t *)t->area + TRAP_AREA_SIZE + slot * PAGE_SIZE, 0, sizeof(struct trap_page));
    t->area->tables[slot].count = 0;
    t->area->grant[slot].length = 0;
    t->area->revoke[slot].count = 0;
    *shared =
        (struct trap_slot){.mode = (uint32_t)want->mode, .satp = want->satp, .site = want->site};
    __atomic_store_n(&shared->state, SPACE_LIVE, __ATOMIC_RELEASE);
}

int space_create(struct trap_vcpu *t, unsigned slot, const struct trap_want *want)
{
    struct trap_space *space = &t->space[slot];
    const struct trap_site *site = &t->tv->site[want->site < t->tv->nsites ? want->site : 0];
    struct trap_config config = config_of(t, slot, want->mode, site);
    sigset_t all, old;
    int give[2], parent = getpid();

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, give) != 0)
        return ERR_IO;
    reset_slot(t, slot, want);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int pid = _Fork();
    if (pid == 0)
        become_space(t, site, &config, give[1], parent);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(give[1]);
    *space = (struct trap_space){.vcpu = t,
                                 .pid = pid > 0 ? pid : 0,
                                 .listener = -1,
                                 .serial = space->serial,
                                 .satp = want->satp,
                                 .mode = want->mode,
                                 .site = site};
    if (pid > 0 && want->mode == PRIV_U)
        space->listener = take_listener(give[0]);
    close(give[0]);
    t->created++;
    if (pid > 0 && (want->mode != PRIV_U || (space->listener >= 0 && notify_add(space) == 0)))
        return 0;
    int why = errno;
    space_destroy(t, slot);
    errno = why;
    return ERR_IO;
}

void space_destroy(struct trap_vcpu *t, unsigned slot)
{
    struct trap_space *space = &t->space[slot];

    t->area->slot[slot].state = SPACE_FREE;
    if (space->pid != 0) {
        kill(space->pid, SIGKILL);
        while (waitpid(space->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_lock(&t->tv->listening);
    if (space->listener >= 0)
        close(space->listener); /* leaves the notifier's set by itself */
    *space = (struct trap_space){.listener = -1, .serial = space->serial + 1};
    pthread_mutex_unlock(&t->tv->listening);
}

void space_destroy_all(struct trap_vcpu *t)
{
    for (unsigned i = 0; i < TRAP_SPACES; i++)
        space_destroy(t, i);
    t->area->to_monitor = 0;
}

bool space_is_dead(struct trap_vcpu *t, unsigned slot)
{
    struct trap_space *space = &t->space[slot];
    siginfo_t info = {.si_pid = 0};

    return space->pid == 0 ||
           waitid(P_PID, (id_t)space->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}
