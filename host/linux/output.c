/* SPDX-License-Identifier: MIT */
/*
 * The guest's console on standard output: a ring that a thread of its own empties, so that a slow
 * reader costs the guest nothing until much is waiting. Then the vCPUs wait, between two exits and
 * without a lock, so that whatever ends the guest still does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/console.h"
#include "host/linux/host.h"

#define MUCH       KIB(64)              /* waiting: the vCPUs wait too */
#define GATHER_NS  2000000              /* what comes so soon after a first byte goes with it */
#define LOOK_NS    100000000            /* how often somebody who waits looks up */
#define GIVE_UP_NS UINT64_C(1000000000) /* for a reader who takes nothing any more */

/* Writes everything, whatever kind of descriptor it is. False: errno says why not. */
static bool write_all(const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, data, length);
        if (n > 0) {
            data += n;
            length -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Writes a chunk without the lock. What cannot be written is lost, and the guest goes on. */
static void write_chunk(struct output *o)
{
    uint8_t chunk[4096];
    size_t count = atomic_load(&o->count);
    size_t n = count < sizeof(chunk) ? count : sizeof(chunk);

    if (n > o->size - o->head)
        n = o->size - o->head;
    memcpy(chunk, o->ring + o->head, n);
    pthread_mutex_unlock(&o->lock);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    bool ok = write_all(chunk, n);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (!ok)
        message("standard output: %s: what the guest prints from here on is lost", strerror(errno));
    pthread_mutex_lock(&o->lock);
    o->head = (o->head + n) % o->size;
    atomic_fetch_sub(&o->count, n);
    if (!ok) {
        o->failed = true;
        atomic_store(&o->count, 0);
    }
}

/* A guest that writes byte by byte wakes this thread for the first one only. */
static void wait_for_output(struct output *o)
{
    const struct timespec gather = {.tv_nsec = GATHER_NS};

    while (atomic_load(&o->count) == 0 && !o->stopping)
        pthread_cond_wait(&o->change, &o->lock);
    if (o->stopping)
        return;
    pthread_mutex_unlock(&o->lock);
    nanosleep(&gather, NULL);
    pthread_mutex_lock(&o->lock);
}

static void *output_thread(void *arg)
{
    struct output *o = &((struct linux_host *)arg)->output;

    confine(arg, CONFINED_MONITOR);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_mutex_lock(&o->lock);
    for (;;) {
        if (atomic_load(&o->count) == 0)
            wait_for_output(o);
        if (atomic_load(&o->count) == 0)
            break;
        write_chunk(o);
        pthread_cond_broadcast(&o->change);
    }
    o->running = false;
    pthread_cond_broadcast(&o->change);
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

int output_start(struct linux_host *host)
{
    struct output *o = &host->output;

    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->change, NULL);
    /* Every vCPU may be about to write as much as one call takes when much becomes too much. */
    o->size = MUCH + host->machine.vm.nvcpus * (size_t)CONSOLE_WRITE_MOST;
    o->ring = malloc(o->size);
    o->running = true;
    int error = o->ring != NULL ? pthread_create(&o->thread, NULL, output_thread, host) : ENOMEM;
    if (error == 0)
        return 0;
    message("cannot start a thread for the console: %s: raise ulimit -u", strerror(error));
    free(o->ring);
    return ERR_NO_MEMORY;
}

void output_write(struct vm *vm, const uint8_t *data, size_t length)
{
    struct output *o = &host_of(vm)->output;

    pthread_mutex_lock(&o->lock);
    size_t count = atomic_load(&o->count);
    for (size_t i = 0; i < length && count < o->size && !o->failed; i++)
        o->ring[(o->head + count++) % o->size] = data[i];
    atomic_store(&o->count, count);
    pthread_cond_broadcast(&o->change);
    pthread_mutex_unlock(&o->lock);
}

bool output_is_full(struct linux_host *host)
{
    return atomic_load(&host->output.count) > MUCH;
}

void output_wait(struct linux_host *host)
{
    struct output *o = &host->output;

    pthread_mutex_lock(&o->lock);
    while (output_is_full(host) && atomic_load(&host->machine.vm.stop) == VM_RUNNING)
        pthread_cond_wait(&o->change, &o->lock);
    pthread_mutex_unlock(&o->lock);
}

void output_release(struct linux_host *host)
{
    pthread_mutex_lock(&host->output.lock);
    pthread_cond_broadcast(&host->output.change);
    pthread_mutex_unlock(&host->output.lock);
}

static void wait_a_little(struct output *o)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&o->change, &o->lock, &until);
}

void output_stop(struct linux_host *host)
{
    struct output *o = &host->output;
    uint64_t give_up = UINT64_MAX;

    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_broadcast(&o->change);
    while (o->running && clock_ns() < give_up) {
        wait_a_little(o);
        if (give_up == UINT64_MAX && events_end_wanted(host))
            give_up = clock_ns() + GIVE_UP_NS;
    }
    if (o->running)
        pthread_cancel(o->thread); /* it sits in write, which is a point to leave from */
    pthread_mutex_unlock(&o->lock);
    pthread_join(o->thread, NULL);
    free(o->ring);
}
