/* SPDX-License-Identifier: MIT */
/* Traps out of user programs; trampoline.S has brought us here, and takes us back. */
#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/ulix/calls.h"
#include "guests/ulix/interrupt.h"
#include "guests/ulix/process.h"
#include "guests/ulix/space.h"
#include "guests/ulix/system.h"

/* Programs may read what counters there are: who runs us may not be able to keep them from it. */
#define COUNTEREN_ALL 7 /* CY TM IR */

extern char user_entry[], user_return[], kernel_entry[];
static _Noreturn void user_trap(void);
_Noreturn void kernel_trap(void);

_Noreturn void kernel_trap(void)
{
    print("FAIL trap in the kernel: scause %lx sepc %lx stval %lx\n", csr_read(scause),
          csr_read(sepc), csr_read(stval));
    guest_fail();
}

void trap_init_hart(void)
{
    struct hart *hart = this_hart();

    csr_write(stvec, (uint64_t)kernel_entry);
    csr_write(scounteren, COUNTEREN_ALL);
    hart->kernel_satp = csr_read(satp);
    hart->kernel_entry = user_trap;
    hart->self = hart;
}

static uint64_t on_trampoline(const char *code)
{
    return TRAMPOLINE + (uint64_t)(code - trampoline);
}

_Noreturn void trap_return(void)
{
    struct hart *hart = this_hart();
    struct process *process = hart->process;
    void (*go)(uint64_t) = (void (*)(uint64_t))on_trampoline(user_return);

    hart->frame = &process->frame;
    hart->kernel_sp = (uint64_t)process->stack + PAGE_SIZE;
    hart->user_satp = table_satp(process->space->root);
    csr_write(stvec, on_trampoline(user_entry));
    csr_clear(sstatus, SSTATUS_SPP);
    csr_set(sstatus, SSTATUS_SPIE);
    space_enter(process->space);
    go(HART_PAGE(hart_index(hart)));
    __builtin_unreachable();
}

static uint64_t wanted_by(uint64_t cause)
{
    if (cause == CAUSE_INSTRUCTION_PAGE_FAULT)
        return PTE_X;
    return cause == CAUSE_STORE_PAGE_FAULT ? PTE_W : PTE_R;
}

static void page_fault(struct process *process, uint64_t cause)
{
    if (!space_fault(process->space, csr_read(stval), wanted_by(cause)))
        process_exit(STATUS_KILLED | (int)cause);
}

static _Noreturn void user_trap(void)
{
    struct process *process = this_process();
    uint64_t cause = csr_read(scause);

    csr_write(stvec, (uint64_t)kernel_entry);
    space_leave(process->space);
    if (cause & CAUSE_INTERRUPT) {
        if (interrupt_take(cause))
            schedule_yield();
    } else if (cause == CAUSE_ECALL_FROM_U) {
        process->frame.pc += 4;
        call_dispatch();
    } else if (cause == CAUSE_INSTRUCTION_PAGE_FAULT || cause == CAUSE_LOAD_PAGE_FAULT ||
               cause == CAUSE_STORE_PAGE_FAULT) {
        page_fault(process, cause);
    } else {
        process_exit(STATUS_KILLED | (int)(cause & 0xff));
    }
    trap_return();
}
