/* SPDX-License-Identifier: MIT */
/*
 * The guest's console on standard input, read by the event loop. From a file or a pipe more is read
 * only when all before has found room in the guest's own ring; a terminal is always read, for the
 * keys of the command, and what a guest that takes nothing leaves no room for is lost.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/console.h"
#include "host/linux/host.h"

/* One byte from a terminal. False: it was not for the guest. The event loop looks at the wish to
 * end anyway. */
static bool for_guest(struct linux_host *host, uint8_t byte)
{
    enum key key = keys_filter(&host->input.keys, byte);

    host->ended_by_user |= key == KEY_END;
    return key == KEY_PASS;
}

bool input_wanted(const struct linux_host *host)
{
    const struct input *in = &host->input;

    return !in->eof && (in->tty || in->count == 0);
}

/* Under the VM lock, as input_room looks at the count from other threads. */
static void offer(struct linux_host *host)
{
    struct input *in = &host->input;
    size_t taken = console_push(&host->machine.vm.console, in->held, in->count);

    in->count -= taken;
    memmove(in->held, in->held + taken, in->count);
}

void input_feed(struct linux_host *host)
{
    if (host->input.count == 0)
        return;
    vm_lock(&host->machine.vm);
    offer(host);
    vm_unlock(&host->machine.vm);
}

/* Bytes are held only while the ring was full: half of it makes the wake-up worth its while. */
void input_room(struct vm *vm)
{
    if (host_of(vm)->input.count > 0 && vm->console.count <= CONSOLE_RING / 2)
        events_wake(host_of(vm));
}

static void hold(struct input *in, const uint8_t *bytes, size_t count)
{
    size_t room = sizeof(in->held) - in->count;

    count = count < room ? count : room;
    memcpy(in->held + in->count, bytes, count);
    in->count += count;
}

void input_readable(struct linux_host *host)
{
    struct input *in = &host->input;
    uint8_t bytes[1024];
    size_t count = 0;
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        in->eof = true;
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (!in->tty || for_guest(host, bytes[i]))
            bytes[count++] = bytes[i];
    }
    vm_lock(&host->machine.vm);
    hold(in, bytes, count);
    offer(host);
    vm_unlock(&host->machine.vm);
}
