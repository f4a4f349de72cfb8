/* SPDX-License-Identifier: MIT */
/* The parts of a kernel that knows its board by heart. */
#ifndef GUESTS_HABITS_HABITS_H
#define GUESTS_HABITS_HABITS_H

#include <stdbool.h>
#include <stdint.h>

/* The board, from its manual: no device tree is read. */
#define POWER           0x100000UL
#define PLIC            0x0c000000UL
#define UART            0x10000000UL
#define VIRTIO          0x10001000UL
#define UART_IRQ        10U
#define VIRTIO_IRQ      1U
#define PLIC_SENABLE    (PLIC + 0x2080)   /* hart 0, S-mode */
#define PLIC_STHRESHOLD (PLIC + 0x201000) /* hart 0, S-mode */
#define PLIC_SCLAIM     (PLIC + 0x201004)

static inline volatile uint8_t *reg8(uint64_t address)
{
    return (volatile uint8_t *)address;
}

static inline volatile uint32_t *reg32(uint64_t address)
{
    return (volatile uint32_t *)address;
}

/* Ends the machine through the power device. */
_Noreturn void power_fail(void);

/* uart.c: by polling until uart_interrupts, then through a buffer that interrupts empty. */
void uart_init(void);
void uart_interrupts(void);
void uart_handle(void);
void uart_drain(void);
void uart_text(const char *text);
#define expect(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            uart_text("habits: FAIL " #condition "\n");                                            \
            uart_drain();                                                                          \
            power_fail();                                                                          \
        }                                                                                          \
    } while (0)

/* disk.c: either transport, by polling; then, if there is a disk, by interrupts. */
void disk_check(void);
void disk_check_interrupts(void);
void disk_handle(void);

/* user.c: programs in U-mode. */
void users_check(void);

/* trap.S. The frame's layout is known there. */
struct frame {
    uint64_t x[32];
    uint64_t sepc, kernel_sp;
};

/* Runs the program from its frame until it traps; the cause is in scause. */
void enter_user(struct frame *frame);
extern char kernel_table[];
void kernel_interrupt(void);

#endif
