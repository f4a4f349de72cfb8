/* SPDX-License-Identifier: MIT */
/* A hart and what it is doing. */
#ifndef GUESTS_ULIX_HART_H
#define GUESTS_ULIX_HART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guests/ulix/addresses.h"

/* The integer registers of a user program; its pc lies in the place of x0, which needs none. */
struct frame {
    union {
        uint64_t x[32];
        uint64_t pc;
    };
};

/* What a C function may expect to find again after a call (the RISC-V psABI). */
struct context {
    uint64_t ra, sp, s[12];
};

/*
 * One page a hart, mapped in every address space (without U), because the trampoline needs a place
 * to put a register and to find the kernel's satp before it has left the user's space. sscratch
 * holds its high address while a user runs.
 */
struct hart {
    uint64_t scratch;     /* the user's a0 or t0 while the trampoline uses the register */
    uint64_t kernel_satp; /* read by the trampoline */
    uint64_t user_satp;
    struct frame *frame; /* of the process that runs here */
    uint64_t kernel_sp;
    void (*kernel_entry)(void);
    struct hart *self; /* by its address in the kernel's space */

    uint64_t id;                  /* SBI's number of this hart; ours is its index */
    struct process *process;      /* that runs here, or NULL */
    struct context scheduler;     /* the loop that picks the next one */
    _Alignas(16) uint8_t stack[]; /* of that loop, up to the end of the page */
};

_Static_assert(offsetof(struct hart, scratch) == HART_SCRATCH, "trampoline.S");
_Static_assert(offsetof(struct hart, kernel_satp) == HART_KERNEL_SATP, "trampoline.S");
_Static_assert(offsetof(struct hart, user_satp) == HART_USER_SATP, "trampoline.S");
_Static_assert(offsetof(struct hart, frame) == HART_FRAME, "trampoline.S");
_Static_assert(offsetof(struct hart, kernel_sp) == HART_KERNEL_SP, "trampoline.S");
_Static_assert(offsetof(struct hart, kernel_entry) == HART_KERNEL_ENTRY, "trampoline.S");
_Static_assert(offsetof(struct hart, self) == HART_SELF, "trampoline.S");

/* This hart. tp points at it whenever the kernel runs; C leaves tp alone here. */
static inline struct hart *this_hart(void)
{
    struct hart *hart;

    __asm__ volatile("mv %0, tp" : "=r"(hart));
    return hart;
}

static inline struct process *this_process(void)
{
    return this_hart()->process;
}

uint64_t hart_count(void);
struct hart *hart_at(uint64_t index);
uint64_t hart_index(const struct hart *hart);

/* The kernel's loop of this hart, once paging is on. */
_Noreturn void scheduler_run(void);

#endif
