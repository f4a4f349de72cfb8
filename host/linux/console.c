/* SPDX-License-Identifier: MIT */
/*
 * The guest's console on standard input and output. Output goes through a ring that a thread
 * empties, so that a slow reader costs the guest nothing until the ring is full. Input is read by
 * the event loop, and only when the guest's own ring has room for it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/console.h"
#include "host/linux/host.h"

/* Writes everything, whatever kind of descriptor it is. False: the reader is gone. */
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

static void *output_thread(void *arg)
{
    struct output *o = &((struct linux_host *)arg)->output;
    uint8_t chunk[4096];

    pthread_mutex_lock(&o->lock);
    for (;;) {
        while (o->count == 0 && !o->stopping)
            pthread_cond_wait(&o->change, &o->lock);
        if (o->count == 0)
            break;
        size_t n = o->count < sizeof(chunk) ? o->count : sizeof(chunk);
        if (n > OUTPUT_RING - o->head)
            n = OUTPUT_RING - o->head;
        memcpy(chunk, o->ring + o->head, n);
        pthread_mutex_unlock(&o->lock);
        bool ok = write_all(chunk, n);
        pthread_mutex_lock(&o->lock);
        o->head = (o->head + n) % OUTPUT_RING;
        o->count -= n;
        if (!ok) {
            o->failed = true;
            o->count = 0;
        }
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
    o->running = true;
    if (pthread_create(&o->thread, NULL, output_thread, host) != 0) {
        o->running = false;
        message("cannot start a thread: %s", strerror(errno));
        return ERR_NO_MEMORY;
    }
    return 0;
}

void output_write(struct vm *vm, const uint8_t *data, size_t length)
{
    struct output *o = &host_of(vm)->output;

    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < length; i++) {
        while (o->count == OUTPUT_RING && !o->stopping && !o->failed)
            pthread_cond_wait(&o->change, &o->lock);
        if (o->count == OUTPUT_RING || o->failed)
            break; /* nobody reads: what the guest says is lost, the guest goes on */
        o->ring[(o->head + o->count++) % OUTPUT_RING] = data[i];
    }
    pthread_cond_broadcast(&o->change);
    pthread_mutex_unlock(&o->lock);
}

void output_stop(struct linux_host *host, unsigned patience_ms)
{
    struct output *o = &host->output;
    struct timespec until;
    bool done;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += patience_ms / 1000;
    pthread_mutex_lock(&o->lock);
    o->stopping = true;
    pthread_cond_broadcast(&o->change);
    while (o->running) {
        if (pthread_cond_timedwait(&o->change, &o->lock, &until) == ETIMEDOUT)
            break;
    }
    done = !o->running;
    pthread_mutex_unlock(&o->lock);
    if (done)
        pthread_join(o->thread, NULL);
    else
        pthread_detach(o->thread); /* stuck in write; it ends with the process */
}

/* One byte from a terminal. False: it was not for the guest. */
static bool for_guest(struct linux_host *host, uint8_t byte)
{
    switch (keys_filter(&host->input.keys, byte)) {
    case KEY_PASS:
        return true;
    case KEY_END:
        host->ended_by_user = true;
        vm_request_stop(&host->machine.vm, VM_HOST, 0);
        return false;
    default:
        return false;
    }
}

bool input_wanted(const struct linux_host *host)
{
    return !host->input.eof && host->input.count == 0;
}

void input_feed(struct linux_host *host)
{
    struct input *in = &host->input;

    if (in->count == 0)
        return;
    vm_lock(&host->machine.vm);
    size_t taken = console_push(&host->machine.vm.console, in->held + in->head, in->count);
    vm_unlock(&host->machine.vm);
    in->head += taken;
    in->count -= taken;
}

void input_readable(struct linux_host *host)
{
    struct input *in = &host->input;
    uint8_t bytes[sizeof(in->held)];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        in->eof = true;
        return;
    }
    in->head = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (!in->tty || for_guest(host, bytes[i]))
            in->held[in->count++] = bytes[i];
    }
    input_feed(host);
}
