/* SPDX-License-Identifier: MIT */
/*
 * The guest's console on standard input. The event loop reads it, and only when all that was read
 * before has found room in the guest's own ring.
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
    return !host->input.eof && host->input.count == 0;
}

/* Under the VM lock, as console_room looks at the count from other threads. */
static void offer(struct linux_host *host)
{
    struct input *in = &host->input;
    size_t taken = console_push(&host->machine.vm.console, in->held + in->head, in->count);

    in->head += taken;
    in->count -= taken;
}

void input_feed(struct linux_host *host)
{
    if (host->input.count == 0)
        return;
    vm_lock(&host->machine.vm);
    offer(host);
    vm_unlock(&host->machine.vm);
}

void input_room(struct vm *vm)
{
    if (host_of(vm)->input.count > 0)
        events_wake(host_of(vm));
}

void input_readable(struct linux_host *host)
{
    struct input *in = &host->input;
    uint8_t bytes[sizeof(in->held)];
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
    memcpy(in->held, bytes, count);
    in->head = 0;
    in->count = count;
    offer(host);
    vm_unlock(&host->machine.vm);
}
