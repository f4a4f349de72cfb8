/* SPDX-License-Identifier: MIT */
/* The host contract, as far as core's SBI uses it, and how the board ends. */
#include "core/console.h"
#include "core/dev/power.h"
#include "core/trap.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"
#include "host/metal/board/mmio.h"

void spin_lock(_Atomic uint32_t *lock)
{
    while (atomic_exchange_explicit(lock, 1, memory_order_acquire) != 0) {
        struct hart *hart = this_hart();

        if (hart != NULL)
            fences_serve(hart);
    }
}

void spin_unlock(_Atomic uint32_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

static uint64_t time_now(struct vm *vm)
{
    (void)vm;
    return this_hart()->has_time ? csr_read(time) : mmio_read64(firmware.board.mtime);
}

/* Without Sstc the CLINT's timer interrupts M-mode, which then makes STIP pending. */
static void vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    struct hart *hart = hart_of(vcpu);

    if (LIKELY(hart->has_sstc)) {
        csr_write(stimecmp, deadline);
        return;
    }
    mmio_write64(hart->board->mtimecmp, deadline);
    if (deadline == UINT64_MAX)
        csr_clear(mie, MIP_MTIP);
    else
        csr_set(mie, MIP_MTIP);
}

void timer_fire(struct hart *hart)
{
    vcpu_update_timer(&hart->vcpu);
    csr_clear(mie, MIP_MTIP);
}

static void kick(struct vcpu *vcpu)
{
    if (hart_of(vcpu) != this_hart())
        ipi_raise(hart_of(vcpu));
}

static void lock(struct vm *vm)
{
    (void)vm;
    spin_lock(&firmware.vm_lock);
}

static void unlock(struct vm *vm)
{
    (void)vm;
    spin_unlock(&firmware.vm_lock);
}

static void console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    (void)vm;
    console_out(data, length);
}

static void log_message(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                        const char *subsystem, const char *format, va_list args)
{
    (void)vm;
    (void)vcpu;
    if (level <= LOG_WARN)
        say_args(subsystem, format, args);
}

const struct host_ops firmware_host = {
    .time = time_now,
    .vcpu_timer = vcpu_timer,
    .kick = kick,
    .lock = lock,
    .unlock = unlock,
    .console_write = console_write,
    .log = log_message,
};

/* Takes what the serial port has received, as much as the ring holds. */
void console_poll(void)
{
    int byte;

    spin_lock(&firmware.vm_lock);
    while (firmware.vm.console.count < CONSOLE_RING &&
           (byte = uart_get(&firmware.board.uart)) >= 0) {
        uint8_t data = (uint8_t)byte;

        (void)console_push(&firmware.vm.console, &data, 1);
    }
    spin_unlock(&firmware.vm_lock);
}

static uint32_t power_command(void)
{
    switch (atomic_load(&firmware.vm.stop)) {
    case VM_RESET_COLD:
    case VM_RESET_WARM:
        return POWER_RESET;
    case VM_FAILED:
        return POWER_FAIL | firmware.vm.stop_code << 16;
    default:
        return POWER_OFF;
    }
}

void board_end(void)
{
    if (firmware.board.power.size != 0)
        mmio_write32(firmware.board.power.base, power_command());
    else
        say("the board has no power device: halted");
    hart_halt();
}
