/* SPDX-License-Identifier: MIT */
/*
 * The machine kernel: what its files share. Whoever runs below it is a VM to core's SBI: a vCPU per
 * hart, whose registers are the hart's own, and RAM without the firmware's.
 */
#ifndef FIRMWARE_FIRMWARE_H
#define FIRMWARE_FIRMWARE_H

#include "core/vm.h"
#include "host/metal/board/board.h"
#include "host/metal/board/panic.h"

#define HART_STACK_SIZE KIB(8)

/* A remote fence under way. Its hart makes one at a time and waits for it. */
struct fence {
    struct flush_range range;
    bool code;                /* fence.i rather than sfence.vma */
    _Atomic uint64_t waiting; /* harts that have not carried it out yet */
};

struct hart {
    /* These come first, in reach of the immediate offsets of trap entry. */
    uint64_t stack_top; /* empty whenever the hart is below M-mode */
    struct vcpu vcpu;
    const struct board_hart *board;
    struct fence fence;
    _Atomic uint64_t fence_from; /* bit n: hart n has a fence for this one */
    bool has_time, has_sstc, has_h, has_pmp;
    _Alignas(16) uint8_t stack[HART_STACK_SIZE];
};

struct firmware {
    struct board board;
    struct vm vm;
    struct board_range own; /* image and harts */
    void *fdt;              /* handed on */
    hpa_t next;             /* the payload's entry */
    _Atomic uint32_t vm_lock, uart_lock, legacy_lock;
};

/* Everything hangs off this one. */
extern struct firmware firmware;

/* The hart that executes this: tp, in all of the firmware's C. */
static inline struct hart *this_hart(void)
{
    struct hart *hart;

    __asm__("mv %0, tp" : "=r"(hart));
    return hart;
}

static inline struct hart *hart_of(struct vcpu *vcpu)
{
    return CONTAINER_OF(vcpu, struct hart, vcpu);
}

/* A spin lock; whoever waits for one carries out other harts' fences meanwhile, since they may hold
 * it. */
void spin_lock(_Atomic uint32_t *lock);
void spin_unlock(_Atomic uint32_t *lock);

/* entry.S: the hart leaves for where its vCPU stands, with the vCPU's registers and an empty stack.
 */
_Noreturn void hart_enter(struct hart *hart);

/* boot.c: on the hart that came first. Returns the hart's own struct, or NULL when nothing can run
 * on this hart. */
struct hart *firmware_boot(uint64_t hartid, void *fdt, const void *info);

/* hart.c: every hart, on its own stack. */
_Noreturn void hart_main(struct hart *hart);
/* Waits until HSM lets the hart execute. True when it starts anew and hart_enter has to follow. */
bool hart_wait(struct hart *hart) MUST_CHECK;
/* Nothing runs on this hart from here on. */
_Noreturn void hart_halt(void);

/* csrs.c: the CSRs of a hart that stay the same from boot on. */
void hart_setup(struct hart *hart);

/* pmp.c: closes the firmware's memory and the machine-level devices. False: the hart has no PMP. */
bool pmp_setup(void) MUST_CHECK;

/* tree.c: the tree as the payload gets it. NULL when it cannot be changed. */
void *tree_hand_on(void *fdt) MUST_CHECK;

/* ipi.c: interrupts between harts, remote fences. */
void ipi_raise(struct hart *hart);
void ipi_receive(struct hart *hart);
void fences_serve(struct hart *hart);
extern const struct engine_ops firmware_engine;

/* host.c: what core asks of the firmware; the timer; the end. */
extern const struct host_ops firmware_host;
void timer_fire(struct hart *hart);
void console_poll(void);
_Noreturn void board_end(void);

/* console.c: one line on the console, marked as ours. */
void say(const char *format, ...) PRINTF_LIKE(1, 2);
void say_args(const char *prefix, const char *format, va_list args);
void console_out(const uint8_t *data, size_t length);

/* redirect.c: the trap that the hart is in goes to S-mode (to VS-mode where hedeleg says so), as
 * the hart would have delivered it. */
struct machine_trap {
    uint64_t cause, tval, tval2, tinst;
    bool gva; /* tval is a guest-virtual address */
};
void redirect(struct hart *hart, const struct machine_trap *trap);

/* emulate.c: false when it is not for the firmware to emulate. Faults on the way are redirected. */
bool emulate_illegal(struct hart *hart) MUST_CHECK;
bool emulate_misaligned(struct hart *hart, uint64_t address) MUST_CHECK;

/* dump.c: all that is known about a trap. */
void dump_trap(struct hart *hart, const char *why);

#endif
