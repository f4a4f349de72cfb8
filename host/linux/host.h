/* SPDX-License-Identifier: MIT */
/* The Linux host's own state: one struct for the process, one per vCPU thread, one per disk. */
#ifndef HOST_LINUX_HOST_H
#define HOST_LINUX_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/machine.h"
#include "host/linux/keys.h"
#include "host/linux/run.h"

#define DISK_QUEUE (VIRTIO_BLK_INFLIGHT)

struct linux_host;

struct vcpu_thread {
    struct linux_host *host;
    struct vcpu *vcpu;
    pthread_t thread;
    _Atomic uint32_t wake;    /* futex: changes with every kick */
    _Atomic uint32_t waiting; /* the owner sleeps on it, or is about to */
    int error;                /* why the thread cannot run its vCPU */
};

struct disk {
    struct linux_host *host;
    const char *path;
    int fd;
    bool read_only, dirty;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool started, stopping, busy; /* busy: with a request that is no longer in the queue */
    unsigned head, count;
    struct blk_request *queue[DISK_QUEUE];
};

/* Console output on its way out: a ring that a thread of its own empties. */
struct output {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change; /* bytes came, room came, or stopping */
    uint8_t *ring;
    size_t size, head;
    _Atomic size_t count; /* changes under the lock */
    bool running, stopping, failed;
};

struct input {
    uint8_t held[65536]; /* read but not yet taken by the guest's ring */
    size_t count;
    bool eof, tty;
    struct keys keys;
};

/* Work that a device put off (host_ops.defer). Each device has one piece at a time. */
struct deferred {
    void (*work)(void *arg);
    void *arg;
};

struct deterministic;

struct linux_host {
    struct machine machine;
    const struct run_options *options;
    pthread_mutex_t lock; /* the VM lock */
    bool confined;        /* threads give up system calls: confine.c */
    bool host_time;       /* guest time is the hart's own `time`: the engine cannot offset it */
    uint64_t start_ns;    /* host clock at guest time 0 */
    uint64_t end_ns;      /* ... at which --timeout passes; UINT64_MAX: never */
    int wake_fd;          /* eventfd: wakes the event loop */
    struct vcpu_thread thread[VM_MAX_VCPUS];
    unsigned nthreads;        /* of these, that exist */
    _Atomic uint32_t round;   /* futex: boots that the threads were sent into; UINT32_MAX: end */
    _Atomic uint32_t resting; /* futex: threads that wait for the next */
    struct disk disk[MACHINE_MAX_DISKS];
    unsigned ndisks;
    struct output output;
    struct input input;
    uint64_t device_deadline[VM_MAX_DEVICES]; /* guest time; under the VM lock */
    struct deferred deferred[VM_MAX_DEVICES];
    unsigned ndeferred; /* under the VM lock */
    bool ended_by_user, timed_out;
    struct deterministic *det; /* NULL: threads */
};

static inline struct linux_host *host_of(struct vm *vm)
{
    return vm->host_data;
}

/* log.c */
void log_set_level(enum log_level level);
void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level, const char *subsystem,
              const char *format, va_list args);
/* A message for a person: "trapeze: ..." */
void message(const char *format, ...) PRINTF_LIKE(1, 2);

/* clock.c */
uint64_t clock_ns(void);
uint64_t clock_guest_time(struct vm *vm);
uint64_t clock_wall_ns(struct vm *vm);
/* Host nanoseconds from now until guest time `deadline`; 0 when it has passed. */
uint64_t clock_until(struct vm *vm, uint64_t deadline);

/* files.c: a whole file in memory; gzip undone. `remedy` is for one that is larger than `limit`.
 * NULL: a message was printed. */
uint8_t *file_read(const char *path, const char *what, size_t limit, const char *remedy,
                   size_t *size) MUST_CHECK;
/* For a process that can open no file any more: a descriptor of a regular file, or -1; and its
 * first `size` bytes by that. */
int file_keep(const char *path);
uint8_t *file_read_again(int fd, const char *path, const char *what, size_t size);
uint8_t *file_gunzip(const char *path, uint8_t *data, size_t *size, size_t limit) MUST_CHECK;
/* ERR_IO: a message was printed. */
int file_write(const char *path, const void *data, size_t size) MUST_CHECK;

/* terminal.c: raw mode while the guest runs; restored on every way out. */
bool terminal_raw(void);
void terminal_restore(void);
/* How a message's line ends at the moment. */
const char *terminal_newline(void);

/* output.c */
int output_start(struct linux_host *host) MUST_CHECK;
/* host_ops.console_write: never waits. */
void output_write(struct vm *vm, const uint8_t *data, size_t length);
/* Is so much waiting for the reader that the vCPUs should wait too? */
bool output_is_full(struct linux_host *host);
/* Waits until it is no longer, or the VM stops; the latter needs output_release. */
void output_wait(struct linux_host *host);
void output_release(struct linux_host *host);
/* Waits until the reader has taken what is left and ends the thread; once somebody wants the end,
 * not for long. */
void output_stop(struct linux_host *host);

/* input.c: for the event loop only, but input_room, which is host_ops.console_room. */
bool input_wanted(const struct linux_host *host);
/* Standard input is readable: takes bytes, acts on Ctrl-A. */
void input_readable(struct linux_host *host);
/* Offers held bytes to the guest. */
void input_feed(struct linux_host *host);
void input_room(struct vm *vm);

/* events.c: the event loop; returns when the VM stops. */
int events_prepare(struct linux_host *host) MUST_CHECK;
void events_finish(struct linux_host *host);
void events_loop(struct linux_host *host);
void events_wake(struct linux_host *host);
void events_device_timer(struct vm *vm, unsigned id, uint64_t deadline);
void events_defer(struct vm *vm, void (*work)(void *arg), void *arg);
/* Carries out what was put off until now. */
void events_run_deferred(struct linux_host *host);
/* One look at input, signals and --timeout, waiting at most wait_ns. */
void events_poll(struct linux_host *host, uint64_t wait_ns);
/* The same while the guest waits for the reader of its output: input only from a terminal. */
void events_stall(struct linux_host *host);
/* Did the keyboard, a signal or --timeout ask for the end? */
bool events_end_wanted(struct linux_host *host);
/* Fires device alarms that are due; returns nanoseconds to the next, or UINT64_MAX. */
uint64_t events_run_timers(struct linux_host *host);

/* confine.c: what is left of the system to the threads of an engine that asks for it. */
enum confined_as { CONFINED_VCPU, CONFINED_MONITOR };
/* Before any thread is made. Where there are no filters a message says so. */
void confine_prepare(struct linux_host *host);
/* The calling thread, for good. Ends the process, with a message, when it cannot. */
void confine(const struct linux_host *host, enum confined_as what);

/* vcpus.c: a thread per vCPU, from the start to the end of a run; it rests between boots. */
int vcpus_create(struct linux_host *host) MUST_CHECK;
/* They run their vCPUs until the VM stops. */
void vcpus_go(struct linux_host *host);
/* Waits until all of them rest. */
void vcpus_rest(struct linux_host *host);
void vcpus_end(struct linux_host *host);
void vcpus_kick(struct vcpu *vcpu);
/* Says why the vCPU is parked, and stops the VM. */
void vcpus_park(struct vcpu *vcpu);

/* disk.c */
int disk_open(struct linux_host *host, const struct run_disk *option,
              struct blk_info *info) MUST_CHECK;
/* Opens, locks and looks at an image that somebody else is going to serve; the descriptor, or an
 * error: a message was printed. */
int disk_claim(const struct run_disk *option, uint64_t *size) MUST_CHECK;
int disk_submit(struct vm *vm, unsigned disk, struct blk_request *request);
/* Carries one request out on the calling thread. */
int disk_perform(struct disk *disk, const struct blk_request *request);
int disk_start(struct disk *disk) MUST_CHECK;
/* Waits until no disk has a request left. */
void disk_drain_all(struct linux_host *host);
/* Finishes what is queued, flushes, closes. */
int disk_close_all(struct linux_host *host) MUST_CHECK;

/* deterministic.c: everything on one thread. */
int deterministic_create(struct linux_host *host) MUST_CHECK;
void deterministic_destroy(struct linux_host *host);
void deterministic_loop(struct linux_host *host);
/* Carries out every disk request that waits for its time. */
void deterministic_drain(struct linux_host *host);
void deterministic_stats(struct linux_host *host,
                         void (*line)(void *ctx, const char *name, uint64_t value), void *ctx);
extern const struct host_ops deterministic_ops;

/* stats.c */
void stats_print(struct linux_host *host);

#endif
