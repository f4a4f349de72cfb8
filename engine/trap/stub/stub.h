/* SPDX-License-Identifier: MIT */
/*
 * The stub: what a space runs beside guest code. Freestanding and position-independent, without
 * library or heap. A kernel-mode space's stub carries core and decides everything for its vCPU;
 * that of a user-mode space only passes on what stopped its guest code.
 */
#ifndef ENGINE_TRAP_STUB_STUB_H
#define ENGINE_TRAP_STUB_STUB_H

/* clang-format off: the last needs the first */
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
/* clang-format on */

#include <string.h>

#include "core/insn.h"
#include "core/mmu.h"
#include "core/stlb.h"
#include "core/vm.h"
#include "engine/trap/shared.h"

#pragma GCC visibility push(hidden) /* in the same image, and found without a table */

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

/* Exit statuses, for the monitor's message. */
enum stub_failure {
    STUB_FAILED_MAP = 33, /* SPACE_NOT_MAPPED */
    STUB_FAILED_SETUP = 64,
    STUB_FAILED_FILTER,
    STUB_FAILED_SIGNAL, /* a signal came from the stub's own code */
};

extern struct trap_config stub_config;

int64_t stub_syscall(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                     uint64_t a4, uint64_t a5);
_Noreturn void stub_fail(enum stub_failure why);

/* turn.c: words that are 1 when it is the waiter's turn. */
void turn_give(uint32_t *word);
void turn_wait(uint32_t *word);

/* context.c: registers between a signal's frame and a record. */
void context_save(const struct ucontext *uc, struct vcpu_user *user);
void context_load(struct ucontext *uc, const struct vcpu_user *user);

/* user.c: a signal in a user-mode space. */
void user_signal(int number, const siginfo_t *info, struct ucontext *uc);

/* kernel.c: a signal in a kernel-mode space. */
void kernel_start(void);
/* Mappings are compared with the guest's tables before they are used again. */
void kernel_fence(void);
/* Ends `run` with EXIT_HOST; returns when it has been called again. */
void kernel_leave(void);
/* Answers the SBI call at pc if that needs nobody else; pc stays. */
bool kernel_call(struct vcpu *vcpu);
void kernel_signal(int number, const siginfo_t *info, struct ucontext *uc);
/* The slot of the space of this satp and mode, which the monitor makes when there is none.
 * TRAP_NONE: its stub has nowhere to be. */
uint32_t kernel_space(uint64_t satp, enum priv mode);
/* Has the monitor end that space. */
void kernel_drop(uint32_t slot);
/* Executes one instruction, and decides how long to go on interpreting. */
void kernel_step(void);

/* umode.c: is the user's code one that a space of its own can execute? Not if it could read a
 * counter there that the guest's kernel keeps from it. */
bool umode_possible(const struct vcpu *vcpu);
/* Has it executed there until something stops it, and does what that asks for. */
void umode_run(void);

/* The kernel-mode space's own data: its VM as core sees it, and what it holds of guest RAM. */
struct kernel {
    struct trap_area *area;
    struct vcpu *vcpu;
    uint64_t satp;        /* whose mappings this space holds */
    const uint64_t *site; /* from, to: of the stub of the space that mappings are made for */
    uint32_t epoch;       /* fences that the software TLB has seen */
    struct vm vm;
    struct stlb stlb;
};
extern struct kernel kernel;

/* fast.c: executes until `limit` instructions are done, or a privileged one has changed mode or
 * made an interrupt deliverable, or (*core) the next is core's; a privileged one makes them `again`
 * from there. Returns how many are left. */
#define FAST_MOST 1000
unsigned fast_run(struct vcpu *vcpu, unsigned limit, unsigned again, bool *core);
/* Code may be another now: a store, fence.i, or native code went by. */
void fast_new_code(void);
/* block.c: the instruction at pc when its page is a plain one. */
bool fast_fetch(struct vcpu *vcpu, struct insn *insn);

/* step.c: one guest instruction by core. True: vcpu->priv.exit is filled. */
bool step(struct vcpu *vcpu);
/* Was this instruction, before which satp was `satp`, a fence? */
bool step_fences(const struct vcpu *vcpu, unsigned id, uint64_t satp);
/* The instruction at pc, decoded; false when it cannot be fetched. */
bool step_peek(struct vcpu *vcpu, struct insn *insn);

/* site.c: has the guest nothing at all where this site is? */
bool site_is_free(uint64_t satp, const uint64_t *site);
/* A site where it has nothing, or TRAP_NONE. */
uint32_t site_choose(uint64_t satp);
/* That of a space. */
const uint64_t *site_of(uint32_t slot);

/* fill.c: finds the mapping for a fault of native code at pc. False: core shall execute the
 * instruction. The second fault in a row at the same place shows that a mapping does not help. */
bool fill_fault(struct trap_tables *tables, gva_t va, struct trap_map *map);
/* What stopped native code was something else. */
void fill_forget_fault(void);
/* Whether a space with its stub there can hold guest code and data at this address; NULL: any. */
bool fill_possible(gva_t va, const uint64_t *site);
/* Carries it out in this process. False: the host will not. */
bool fill_map(const struct trap_map *map);
void fill_unmap_all(void);

/* reserve.c: host memory for guest RAM, at offsets into it. Are the pages before this one in use,
 * so that those behind it will be? */
bool reserve_is_run(uint64_t offset);
/* They will: has the host give large pages where it holds no memory for many of them yet. True:
 * most of it is there. */
bool reserve_take(uint64_t offset, uint64_t length);
/* Interpreted code has stored to a page for the first time in a while. */
void reserve_touched(uint64_t offset);

/* tables.c: what mappings depend on: `count` entries of a table, of which the first holds `pte` and
 * each other leads on where the one before ends. */
bool tables_note(struct trap_tables *tables, gpa_t gpa, gva_t base, unsigned level, unsigned index,
                 unsigned count, uint64_t pte);
/* When there were fences since the last call: compares with the guest's tables now, and calls
 * `gone` for each range whose translation is another. */
void tables_see_fences(struct trap_tables *tables, void (*gone)(gva_t va, uint64_t length));

static inline void count(enum trap_counter counter)
{
    kernel.area->count[counter]++;
}

#pragma GCC visibility pop

#endif
