/* SPDX-License-Identifier: MIT */
/*
 * The event loop, on the main thread: standard input, signals, --timeout and the devices' alarms.
 * vCPUs, disks and output have threads of their own and wake it through an eventfd.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/linux/host.h"

#define POLL_MAX_NS UINT64_C(3600000000000)
#define STALL_NS    UINT64_C(10000000)

/* Signals only set this and wake the loop: nothing else is safe in a handler. */
static volatile sig_atomic_t signal_seen;
static int signal_wake_fd = -1;

static void wake(int fd)
{
    uint64_t one = 1;

    (void)!write(fd, &one, sizeof(one));
}

static void on_signal(int number)
{
    int saved = errno;

    signal_seen = number;
    wake(signal_wake_fd);
    errno = saved;
}

void events_wake(struct linux_host *host)
{
    wake(host->wake_fd);
}

/* SIGHUP stays ignored where it was (nohup). A write that a reader or a limit refuses (SIGPIPE,
 * SIGXFSZ) shall fail, not kill. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, old;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (signals[i] != SIGHUP || sigaction(SIGHUP, NULL, &old) != 0 || old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int events_prepare(struct linux_host *host)
{
    host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (host->wake_fd < 0) {
        message("cannot make an eventfd: %s: raise ulimit -n", strerror(errno));
        return ERR_IO;
    }
    for (unsigned i = 0; i < VM_MAX_DEVICES; i++)
        host->device_deadline[i] = UINT64_MAX;
    signal_seen = 0;
    signal_wake_fd = host->wake_fd;
    catch_signals();
    return 0;
}

void events_finish(struct linux_host *host)
{
    signal_wake_fd = -1;
    if (host->wake_fd > 0)
        close(host->wake_fd);
}

void events_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    struct linux_host *host = host_of(vm);

    host->device_deadline[id] = deadline;
    events_wake(host);
}

/* Called by devices, hence under the VM lock. */
void events_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    struct linux_host *host = host_of(vm);

    if (host->ndeferred < VM_MAX_DEVICES)
        host->deferred[host->ndeferred++] = (struct deferred){work, arg};
    events_wake(host);
}

void events_run_deferred(struct linux_host *host)
{
    struct vm *vm = &host->machine.vm;
    struct deferred todo[VM_MAX_DEVICES];
    unsigned count;

    vm_lock(vm);
    count = host->ndeferred;
    memcpy(todo, host->deferred, count * sizeof(todo[0]));
    host->ndeferred = 0;
    vm_unlock(vm);
    for (unsigned i = 0; i < count; i++)
        todo[i].work(todo[i].arg);
}

uint64_t events_run_timers(struct linux_host *host)
{
    struct vm *vm = &host->machine.vm;
    uint64_t next = UINT64_MAX;

    vm_lock(vm);
    uint64_t now = vm_time(vm);
    for (unsigned id = 0; id < vm->ndevices; id++) {
        if (host->device_deadline[id] == UINT64_MAX)
            continue;
        if (host->device_deadline[id] <= now) {
            host->device_deadline[id] = UINT64_MAX;
            vm_device_timer(vm, id);
        }
    }
    for (unsigned id = 0; id < vm->ndevices; id++) {
        if (host->device_deadline[id] == UINT64_MAX)
            continue;
        uint64_t wait = clock_until(vm, host->device_deadline[id]);
        next = wait < next ? wait : next;
    }
    vm_unlock(vm);
    return next;
}

bool events_end_wanted(struct linux_host *host)
{
    host->ended_by_user |= signal_seen != 0;
    host->timed_out |= clock_ns() >= host->end_ns;
    return host->ended_by_user || host->timed_out;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Also before waiting: a wish that fell into a reset of the guest still holds after it. */
static bool stop_if_wanted(struct linux_host *host)
{
    bool wanted = events_end_wanted(host);

    if (wanted)
        vm_request_stop(&host->machine.vm, VM_HOST, 0);
    return wanted;
}

/* Waits for a wake-up, a signal or, if wanted, input; stops the VM when somebody wants that. */
static void look(struct linux_host *host, uint64_t wait_ns, bool input)
{
    uint64_t now = clock_ns();
    struct pollfd fds[2] = {
        {.fd = host->wake_fd, .events = POLLIN},
        {.fd = input ? STDIN_FILENO : -1, .events = POLLIN},
    };

    wait_ns = smaller(wait_ns, POLL_MAX_NS);
    wait_ns = smaller(wait_ns, host->end_ns > now ? host->end_ns - now : 0);
    if (stop_if_wanted(host) || atomic_load(&host->machine.vm.stop) != VM_RUNNING)
        return;
    int ready = poll(fds, 2, wait_ns == 0 ? 0 : (int)(wait_ns / 1000000 + 1));
    if (ready > 0 && fds[0].revents != 0) {
        uint64_t drained;
        (void)!read(host->wake_fd, &drained, sizeof(drained));
    }
    if (ready > 0 && fds[1].revents != 0)
        input_readable(host);
    (void)stop_if_wanted(host);
}

void events_poll(struct linux_host *host, uint64_t wait_ns)
{
    input_feed(host);
    look(host, wait_ns, input_wanted(host));
}

void events_stall(struct linux_host *host)
{
    look(host, STALL_NS, host->input.tty && input_wanted(host));
}

void events_loop(struct linux_host *host)
{
    while (atomic_load(&host->machine.vm.stop) == VM_RUNNING) {
        events_run_deferred(host);
        events_poll(host, events_run_timers(host));
    }
    output_release(host);
}
