/* SPDX-License-Identifier: MIT */
/*
 * The remote-controlled guest: does what its console tells it, one letter a command, so that a test
 * of the command can bring a machine into any state.
 */
#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"
#include "guests/remote/remote.h"

#define END_OF_TEXT 4 /* Ctrl-D */

void guest_main(void);

/* Sends back what comes, to the end of the text. */
static void echo(void)
{
    for (uint8_t byte = console_get(); byte != END_OF_TEXT; byte = console_get())
        console_put(byte);
}

/* A line for each byte that comes. */
static void keys(void)
{
    uint8_t byte;

    do {
        byte = console_get();
        print("remote: key %x\n", byte);
    } while (byte != END_OF_TEXT);
}

static void flood(void)
{
    for (uint64_t n = 0;; n++)
        print("remote: line %lu of too many\n", n);
}

static void sleep(void)
{
    csr_write(sie, 0);
    for (;;)
        __asm__ volatile("wfi");
}

static void spin(void)
{
    for (;;)
        __asm__ volatile("");
}

/* User code, below 2^38 and not mapped, to which the trap vector always goes back: each round is
 * one fetch that faults and a few instructions of the vector. */
static void trap_for_ever(void)
{
    static uint64_t vector[3];

    vector[0] = 0x1020007314129073; /* csrw sepc, t0; sret */
    __asm__ volatile("fence.i");
    csr_clear(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
    csr_write(stvec, (uint64_t)vector);
    __asm__ volatile("li t0, 0x3000000000\n"
                     "csrw sepc, t0\n"
                     "sret");
}

static void illegal_for_ever(void)
{
    __asm__ volatile("la t0, 1f\n"
                     "csrw stvec, t0\n"
                     ".balign 4\n"
                     "1: .word 0"
                     :
                     :
                     : "t0", "memory");
}

static void reboot(uint64_t type)
{
    sbi_call(SBI_SRST, 0, type, 0, 0, 0);
    guest_fail();
}

static void obey(uint8_t command)
{
    switch (command) {
    case 'e':
        return echo();
    case 'k':
        return keys();
    case 'w':
        return disk_write();
    case 'r':
        return disk_read();
    case 'f':
        return disk_flush();
    case 'a':
        return disk_read_ahead();
    case 'g':
        return entropy_abuse();
    case 'l':
        return flood();
    case 's':
        return spin();
    case 'i':
        return sleep();
    case 't':
        return trap_for_ever();
    case 'u':
        return illegal_for_ever();
    case 'C':
        return reboot(1);
    case 'W':
        return reboot(2);
    case '!':
        guest_fail();
    case '.':
        sbi_shutdown();
    case ' ':
    case '\n':
        return;
    default:
        print("remote: no command %x\n", command);
    }
}

void guest_main(void)
{
    print("remote: ready\n");
    for (;;)
        obey(console_get());
}
