/* SPDX-License-Identifier: MIT */
/* The kernel's side of a user program: its space, its traps, its two system calls. */
#include "guests/bench/user.h"

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define SYS_write      64
#define SYS_exit       93

#define USER_DATA_SIZE 0x100000UL

extern char trap_entry[], trap_entry_fast[], trap_leave[];
void user_enter(uint64_t *context);
_Noreturn void user_exit(uint64_t *context);
_Noreturn void user_resume(void);

static struct page_table user_table;
static _Alignas(4096) uint8_t user_data[USER_DATA_SIZE];
static _Alignas(4096) uint8_t user_stack[PAGE_SIZE];
static _Alignas(4096) uint64_t context[PAGE_SIZE / 8];
static uint64_t entry_va;

static uint64_t *context_at(uint64_t offset)
{
    return &context[offset / 8];
}

static uint64_t in_trampoline(const char *label)
{
    return TRAMPOLINE_VA + (uint64_t)(label - trampoline);
}

_Noreturn void user_resume(void)
{
    void (*leave)(uint64_t, uint64_t) = (void (*)(uint64_t, uint64_t))in_trampoline(trap_leave);

    csr_write(stvec, entry_va);
    __asm__ volatile("fence.i" : : : "memory");
    leave(CONTEXT_VA, page_table_satp(user_table));
    __builtin_unreachable();
}

/* Where the kernel reaches a byte that the user may read, or NULL. */
static const char *user_byte(uint64_t va)
{
    const uint64_t *leaf = page_leaf(user_table, va);

    if (leaf == NULL || (*leaf & (PTE_U | PTE_R)) != (PTE_U | PTE_R))
        return NULL;
    return (const char *)(pte_address(*leaf) + va % PAGE_SIZE + KERNEL_OFFSET);
}

static uint64_t sys_write(uint64_t fd, uint64_t va, uint64_t length)
{
    if (fd != 1)
        return -1UL;
    for (uint64_t i = 0; i < length; i++) {
        const char *byte = user_byte(va + i);

        if (byte == NULL)
            return -1UL;
        sbi_putchar(*byte);
    }
    return length;
}

static void user_syscall(void)
{
    uint64_t *a0 = context_at(CONTEXT_A0);

    *context_at(CONTEXT_SEPC) += 4;
    switch (*context_at(CONTEXT_A7)) {
    case SYS_write:
        *a0 = sys_write(*a0, *context_at(CONTEXT_A1), *context_at(CONTEXT_A2));
        break;
    case SYS_exit:
        require(*a0 == 0);
        user_exit(context);
    default:
        *a0 = -1UL;
    }
}

/* Entered from the trampoline on the kernel's stack. */
static _Noreturn void user_trap(void)
{
    uint64_t scause, stval;

    csr_write(stvec, (uint64_t)trap_vector);
    scause = csr_read(scause);
    stval = csr_read(stval);
    if (scause == CAUSE_ECALL_FROM_U) {
        user_syscall();
    } else if (scause == CAUSE_BREAKPOINT) {
        user_exit(context);
    } else {
        print("FAIL user trap: scause %lx sepc %lx stval %lx\n", scause, *context_at(CONTEXT_SEPC),
              stval);
        guest_fail();
    }
    user_resume();
}

void user_run(const char *entry, uint64_t argument, bool fast)
{
    entry_va = in_trampoline(fast ? trap_entry_fast : trap_entry);
    *context_at(CONTEXT_SEPC) = USER_TEXT_VA + (uint64_t)(entry - user_text);
    *context_at(CONTEXT_SP) = USER_STACK_VA + PAGE_SIZE;
    *context_at(CONTEXT_A0) = argument;
    *context_at(CONTEXT_SSTATUS) = csr_read(sstatus) & ~SSTATUS_SPP;
    *context_at(CONTEXT_SATP) = csr_read(satp);
    *context_at(CONTEXT_HANDLER) = (uint64_t)user_trap;
    user_enter(context);
}

void user_map_data(uint64_t va, uint64_t pa, uint64_t size)
{
    page_map(user_table, va, pa, size, PTE_R | PTE_W | PTE_U);
}

void user_unmap_data(uint64_t va, uint64_t size)
{
    for (uint64_t at = va; at < va + size; at += PAGE_SIZE)
        *page_leaf(user_table, at) = 0;
    sfence_vma();
}

void user_init(struct page_table kernel)
{
    uint64_t text_size = (uint64_t)(rodata_start - user_text);

    user_table = page_table_new();
    page_map(user_table, USER_TEXT_VA, phys_of(user_text), text_size, PTE_R | PTE_X | PTE_U);
    page_map(user_table, USER_STACK_VA, phys_of(user_stack), PAGE_SIZE, PTE_R | PTE_W | PTE_U);
    page_map(user_table, USER_DATA_VA, phys_of(user_data), USER_DATA_SIZE, PTE_R | PTE_W | PTE_U);
    page_map(user_table, CONTEXT_VA, phys_of(context), PAGE_SIZE, PTE_R | PTE_W);
    page_map(user_table, TRAMPOLINE_VA, phys_of(trampoline), PAGE_SIZE, PTE_R | PTE_X);
    page_map(kernel, TRAMPOLINE_VA, phys_of(trampoline), PAGE_SIZE, PTE_R | PTE_X);
}
