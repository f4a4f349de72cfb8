/* SPDX-License-Identifier: MIT */
/*
 * A kernel in the habits of those that are written for teaching: it knows the board's addresses by
 * heart, calls legacy SBI only, and leaves out what the emulators that it grew up on do without.
 */
#include "guests/habits/habits.h"
#include "guests/lib/csr.h"

#define SBI_LEGACY_SHUTDOWN 8

void guest_main(void);

static void check_interrupt_output(void)
{
    uart_interrupts();
    csr_set(sie, SIE_SEIE);
    csr_set(sstatus, SSTATUS_SIE);
    uart_text("habits: more than the ring of the driver holds, sent by interrupts\n");
    uart_drain();
}

void guest_main(void)
{
    csr_write(stvec, (uint64_t)kernel_table | 1);
    uart_init();
    uart_text("habits: polling\n");
    disk_check();
    check_interrupt_output();
    disk_check_interrupts();
    users_check();
    uart_text("habits: all is well\n");
    uart_drain();
    __asm__ volatile("li a7, %0\necall" : : "i"(SBI_LEGACY_SHUTDOWN) : "a0", "a7", "memory");
    power_fail();
}
