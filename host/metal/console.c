/* SPDX-License-Identifier: MIT */
/* The board's serial port between the guest's console and the world, and the hypervisor's own
 * lines on it. */
#include <string.h>

#include "host/metal/fw.h"
#include "host/metal/metal.h"

#define RECORD_SEPARATOR "\036" /* begins a line of the hypervisor's own */

static void put(const char *data, size_t length)
{
    if (metal.uart_given) {
        fw_console(data, length);
        return;
    }
    for (size_t i = 0; i < length; i++)
        uart_put(&metal.board.uart, (uint8_t)data[i]);
}

void console_out(struct vm *vm, const uint8_t *data, size_t length)
{
    (void)vm;
    lock_take(&metal.console_lock);
    put((const char *)data, length);
    lock_release(&metal.console_lock);
}

void console_record(const char *text)
{
    lock_take(&metal.console_lock);
    put(RECORD_SEPARATOR, 1);
    put(text, strlen(text));
    put("\n", 1);
    lock_release(&metal.console_lock);
}

/* As much as the guest's ring has room for. Under the VM lock. When it is full the port's interrupt
 * is off until the guest has taken something: the line's flow control does the rest. */
static void take_input(struct guest *guest)
{
    struct console *console = &guest->machine.vm.console;
    int byte = 0;

    while (console->count < CONSOLE_RING && (byte = uart_get(&metal.board.uart)) >= 0) {
        uint8_t data = (uint8_t)byte;
        (void)console_push(console, &data, 1); /* there is room */
    }
    guest->input_full = console->count == CONSOLE_RING;
    uart_receive_irq(&metal.board.uart, !guest->input_full);
}

static void receive(void *arg)
{
    struct guest *guest = arg;

    vm_lock(&guest->machine.vm);
    take_input(guest);
    vm_unlock(&guest->machine.vm);
}

void console_input_room(struct vm *vm)
{
    struct guest *guest = guest_of(vm);

    if (guest->input_full) {
        guest->input_full = false;
        uart_receive_irq(&metal.board.uart, true);
    }
}

void console_start_input(struct guest *guest)
{
    if (metal.uart_given)
        return;
    if (irq_handle(metal.board.uart.irq, receive, guest) != 0) {
        message("the board's serial port has no interrupt: the guest gets no input");
        return;
    }
    uart_receive_irq(&metal.board.uart, true);
    console_record(""); /* whoever types may: what came before, firmware may have dropped */
}
